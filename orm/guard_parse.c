/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine. s->have says what it stands behind; every step looks at one token and returns false
 * when no database would go on. Frames are pushed by ( and CASE, popped by ) and END. A frame whose
 * `linked` is set is inside a condition: what is compared there decides which rows come.
 */
#include <string.h>

#include <orm/guard_parse.h>
#include <strazh/base/compiler.h>

#define CLOSED_MAX 16U
#define TOKENS_MAX 20000U

static struct guard_frame *top(struct guard_parse *s)
{
	return &s->frames[s->depth];
}

static void next(struct guard_parse *s)
{
	guard_lex_next(&s->lex, &s->t);
	s->tokens++;
}

static bool is_word(const struct guard_token *t, enum guard_role role)
{
	return t->kind == T_WORD && t->word && t->word->role == role;
}

static bool push(struct guard_parse *s, enum guard_frame_kind kind, const struct guard_word *func)
{
	const struct guard_frame *f = top(s);
	bool inherited = f->linked || f->inherited;

	if (s->depth + 1 >= GUARD_DEPTH_MAX)
		return false;
	s->depth++;
	*top(s) = (struct guard_frame){
		.kind = (uint8_t)kind, .fresh = true, .inherited = inherited, .function = func};
	s->have = false;
	return true;
}

/* An operand is complete. */
static void operand(struct guard_parse *s, enum guard_operand kind)
{
	struct guard_frame *f = top(s);

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
	if (f->limited && s->t.kind == T_NUM)
		guard_sign(s, s->depth ? ORM_GUARD_SUBQUERY : ORM_GUARD_CLAUSE,
			   s->depth ? 0.72F : s->quoted ? 0.62F : 0.3F);
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
static void settle(struct guard_parse *s)
{
	struct guard_frame *f = top(s);

	if ((f->linked || f->inherited) && f->lone)
		guard_sign_lone(s, f);
	f->lone = O_NONE;
	f->between = false;
}

static void pop(struct guard_parse *s)
{
	struct guard_frame f = *top(s);
	enum guard_operand kind = O_GROUP;

	settle(s);
	if (f.select || f.how == HOW_UNION)
		kind = O_SELECT;
	else if (f.kind == FRAME_CASE || (f.kind == FRAME_CALL && f.function))
		kind = O_KNOWN;
	else if (f.kind == FRAME_CALL)
		kind = O_CALL;
	s->depth--;
	/* Arithmetic inside is over; what it was an operand of goes on. */
	operand(s, kind);
	if (f.branch && !f.listed)
		top(s)->branch = s->owes = true;
}

static void want(struct guard_parse *s)
{
	s->have = false;
	s->arith = false;
}

static void link_condition(struct guard_parse *s)
{
	struct guard_frame *f = top(s);

	settle(s);
	f->linked = true;
	f->comparing = false;
	want(s);
}

/* ---- an operand is wanted ---- */

static bool begin_select(struct guard_parse *s)
{
	struct guard_frame *f = top(s);

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
	want(s);
	return true;
}

/* TOP 5, TOP (5), LIMIT's kin in front of a list. */
static bool skip_top(struct guard_parse *s)
{
	bool group;

	if (top(s)->select != SELECT_LIST || !top(s)->fresh)
		return false;
	next(s);
	group = s->t.kind == T_OPENING;
	if (group)
		next(s);
	if (s->t.kind != T_NUM && s->t.kind != T_VAR)
		return false;
	if (group)
		next(s);
	return !group || s->t.kind == T_CLOSING;
}

static bool call(struct guard_parse *s, const struct guard_token *name)
{
	const struct guard_word *known = name->word;

	if (known && known->role != W_STATEMENT)
		guard_sign_word(s, known);
	if (name->first && name->first->role == W_NAME)
		guard_sign_word(s, name->first);
	next(s);
	if (s->t.kind != T_OPENING || !push(s, FRAME_CALL, known))
		return false;
	if (known && known->role == W_IF) {
		top(s)->linked = true;
		top(s)->branch = known->len == 2;
	}
	return true;
}

static bool want_plain_word(struct guard_parse *s)
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
	operand(s, O_NAME);
	return true;
}

