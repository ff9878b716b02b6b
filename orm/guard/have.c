/* SPDX-License-Identifier: Apache-2.0 */
/* The machine behind an operand: operators, clauses, aliases, what closes and what ends. */
#include <string.h>

#include <orm/guard/parse.h>

#define CLOSED_MAX 16U

/* Behind AS, :: and the like: a name or type, perhaps with a list in parentheses. */
static bool skip_name(struct guard_parse *s)
{
	bool list;

	guard_next(s);
	list = s->t.kind == T_WORD && s->t.call;
	if (s->t.kind == T_OPEN) {
		s->open = s->done = true;
		return true;
	}
	if (s->t.kind != T_WORD && s->t.kind != T_QUOTED && s->t.kind != T_STR)
		return false;
	while (list) {
		guard_next(s);
		if (s->t.kind == T_CLOSING)
			break;
		if (s->t.kind != T_OPENING && s->t.kind != T_NUM && s->t.kind != T_WORD &&
		    s->t.kind != T_COMMA)
			return false;
	}
	return true;
}

static bool alias(struct guard_parse *s)
{
	struct guard_frame *f = guard_top(s);

	if ((f->select != SELECT_LIST && f->select != SELECT_FROM) || f->aliased || s->t.call)
		return false;
	f->aliased = true;
	return true;
}

static bool have_and(struct guard_parse *s)
{
	struct guard_frame *f = guard_top(s);

	if (f->between) {
		f->between = false;
		guard_want(s);
		return true;
	}
	guard_link(s);
	return true;
}

static bool compare(struct guard_parse *s)
{
	struct guard_frame *f = guard_top(s);

	f->lhs = f->last;
	f->lhs_name = f->name;
	f->lhs_name_len = f->name_len;
	f->comparing = true;
	guard_want(s);
	return true;
}

static bool have_not(struct guard_parse *s)
{
	guard_next(s);
	if (!guard_is_word(&s->t, W_CMP) && !guard_is_word(&s->t, W_BETWEEN))
		return false;
	guard_top(s)->between = s->t.word->role == W_BETWEEN;
	return compare(s);
}

static bool have_by(struct guard_parse *s)
{
	struct guard_frame *f = guard_top(s);

	guard_settle(s);
	guard_next(s);
	if (!guard_is_word(&s->t, W_BY))
		return false;
	if (f->select)
		f->select = SELECT_TAIL;
	f->linked = false;
	f->ordered = true;
	guard_want(s);
	return true;
}

static bool have_into(struct guard_parse *s)
{
	bool file;

	guard_next(s);
	file = guard_is_word(&s->t, W_FILE);
	if (file) {
		guard_next(s);
		if (s->t.kind != T_STR && s->t.kind != T_NUM && s->t.kind != T_OPEN)
			return false;
		guard_sign(s, ORM_GUARD_CLAUSE, 0.9F);
		s->open = s->done = s->t.kind == T_OPEN;
		/* LINES TERMINATED BY and the like: it is what it is. */
		s->done = true;
		return true;
	}
	return (s->t.kind == T_WORD || s->t.kind == T_VAR) && guard_top(s)->select;
}

static bool have_from(struct guard_parse *s)
{
	struct guard_frame *f = guard_top(s);

	guard_settle(s);
	if (f->select == SELECT_LIST) {
		f->select = SELECT_FROM;
		f->fresh = true;
		f->aliased = false;
	} else if (f->kind != FRAME_CALL) {
		return false; /* EXTRACT(x FROM y) */
	}
	f->linked = false;
	guard_want(s);
	return true;
}

static bool have_union(struct guard_parse *s)
{
	guard_settle(s);
	guard_top(s)->linked = guard_top(s)->comparing = false;
	guard_top(s)->fresh = true;
	s->unite = true;
	guard_want(s);
	guard_next(s);
	if (guard_is_word(&s->t, W_ALL) || guard_is_word(&s->t, W_PREFIX))
		guard_next(s);
	if (s->t.kind == T_OPENING)
		return guard_push(s, FRAME_GROUP, NULL);
	return (guard_is_word(&s->t, W_SELECT) || guard_is_word(&s->t, W_VALUES)) &&
	       guard_begin_select(s);
}

static bool have_procedure(struct guard_parse *s)
{
	guard_next(s);
	if (s->t.kind != T_WORD || !s->t.call)
		return false;
	guard_sign(s, ORM_GUARD_CLAUSE, 0.85F);
	return guard_plain_word(s);
}

static bool have_case_word(struct guard_parse *s, enum guard_role role)
{
	struct guard_frame *f = guard_top(s);

	if (f->kind != FRAME_CASE) {
		/* IF (...) SELECT 1 ELSE DROP ... */
		if (role == W_ENDS || role == W_WHEN)
			return false;
		guard_next(s);
		return guard_statement(s, true);
	}
	guard_settle(s);
	f->comparing = false;
	f->linked = role == W_WHEN;
	if (role == W_ENDS)
		guard_pop(s);
	else
		guard_want(s);
	return true;
}

