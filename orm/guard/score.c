/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs and the number they make. Each class keeps its strongest sign; independent classes add up
 * as 1 - (1-a)(1-b). Two weights stand side by side where it matters whether the value closed the
 * quotes around it: harmless text rarely does that and then goes on well.
 */
#include <string.h>

#include <orm/guard/parse.h>
#include <strazh/base/compiler.h>

enum { BARE, QUOTED };

/* By how a SELECT came, bare or quoted, and: first item a name or more; the same with FROM. */
static const float selects[HOW_COUNT][2][4] = {
	[HOW_GROUP] = {{0.25F, 0.45F, 0.62F, 0.7F}, {0.5F, 0.7F, 0.75F, 0.85F}},
	[HOW_STACKED] = {{0.2F, 0.7F, 0.55F, 0.85F}, {0.4F, 0.8F, 0.75F, 0.9F}},
	[HOW_UNION] = {{0.65F, 0.9F, 0.8F, 0.95F}, {0.8F, 0.95F, 0.9F, 0.97F}},
	[HOW_START] = {{0, 0.2F, 0.3F, 0.4F}, {0, 0.2F, 0.3F, 0.4F}},
};
static const uint8_t select_classes[HOW_COUNT] = {
	[HOW_GROUP] = ORM_GUARD_SUBQUERY,
	[HOW_STACKED] = ORM_GUARD_STACKED,
	[HOW_UNION] = ORM_GUARD_UNION,
	[HOW_START] = ORM_GUARD_SUBQUERY,
};

void guard_sign(struct guard_parse *s, enum orm_guard_class class, float weight)
{
	if (weight > s->sign[class])
		s->sign[class] = weight;
}

void guard_sign_word(struct guard_parse *s, const struct guard_word *word)
{
	if (word && word->class)
		guard_sign(s, word->class, (float)word->weight / 100);
}

static bool is_same_name(const struct guard_frame *f)
{
	return f->name && f->lhs_name && f->name_len == f->lhs_name_len &&
	       !memcmp(f->name, f->lhs_name, f->name_len);
}

static void compare_linked(struct guard_parse *s, const struct guard_frame *f,
			   enum guard_operand left, enum guard_operand right)
{
	unsigned most = MAX(left, right), least = MIN(left, right);

	if (is_same_name(f))
		guard_sign(s, ORM_GUARD_TAUTOLOGY, s->quoted ? 0.85F : 0.75F);
	else if (most == O_SELECT)
		guard_sign(s, ORM_GUARD_SUBQUERY, 0.85F);
	else if (least >= O_CONST)
		guard_sign(s, most == O_CONST ? ORM_GUARD_TAUTOLOGY : ORM_GUARD_CONDITION,
			   s->quoted ? 0.92F : 0.85F);
	else if (most == O_KNOWN)
		guard_sign(s, ORM_GUARD_CONDITION, s->quoted ? 0.8F : 0.65F);
	else if (most == O_CONST)
		guard_sign(s, ORM_GUARD_CONDITION, s->quoted ? 0.75F : 0.5F);
	else
		guard_sign(s, ORM_GUARD_CONDITION, s->quoted ? 0.68F : 0.3F);
}

/* Two literals compared inside a call or parentheses: nobody stores that as a value. */
void guard_sign_compare(struct guard_parse *s, const struct guard_frame *f,
			enum guard_operand right)
{
	unsigned left = f->lhs;

	if (!left || !right)
		return;
	if (f->function && f->function->role == W_IF)
		guard_sign(s, ORM_GUARD_EXPRESSION, 0.45F);
	if (f->linked || f->inherited)
		compare_linked(s, f, left, right);
	else if (left == O_CONST && right == O_CONST)
		guard_sign(s, ORM_GUARD_TAUTOLOGY,
			   f->kind == FRAME_GROUP || f->function ? 0.62F : 0.3F);
	else if (MAX(left, right) == O_SELECT)
		guard_sign(s, ORM_GUARD_SUBQUERY, 0.6F);
	else if (left >= O_CONST && right >= O_CONST)
		guard_sign(s, ORM_GUARD_EXPRESSION, 0.4F);
}

void guard_sign_lone(struct guard_parse *s, const struct guard_frame *f)
{
	switch ((enum guard_operand)f->lone) {
	case O_SELECT:
		guard_sign(s, ORM_GUARD_SUBQUERY, 0.7F);
		break;
	case O_KNOWN:
		guard_sign(s, ORM_GUARD_CONDITION, s->quoted ? 0.65F : 0.4F);
		break;
	case O_CONST:
		guard_sign(s, ORM_GUARD_TAUTOLOGY, s->quoted ? 0.55F : 0.05F);
		break;
	case O_CALL:
		guard_sign(s, ORM_GUARD_CONDITION, s->quoted ? 0.4F : 0.1F);
		break;
	case O_NONE:
	case O_NAME:
	case O_GROUP:
	case O_STAR:
		break;
	}
}

void guard_sign_select(struct guard_parse *s, const struct guard_frame *f, bool from)
{
	guard_sign(s, select_classes[f->how], selects[f->how][s->quoted][f->strong + 2 * from]);
}

void guard_sign_sorted(struct guard_parse *s, enum guard_operand operand)
{
	float weight = s->quoted ? 0.65F : 0.15F;

	if (operand == O_CONST)
		weight = s->quoted ? 0.8F : s->plain ? 0.65F : 0.45F;
	guard_sign(s, ORM_GUARD_CLAUSE, weight);
}

/* The words behind -- or #. An attacker writes none, or one so that no blank is cut off. */
static unsigned words_of_tail(const struct guard_parse *s)
{
	const struct guard_token *t = &s->tail_token;
	unsigned n = 0;
	bool inside = false;

	for (size_t i = 0; i < t->len && n < 2; i++) {
		uint8_t c = t->p[i];
		bool blank = c == ' ' || c == '-' || c == '+' || c == '\t' || c == '\r';

		n += !blank && !inside;
		inside = !blank;
	}
	return n;
}

/* Alone a comment counts only behind a closed quote, and when nothing is in it. */
static float of_tail(const struct guard_parse *s, bool signs)
{
	unsigned words = s->tail && !s->broke ? words_of_tail(s) : 2;

	if (signs)
		return words < 2 ? 0.4F : s->tail ? 0.15F : 0;
	return !words && s->tail_token.len < 4 && (s->lex.quote == '\'' || s->lex.quote == '"')
		       ? 0.62F
		       : 0;
}

float guard_score(const struct guard_parse *s, enum orm_guard_class *ret_class)
{
	float clean = 1, best = 0, tail;

	*ret_class = ORM_GUARD_NONE;
	for (unsigned i = 0; i < ORM_GUARD_CLASS_COUNT; i++) {
		clean *= 1 - s->sign[i];
		if (s->sign[i] > best) {
			best = s->sign[i];
			*ret_class = i;
		}
	}
	tail = of_tail(s, best > 0.1F);
	if (tail > best)
		*ret_class = ORM_GUARD_TRUNCATION;
	clean *= 1 - tail;
	if (best > 0.1F) {
		if (s->open)
			clean *= 0.85F;
		if (s->lex.comments)
			clean *= 0.75F;
		if (s->lex.conditional)
			clean *= 0.6F;
	}
	if (s->owes)
		return (1 - clean) * 0.5F;
	if (s->broke)
		return (1 - clean) * (s->quoted ? 0.72F : 0.66F);
	if (s->loose || !(s->quoted || s->plain))
		return (1 - clean) * 0.85F;
	return 1 - clean;
}