static bool want_word(struct guard_parse *s)
{
	const struct guard_word *word = s->t.word;

	if (!word)
		return want_plain_word(s);
	switch ((enum guard_role)word->role) {
	case W_SELECT:
		return begin_select(s);
	case W_VALUES:
		return s->t.call && (s->unite || top(s)->fresh) ? begin_select(s)
								: want_plain_word(s);
	case W_CASE:
		guard_sign(s, ORM_GUARD_EXPRESSION, 0.35F);
		return push(s, FRAME_CASE, NULL);
	case W_WHEN:
		if (top(s)->kind != FRAME_CASE)
			return false;
		top(s)->linked = true;
		return true;
	case W_CONST:
		guard_sign_word(s, word);
		if (s->plain && top(s)->linked && word->text[0] == 't')
			guard_sign(s, ORM_GUARD_TAUTOLOGY, 0.62F); /* 1 OR TRUE */
		if (s->t.call) /* CURRENT_USER() */
			return want_plain_word(s);
		operand(s, O_CONST);
		return true;
	case W_NOT:
	case W_PREFIX:
	case W_ALL:
		if (s->t.call && word->role == W_PREFIX && top(s)->select != SELECT_LIST)
			return want_plain_word(s);
		return true;
	case W_LIMIT:
		return skip_top(s);
	case W_STATEMENT:
		if (s->t.call)
			return want_plain_word(s);
		return top(s)->fresh && s->depth && guard_statement(s, true);
	case W_MODE: /* IN BOOLEAN MODE */
		next(s);
		if (!top(s)->comparing || !is_word(&s->t, W_MODE))
			return false;
		guard_sign(s, ORM_GUARD_CLAUSE, s->quoted ? 0.7F : 0.4F);
		operand(s, O_NONE);
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
		return want_plain_word(s);
	case W_CMP:
	case W_JOIN:
		return s->t.call && want_plain_word(s);
	case W_AND:
	case W_OR:
	case W_BETWEEN:
	case W_IS:
	case W_UNION:
	case W_FROM:
	case W_WHERE:
	case W_ON:
	case W_GROUP:
	case W_ORDER:
	case W_BY:
	case W_INTO:
	case W_PROCEDURE:
	case W_AS:
	case W_THEN:
	case W_ELSE:
	case W_ENDS:
		return false;
	}
	return false;
}

static bool want_step(struct guard_parse *s)
{
	struct guard_frame *f = top(s);

	switch (s->t.kind) {
	case T_VAR:
		if (s->t.len > 2 && s->t.p[0] == '@' && s->t.p[1] == '@') {
			guard_sign(s, ORM_GUARD_PROBE, 0.4F);
			operand(s, O_CONST);
			return true;
		}
		operand(s, O_NAME);
		return true;
	case T_NUM:
	case T_STR:
		operand(s, O_CONST);
		return true;
	case T_OPEN:
		operand(s, O_CONST);
		s->open = s->done = true;
		return true;
	case T_QUOTED:
		operand(s, O_NAME);
		return true;
	case T_WORD:
		return want_word(s);
	case T_OPENING:
		return push(s, FRAME_GROUP, NULL);
	case T_CLOSING: /* f() */
		if (f->kind != FRAME_CALL || !f->fresh)
			return false;
		pop(s);
		return true;
	case T_STAR: /* SELECT *, COUNT(*) */
		if (!f->fresh || (f->select != SELECT_LIST && f->kind != FRAME_CALL))
			return false;
		operand(s, O_STAR);
		return true;
	case T_ARITH:
		return s->t.len == 1 && (*s->t.p == '+' || *s->t.p == '-');
	case T_UNARY:
		return true;
	default:
		return false;
	}
}

/* ---- an operand is there ---- */