static bool have_join(struct guard_parse *s)
{
	struct guard_frame *f = guard_top(s);

	if (f->select != SELECT_FROM)
		return alias(s);
	while (guard_is_word(&s->t, W_JOIN) && strcmp(s->t.word->text, "join"))
		guard_next(s);
	f->aliased = false;
	guard_want(s);
	return guard_is_word(&s->t, W_JOIN);
}

/* A word that begins the next clause, or goes on in this one. */
static bool have_clause(struct guard_parse *s)
{
	struct guard_frame *f = guard_top(s);

	switch (s->t.word->role) {
	case W_FROM:
		return have_from(s);
	case W_WHERE:
		if (f->select)
			f->select = SELECT_TAIL;
		guard_link(s);
		return true;
	case W_ON:
		if (f->select != SELECT_FROM)
			return false;
		guard_link(s);
		return true;
	case W_GROUP:
	case W_ORDER:
		return have_by(s);
	case W_LIMIT:
		guard_settle(s);
		f->linked = false;
		f->limited = true;
		guard_want(s);
		return true;
	case W_INTO:
		return have_into(s);
	case W_UNION:
		return have_union(s);
	case W_PROCEDURE:
		return have_procedure(s);
	case W_JOIN:
		return have_join(s);
	case W_FOR: /* SUBSTRING(x FROM 1 FOR 1), FOR UPDATE, FOR XML */
		if (f->kind != FRAME_CALL)
			return skip_name(s);
		guard_want(s);
		return true;
	case W_STATEMENT:
		return guard_statement(s, false);
	default:
		return false;
	}
}

static bool have_word(struct guard_parse *s)
{
	const struct guard_word *word = s->t.word;

	if (guard_top(s)->branch) {
		const uint32_t tokens = s->tokens;

		if (guard_statement(s, true))
			return true;
		if (s->tokens != tokens)
			return false; /* it began as one */
	}
	if (!word)
		return alias(s);
	switch (word->role) {
	case W_AND:
		return have_and(s);
	case W_OR:
		guard_link(s);
		return true;
	case W_NOT:
		return have_not(s);
	case W_BETWEEN:
		guard_top(s)->between = true;
		return compare(s);
	case W_CMP:
	case W_IS:
		return compare(s);
	case W_AS:
	case W_SUFFIX:
		return skip_name(s);
	case W_WHEN:
	case W_THEN:
	case W_ELSE:
	case W_ENDS:
		return have_case_word(s, word->role);
	case W_SORT:
		return true;
	case W_IF:
		return s->t.call && guard_plain_word(s);
	case W_NAME:
	case W_FUNC:
	case W_CONST:
	case W_PREFIX:
	case W_TYPE:
	case W_OBJECT:
	case W_SET:
	case W_TO:
	case W_FILE:
	case W_MODE:
		return alias(s);
	default:
		return have_clause(s);
	}
}

static bool close_group(struct guard_parse *s)
{
	if (s->depth && guard_top(s)->kind != FRAME_CASE) {
		guard_pop(s);
		return true;
	}
	if (s->depth || ++s->closed > CLOSED_MAX)
		return false;
	/* It closes one of the program's. */
	guard_settle(s);
	guard_top(s)->linked = guard_top(s)->comparing = false;
	guard_top(s)->select = SELECT_NONE;
	return true;
}

static bool have_semi(struct guard_parse *s)
{
	if (s->depth)
		return false;
	guard_settle(s);
	*guard_top(s) = (struct guard_frame){.fresh = true, .how = HOW_STACKED};
	guard_want(s);
	guard_next(s);
	return guard_statement(s, true);
}

/* `1 (SELECT ...)` is nowhere valid, and tried all the same. */
static bool have_opening(struct guard_parse *s)
{
	guard_next(s);
	if (!guard_is_word(&s->t, W_SELECT))
		return false;
	s->loose = true;
	return guard_push(s, FRAME_GROUP, NULL) && guard_begin_select(s);
}

bool guard_have_step(struct guard_parse *s)
{
	switch (s->t.kind) {
	case T_WORD:
		return have_word(s);
	case T_CMP:
	case T_ASSIGN:
		return compare(s);
	case T_ARITH:
	case T_STAR:
	case T_UNARY:
		if (s->t.kind == T_UNARY && *s->t.p == '!')
			return false;
		s->have = false;
		s->arith = true;
		return true;
	case T_LOGIC:
		guard_link(s);
		return true;
	case T_CAST:
		return skip_name(s);
	case T_COMMA:
		guard_settle(s);
		guard_top(s)->linked = guard_top(s)->comparing = false;
		guard_top(s)->aliased = false;
		guard_top(s)->listed = true;
		guard_want(s);
		return true;
	case T_OPENING:
		return have_opening(s);
	case T_CLOSING:
		return close_group(s);
	case T_SEMI:
		return have_semi(s);
	case T_QUOTED:
		return *s->t.p == '[' || alias(s);
	case T_STR:
		return alias(s);
	case T_OPEN: /* the alias of an item, or the end of nothing */
		s->open = s->done = alias(s);
		return s->open;
	default:
		return false;
	}
}
