/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine. s->have says what it stands behind; every step looks at one token and returns false
 * when no database would go on. Frames are pushed by ( and CASE, popped by ) and END. A frame whose
 * `linked` is set is inside a condition: what is compared there decides which rows come.
 */
#include <string.h>

#include <orm/guard/parse.h>
#include <strazh/base/compiler.h>

#define TOKENS_MAX 20000U

struct guard_frame *guard_top(struct guard_parse *s)
{
	return &s->frames[s->depth];
}

void guard_next(struct guard_parse *s)
{
	guard_lex_next(&s->lex, &s->t);
	s->tokens++;
}

bool guard_is_word(const struct guard_token *t, enum guard_role role)
{
	return t->kind == T_WORD && t->word && t->word->role == role;
}

bool guard_push(struct guard_parse *s, enum guard_frame_kind kind, const struct guard_word *func)
{
	const struct guard_frame *f = guard_top(s);
	bool inherited = f->linked || f->inherited;

	if (s->depth + 1 >= GUARD_DEPTH_MAX)
		return false;
	s->depth++;
	*guard_top(s) = (struct guard_frame){
		.kind = (uint8_t)kind, .fresh = true, .inherited = inherited, .function = func};
	s->have = false;
	return true;
}

/* An operand is complete. */
void guard_operand(struct guard_parse *s, enum guard_operand kind)
{
	struct guard_frame *f = guard_top(s);

	f->name = kind == O_NAME ? s->t.p : NULL;
	f->name_len = s->t.len;
	if (f->comparing) {
		guard_sign_compare(s, f, kind);
		f->comparing = false;
		f->lone = O_NONE;
	} else if (!s->arith) {
		f->lone = (uint8_t)kind;
	} else if (f->lone) {
		f->lone = MAX(f->lone, (uint8_t)kind);
	}
	if (f->ordered && !s->depth)
		guard_sign_sorted(s, kind);
	if (f->limited && s->t.kind == T_NUM && s->depth)
		guard_sign(s, ORM_GUARD_SUBQUERY, 0.72F);
	else if (f->limited && s->t.kind == T_NUM)
		guard_sign(s, ORM_GUARD_CLAUSE, s->quoted ? 0.62F : 0.3F);
	f->ordered = f->limited = false;
	if (f->select == SELECT_LIST && f->fresh) {
		f->strong = kind >= O_CONST || kind == O_GROUP;
		guard_sign_select(s, f, false);
	} else if (f->select == SELECT_LIST && kind >= O_CONST && !f->strong) {
		f->strong = true;
		guard_sign_select(s, f, false);
	} else if (f->select == SELECT_FROM && f->fresh) {
		guard_sign_select(s, f, true);
	}
	f->fresh = false;
	f->last = s->arith ? MAX(f->last, (uint8_t)kind) : (uint8_t)kind;
	s->arith = false;
	s->have = true;
}

/* A condition, an item, or the frame ends here. */
void guard_settle(struct guard_parse *s)
{
	struct guard_frame *f = guard_top(s);

	if ((f->linked || f->inherited) && f->lone)
		guard_sign_lone(s, f);
	f->lone = O_NONE;
	f->between = false;
}

void guard_pop(struct guard_parse *s)
{
	struct guard_frame f = *guard_top(s);
	/* What is but a literal in parentheses is one. */
	enum guard_operand kind = f.last == O_CONST && !f.linked ? O_CONST : O_GROUP;

	guard_settle(s);
	if (f.select || f.how == HOW_UNION)
		kind = O_SELECT;
	else if (f.kind == FRAME_CASE || (f.kind == FRAME_CALL && f.function))
		kind = O_KNOWN;
	else if (f.kind == FRAME_CALL)
		kind = O_CALL;
	s->depth--;
	/* Arithmetic inside is over; what it was an operand of goes on. */
	guard_operand(s, kind);
	if (f.branch && !f.listed)
		guard_top(s)->branch = s->owes = true;
}

void guard_want(struct guard_parse *s)
{
	s->have = false;
	s->arith = false;
}

void guard_link(struct guard_parse *s)
{
	struct guard_frame *f = guard_top(s);

	guard_settle(s);
	f->linked = true;
	f->comparing = false;
	guard_want(s);
}

/* May a bare value begin with it although it needs something in front: the value was empty? */
static bool leads(const struct guard_token *t)
{
	if (t->kind == T_WORD && t->word)
		switch (t->word->role) {
		case W_AND:
		case W_OR:
		case W_UNION:
		case W_WHERE:
		case W_ORDER:
		case W_GROUP:
		case W_PROCEDURE:
			return true;
		case W_CMP:
			return !t->call;
		default:
			return false;
		}
	return t->kind == T_SEMI || t->kind == T_COMMA || t->kind == T_CLOSING ||
	       t->kind == T_LOGIC;
}

static void begin_bare(struct guard_parse *s)
{
	struct guard_frame *f = guard_top(s);

	guard_next(s);
	f->fresh = true;
	f->how = HOW_START;
	s->have = leads(&s->t);
	s->plain = s->t.kind == T_NUM || s->t.kind == T_STR ||
		   (s->t.kind == T_ARITH && (*s->t.p == '-' || *s->t.p == '+'));
}

void guard_parse(struct guard_parse *s, const uint8_t *p, const uint8_t *end, uint8_t quote)
{
	memset(s, 0, offsetof(struct guard_parse, frames));
	s->frames[0] = (struct guard_frame){.kind = FRAME_TOP};
	guard_lex_init(&s->lex, p, end, quote);
	s->quoted = quote;
	if (quote) {
		s->have = true;
		guard_top(s)->last = O_CONST;
		guard_next(s);
	} else {
		begin_bare(s);
	}
	while (!s->done && s->t.kind != T_END && s->t.kind != T_TAIL && s->tokens < TOKENS_MAX) {
		if (!(s->have ? guard_have_step(s) : guard_want_step(s))) {
			s->broke = true;
			break;
		}
		if (!s->done)
			guard_next(s);
	}
	s->tail = s->t.kind == T_TAIL && !s->done;
	s->tail_token = s->t;
	/* UNION SELECT, and the rest was cut off. */
	if (!s->broke && !s->have && guard_top(s)->how == HOW_UNION && guard_top(s)->fresh)
		guard_sign(s, ORM_GUARD_UNION, 0.92F);
	/* Behind an operator of a bare value the program's text may go on. */
	if (!s->done && !s->have && s->tokens < TOKENS_MAX) {
		s->loose = true;
		s->broke |= s->quoted || s->depth || s->tail;
	}
	/* What it leaves open, it must have closed of the program's. */
	if (s->depth > s->closed && !s->done)
		s->broke = true;
	if (!s->broke && s->have)
		guard_settle(s);
}