/* Behind AS, :: and the like: a name or type, perhaps with a list in parentheses. */
static bool skip_name(struct guard_parse *s)
{
	bool list;

	next(s);
	list = s->t.kind == T_WORD && s->t.call;
	if (s->t.kind == T_OPEN) {
		s->open = s->done = true;
		return true;
	}
	if (s->t.kind != T_WORD && s->t.kind != T_QUOTED && s->t.kind != T_STR)
		return false;
	while (list) {
		next(s);
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
	struct guard_frame *f = top(s);

	if ((f->select != SELECT_LIST && f->select != SELECT_FROM) || f->aliased || s->t.call)
		return false;
	f->aliased = true;
	return true;
}

static bool have_and(struct guard_parse *s)
{
	struct guard_frame *f = top(s);

	if (f->between) {
		f->between = false;
		want(s);
		return true;
	}
	link_condition(s);
	return true;
}

static bool compare(struct guard_parse *s)
{
	struct guard_frame *f = top(s);

	f->lhs = f->last;
	f->comparing = true;
	want(s);
	return true;
}

static bool have_not(struct guard_parse *s)
{
	next(s);
	if (!is_word(&s->t, W_CMP) && !is_word(&s->t, W_BETWEEN))
		return false;
	top(s)->between = s->t.word->role == W_BETWEEN;
	return compare(s);
}

static bool have_by(struct guard_parse *s)
{
	struct guard_frame *f = top(s);

	settle(s);
	next(s);
	if (!is_word(&s->t, W_BY))
		return false;
	if (f->select)
		f->select = SELECT_TAIL;
	f->linked = false;
	f->ordered = true;
	want(s);
	return true;
}

static bool have_into(struct guard_parse *s)
{
	bool file;

	next(s);
	file = is_word(&s->t, W_FILE);
	if (file) {
		next(s);
		if (s->t.kind != T_STR && s->t.kind != T_NUM && s->t.kind != T_OPEN)
			return false;
		guard_sign(s, ORM_GUARD_CLAUSE, 0.9F);
		s->open = s->done = s->t.kind == T_OPEN;
		/* LINES TERMINATED BY and the like: it is what it is. */
		s->done = true;
		return true;
	}
	return (s->t.kind == T_WORD || s->t.kind == T_VAR) && top(s)->select;
}

static bool have_from(struct guard_parse *s)
{
	struct guard_frame *f = top(s);

	settle(s);
	if (f->select == SELECT_LIST) {
		f->select = SELECT_FROM;
		f->fresh = true;
		f->aliased = false;
	} else if (f->kind != FRAME_CALL) {
		return false; /* EXTRACT(x FROM y) */
	}
	f->linked = false;
	want(s);
	return true;
}

static bool have_union(struct guard_parse *s)
{
	settle(s);
	top(s)->linked = top(s)->comparing = false;
	top(s)->fresh = true;
	s->unite = true;
	want(s);
	next(s);
	if (is_word(&s->t, W_ALL) || is_word(&s->t, W_PREFIX))
		next(s);
	if (s->t.kind == T_OPENING)
		return push(s, FRAME_GROUP, NULL);
	return (is_word(&s->t, W_SELECT) || is_word(&s->t, W_VALUES)) && begin_select(s);
}

static bool have_procedure(struct guard_parse *s)
{
	next(s);
	if (s->t.kind != T_WORD || !s->t.call)
		return false;
	guard_sign(s, ORM_GUARD_CLAUSE, 0.85F);
	return want_plain_word(s);
}

static bool have_case_word(struct guard_parse *s, enum guard_role role)
{
	struct guard_frame *f = top(s);

	if (f->kind != FRAME_CASE) {
		/* IF (...) SELECT 1 ELSE DROP ... */
		if (role == W_ENDS || role == W_WHEN)
			return false;
		next(s);
		return guard_statement(s, true);
	}
	settle(s);
	f->comparing = false;
	f->linked = role == W_WHEN;
	if (role == W_ENDS)
		pop(s);
	else
		want(s);
	return true;
}

static bool have_join(struct guard_parse *s)
{
	struct guard_frame *f = top(s);

	if (f->select != SELECT_FROM)
		return alias(s);
	while (is_word(&s->t, W_JOIN) && strcmp(s->t.word->text, "join"))
		next(s);
	f->aliased = false;
	want(s);
	return is_word(&s->t, W_JOIN);
}

static bool have_word(struct guard_parse *s)
{
	const struct guard_word *word = s->t.word;
	struct guard_frame *f = top(s);

	if (f->branch && guard_statement(s, true))
		return true;
	if (!word)
		return alias(s);
	switch ((enum guard_role)word->role) {
	case W_AND:
		return have_and(s);
	case W_OR:
		link_condition(s);
		return true;
	case W_NOT:
		return have_not(s);
	case W_CMP:
	case W_IS:
		return compare(s);
	case W_BETWEEN:
		f->between = true;
		return compare(s);
	case W_FROM:
		return have_from(s);
	case W_WHERE:
		if (f->select)
			f->select = SELECT_TAIL;
		link_condition(s);
		return true;
	case W_ON:
		if (f->select != SELECT_FROM)
			return false;
		link_condition(s);
		return true;
	case W_GROUP:
	case W_ORDER:
		return have_by(s);
	case W_LIMIT:
		settle(s);
		f->linked = false;
		f->limited = true;
		want(s);
		return true;
	case W_INTO:
		return have_into(s);
	case W_UNION:
		return have_union(s);
	case W_PROCEDURE:
		return have_procedure(s);
	case W_AS:
	case W_SUFFIX:
		return skip_name(s);
	case W_WHEN:
	case W_THEN:
	case W_ELSE:
	case W_ENDS:
		return have_case_word(s, word->role);
	case W_JOIN:
		return have_join(s);
	case W_SORT:
		return true;
	case W_FOR: /* SUBSTRING(x FROM 1 FOR 1), FOR UPDATE, FOR XML */
		if (f->kind != FRAME_CALL)
			return skip_name(s);
		want(s);
		return true;
	case W_STATEMENT:
		return guard_statement(s, false);
	case W_IF:
		return s->t.call && want_plain_word(s);
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
	case W_SELECT:
	case W_VALUES:
	case W_ALL:
	case W_BY:
	case W_CASE:
		return false;
	}
	return false;
}

static bool close_group(struct guard_parse *s)
{
	if (s->depth && top(s)->kind != FRAME_CASE) {
		pop(s);
		return true;
	}
	if (s->depth || ++s->closed > CLOSED_MAX)
		return false;
	/* It closes one of the program's. */
	settle(s);
	top(s)->linked = top(s)->comparing = false;
	top(s)->select = SELECT_NONE;
	return true;
}

static bool have_semi(struct guard_parse *s)
{
	if (s->depth)
		return false;
	settle(s);
	*top(s) = (struct guard_frame){.fresh = true, .how = HOW_STACKED};
	want(s);
	next(s);
	return guard_statement(s, true);
}

/* `1 (SELECT ...)` is nowhere valid, and tried all the same. */
static bool have_opening(struct guard_parse *s)
{
	next(s);
	if (!is_word(&s->t, W_SELECT))
		return false;
	s->loose = true;
	return push(s, FRAME_GROUP, NULL) && begin_select(s);
}

static bool have_step(struct guard_parse *s)
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
		link_condition(s);
		return true;
	case T_CAST:
		return skip_name(s);
	case T_COMMA:
		settle(s);
		top(s)->linked = top(s)->comparing = false;
		top(s)->aliased = false;
		top(s)->listed = true;
		want(s);
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

/* ---- from the beginning ---- */

/* May a bare value begin with it although it needs something in front: the value was empty? */
static bool leads(const struct guard_token *t)
{
	if (t->kind == T_WORD && t->word)
		switch ((enum guard_role)t->word->role) {
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
	struct guard_frame *f = top(s);

	next(s);
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
		top(s)->last = O_CONST;
		next(s);
	} else {
		begin_bare(s);
	}
	while (!s->done && s->t.kind != T_END && s->t.kind != T_TAIL && s->tokens < TOKENS_MAX) {
		if (!(s->have ? have_step(s) : want_step(s))) {
			s->broke = true;
			break;
		}
		if (!s->done)
			next(s);
	}
	s->tail = s->t.kind == T_TAIL && !s->done;
	s->tail_token = s->t;
	/* Behind an operator of a bare value the program's text may go on. */
	if (!s->done && !s->have && s->tokens < TOKENS_MAX) {
		s->loose = true;
		s->broke |= s->quoted || s->depth || s->tail;
	}
	/* What it leaves open, it must have closed of the program's. */
	if (s->depth > s->closed && !s->done)
		s->broke = true;
	if (!s->broke && s->have)
		settle(s);
}
