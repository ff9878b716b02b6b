/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements of an attacker's own: behind a semicolon, in a branch, or, as SQL Server takes it,
 * behind anything. The first two or three words tell a statement from prose; the rest is not read.
 */
#include <string.h>

#include <orm/guard/parse.h>
#include <strazh/base/compiler.h>

/* By the names that SQL Server and Oracle give theirs. */
static bool is_procedure(const struct guard_token *t)
{
	return t->len > 3 && (!strncasecmp((const char *)t->p, "xp_", 3) ||
			      !strncasecmp((const char *)t->p, "sp_", 3));
}

/* What a token is, of enum guard_after. */
static unsigned shape_of_word(const struct guard_token *t)
{
	const struct guard_word *word = t->word;
	unsigned shape = A_NAME;

	if (memchr(t->p, '.', t->len) || is_procedure(t))
		shape |= A_FUNC;
	if (!word)
		return shape;
	switch (word->role) {
	case W_FUNC:
		shape |= word->class ? A_FUNC : 0;
		shape |= word->second & A_OBJECT;
		break;
	case W_NAME:
		shape |= word->second & A_OBJECT;
		break;
	case W_OBJECT:
	case W_PROCEDURE:
		shape |= A_OBJECT;
		break;
	case W_INTO:
		return A_INTO;
	case W_FROM:
		return A_FROM;
	case W_SET:
		return A_SET;
	case W_TO:
	case W_ON:
		return A_TO;
	case W_AS:
		return A_SELECT;
	case W_SELECT:
	case W_VALUES:
		return A_SELECT;
	case W_IF:
	case W_CASE:
		shape |= A_STATEMENT | A_FUNC;
		break;
	case W_STATEMENT:
	case W_OR: /* CREATE OR REPLACE */
		shape |= A_STATEMENT;
		break;
	default:
		break;
	}
	return shape;
}

static unsigned shape_of(const struct guard_token *t)
{
	switch (t->kind) {
	case T_WORD:
		return shape_of_word(t);
	case T_VAR:
		return A_VAR;
	case T_STR:
	case T_OPEN:
		return A_STR;
	case T_NUM:
		return A_NUM;
	case T_OPENING:
		return A_OPENING;
	case T_QUOTED:
		return A_NAME;
	case T_CMP:
	case T_ASSIGN:
		return A_ASSIGN;
	case T_END:
	case T_TAIL:
	case T_SEMI:
		return A_END;
	default:
		return 0;
	}
}

static bool is_text(const struct guard_token *t, const char *word)
{
	return t->kind == T_WORD && t->len == strlen(word) &&
	       !strncasecmp((const char *)t->p, word, t->len);
}

/* WAITFOR DELAY '0:0:5' and WAITFOR TIME @x. */
static bool delay(struct guard_parse *s)
{
	if (!is_text(&s->t, "delay") && !is_text(&s->t, "time"))
		return false;
	guard_next(s);
	if (!(shape_of(&s->t) & (A_STR | A_VAR | A_NUM)))
		return false;
	guard_sign(s, ORM_GUARD_DELAY, 0.95F);
	s->done = true;
	return true;
}

/* SET @x = ..., SET name = ... or TO. */
static bool set(struct guard_parse *s)
{
	bool variable;

	guard_next(s);
	variable = s->t.kind == T_VAR;
	if (!variable && s->t.kind != T_WORD)
		return false;
	guard_next(s);
	if (shape_of(&s->t) != A_ASSIGN)
		return false;
	guard_sign(s, ORM_GUARD_STACKED, variable ? 0.9F : 0.4F);
	s->done = true;
	return true;
}

/*
 * The words behind the first one. `bare`: nothing separates it from what is before, so only what
 * nobody writes by chance counts.
 */
static bool head(struct guard_parse *s, bool stacked)
{
	const struct guard_word *first = s->t.word;
	const unsigned sure = A_VAR | A_FUNC;
	unsigned shape;

	guard_next(s);
	if (first->second & A_DELAY)
		return delay(s);
	shape = shape_of(&s->t);
	if (!(shape & first->second) || (!stacked && !(shape & first->second & sure)))
		return false;
	/* Behind CREATE OR and ALTER TABLE comes what they are about. */
	if (first->third) {
		guard_next(s);
		if (!(shape_of(&s->t) & first->third))
			return false;
	}
	guard_sign(s, ORM_GUARD_STACKED, (float)first->weight / 100);
	guard_sign_word(s, s->t.kind == T_WORD ? s->t.word : NULL);
	s->done = true;
	return true;
}

/* IF (condition), with a statement behind it, or a function that stands alone. */
static bool branch(struct guard_parse *s)
{
	const struct guard_word *function = s->t.word;

	guard_sign_word(s, function);
	guard_sign(s, ORM_GUARD_STACKED, 0.3F);
	guard_next(s);
	if (s->t.kind != T_OPENING || !guard_push(s, FRAME_CALL, function))
		return false;
	guard_top(s)->linked = true;
	guard_top(s)->branch = function->role == W_IF;
	return true;
}

bool guard_statement(struct guard_parse *s, bool stacked)
{
	struct guard_frame *f = &s->frames[s->depth];

	f->branch = s->owes = false;
	if (s->t.kind == T_END || s->t.kind == T_TAIL)
		return s->have = stacked; /* `x;` and `x;--` */
	if (s->t.kind == T_OPENING && stacked) {
		f->fresh = false;
		return guard_push(s, FRAME_GROUP, NULL);
	}
	if (s->t.kind != T_WORD || !s->t.word)
		return false;
	switch (s->t.word->role) {
	case W_SELECT:
		f->fresh = true;
		f->select = SELECT_LIST;
		f->how = HOW_STACKED;
		f->strong = f->aliased = f->linked = f->comparing = false;
		s->have = s->arith = false;
		return true;
	case W_SET:
		return set(s);
	case W_STATEMENT:
		return head(s, stacked);
	case W_IF:
	case W_FUNC:
		if (!s->t.call)
			return false;
		return branch(s);
	default:
		return false;
	}
}
