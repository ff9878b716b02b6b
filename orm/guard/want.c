/* SPDX-License-Identifier: Apache-2.0 */
/* The machine while an operand is wanted: values, calls, parentheses, SELECT. */
#include <orm/guard/parse.h>

bool guard_begin_select(struct guard_parse *s)
{
	struct guard_frame *f = guard_top(s);

	if (s->unite)
		f->how = HOW_UNION;
	else if (!f->fresh)
		return false;
	else if (s->depth)
		f->how = HOW_GROUP;
	s->unite = false;
	f->select = SELECT_LIST;
	f->fresh = true;
	f->strong = f->aliased = f->linked = f->comparing = false;
	f->lone = O_NONE;
	guard_want(s);
	return true;
}

/* TOP 5, TOP (5), LIMIT's kin in front of a list. */
static bool skip_top(struct guard_parse *s)
{
	bool group;

	if (guard_top(s)->select != SELECT_LIST || !guard_top(s)->fresh)
		return false;
	guard_next(s);
	group = s->t.kind == T_OPENING;
	if (group)
		guard_next(s);
	if (s->t.kind != T_NUM && s->t.kind != T_VAR)
		return false;
	if (group)
		guard_next(s);
	return !group || s->t.kind == T_CLOSING;
}

static bool call(struct guard_parse *s, const struct guard_token *name)
{
	const struct guard_word *known = name->word;

	if (known && known->role != W_STATEMENT)
		guard_sign_word(s, known);
	if (name->first && name->first->role == W_NAME)
		guard_sign_word(s, name->first);
	guard_next(s);
	if (s->t.kind != T_OPENING || !guard_push(s, FRAME_CALL, known))
		return false;
	if (known && known->role == W_IF) {
		guard_top(s)->linked = true;
		guard_top(s)->branch = known->len == 2;
	}
	return true;
}

bool guard_plain_word(struct guard_parse *s)
{
	struct guard_token name = s->t;

	if (name.call)
		return call(s, &name);
	/* A table of the catalog's, unless it is all that the value begins with. */
	if (s->tokens > 1) {
		if (name.word && name.word->role == W_NAME)
			guard_sign_word(s, name.word);
		if (name.first && name.first->role == W_NAME)
			guard_sign_word(s, name.first);
	}
	guard_operand(s, O_NAME);
	return true;
}

static bool want_word(struct guard_parse *s)
{
	const struct guard_word *word = s->t.word;

	if (!word)
		return guard_plain_word(s);
	switch (word->role) {
	case W_SELECT:
		return guard_begin_select(s);
	case W_VALUES:
		return s->t.call && (s->unite || guard_top(s)->fresh) ? guard_begin_select(s)
								      : guard_plain_word(s);
	case W_CASE:
		guard_sign(s, ORM_GUARD_EXPRESSION, 0.35F);
		return guard_push(s, FRAME_CASE, NULL);
	case W_WHEN:
		if (guard_top(s)->kind != FRAME_CASE)
			return false;
		guard_top(s)->linked = true;
		return true;
	case W_CONST:
		guard_sign_word(s, word);
		if ((s->plain || s->tokens == 2) && guard_top(s)->linked && word->text[0] == 't')
			guard_sign(s, ORM_GUARD_TAUTOLOGY, 0.62F); /* 1 OR TRUE, OR TRUE */
		if (s->t.call)					   /* CURRENT_USER() */
			return guard_plain_word(s);
		guard_operand(s, O_CONST);
		return true;
	case W_NOT:
	case W_PREFIX:
	case W_ALL:
		if (s->t.call && word->role == W_PREFIX && guard_top(s)->select != SELECT_LIST)
			return guard_plain_word(s);
		return true;
	case W_LIMIT:
		return skip_top(s);
	case W_STATEMENT:
		if (s->t.call)
			return guard_plain_word(s);
		return guard_top(s)->fresh && s->depth && guard_statement(s, true);
	case W_MODE: /* IN BOOLEAN MODE */
		guard_next(s);
		if (!guard_top(s)->comparing || !guard_is_word(&s->t, W_MODE))
			return false;
		guard_sign(s, ORM_GUARD_CLAUSE, s->quoted ? 0.7F : 0.4F);
		guard_operand(s, O_NONE);
		return true;
	case W_NAME:
	case W_FUNC:
	case W_TYPE:
	case W_OBJECT:
	case W_SUFFIX:
	case W_IF:
	case W_FILE:
	case W_SORT:
	case W_SET:
	case W_TO:
	case W_FOR:
		return guard_plain_word(s);
	case W_CMP:
	case W_JOIN:
		return s->t.call && guard_plain_word(s);
	default:
		return false;
	}
}

bool guard_want_step(struct guard_parse *s)
{
	struct guard_frame *f = guard_top(s);

	switch (s->t.kind) {
	case T_VAR:
		if (s->t.len > 2 && s->t.p[0] == '@' && s->t.p[1] == '@') {
			guard_sign(s, ORM_GUARD_PROBE, 0.4F);
			guard_operand(s, O_CONST);
			return true;
		}
		guard_operand(s, O_NAME);
		return true;
	case T_NUM:
	case T_STR:
		guard_operand(s, O_CONST);
		return true;
	case T_OPEN:
		guard_operand(s, O_CONST);
		s->open = s->done = true;
		s->loose |= !s->quoted;
		return true;
	case T_QUOTED:
		guard_operand(s, O_NAME);
		return true;
	case T_WORD:
		return want_word(s);
	case T_OPENING:
		return guard_push(s, FRAME_GROUP, NULL);
	case T_CLOSING: /* f() */
		if (f->kind != FRAME_CALL || !f->fresh)
			return false;
		guard_pop(s);
		return true;
	case T_STAR: /* SELECT *, COUNT(*) */
		if (!f->fresh || (f->select != SELECT_LIST && f->kind != FRAME_CALL))
			return false;
		guard_operand(s, O_STAR);
		return true;
	case T_ARITH:
		return s->t.len == 1 && (*s->t.p == '+' || *s->t.p == '-');
	case T_UNARY:
		return true;
	default:
		return false;
	}
}
