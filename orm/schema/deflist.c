/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of tables read as text. One pass: a #define of one parameter is remembered by where its
 * body begins; ORM_TABLE looks its lists up and reads these bodies. What is not understood is
 * refused, for a table that is passed over would be dropped by the next migration.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/schema/builder.h>
#include <orm/schema/deflex.h>

#define LISTS_MAX (2 * ORM_SCHEMA_TABLES_MAX)

struct list {
	struct orm_word name;
	struct orm_word param;
	struct lex body;
};

struct reader {
	struct lex lex;
	struct orm_schema *schema;
	struct draft draft;
	struct list *lists;
	size_t count;
	size_t room;
};

static bool same(struct orm_word a, struct orm_word b)
{
	return a.len == b.len && !memcmp(a.at, b.at, a.len);
}

/* ---- pieces ---- */

static int expect_mark(struct lex *lex, char mark)
{
	struct token t;
	int r = lex_next(lex, &t);

	if (r)
		return r;
	if (t.kind != LEX_MARK || *t.word.at != mark)
		return lex_refuse(lex, &t, "'%c' should be here", mark);
	return 0;
}

static int expect_name(struct lex *lex, const char *what, struct token *ret_name)
{
	struct token t;
	int r = lex_next(lex, &t);

	if (r)
		return r;
	if (t.kind != LEX_NAME || t.word.len > ORM_NAME_MAX)
		return lex_refuse(lex, &t, "%s should be here, at most %d characters", what,
				  ORM_NAME_MAX);
	*ret_name = t;
	return 0;
}

static int keep(struct reader *in, struct orm_word word, const char **ret_text)
{
	*ret_text = schema_text(in->schema, word.at, word.len);
	return *ret_text ? 0 : schema_no_room(in->schema, in->lex.err);
}

/* One string, of one or more literals. The token behind them is *ret_next. */
static int read_text(struct reader *in, struct lex *lex, const char **ret_text,
		     struct token *ret_next)
{
	struct lex begin = *lex;
	size_t size = 0, len = 0;
	struct token t;
	char *text;
	int r;

	for (;;) {
		r = lex_next(lex, &t);
		if (r)
			return r;
		if (t.kind != LEX_STRING)
			break;
		size += t.word.len;
	}
	if (!size)
		return lex_refuse(lex, &t, "a string should be here");
	*ret_next = t;
	text = arena_alloc(&in->schema->arena, size + 1);
	if (!text)
		return schema_no_room(in->schema, lex->err);
	for (*lex = begin;;) {
		size_t n = 0;

		r = lex_next(lex, &t);
		if (r)
			return r;
		if (t.kind != LEX_STRING)
			break;
		if (lex_unquote(t.word, text + len, &n))
			return lex_refuse(lex, &t,
					  "a string may hold \\\", \\\\, \\', \\n and \\t, "
					  "no other backslash and no NUL");
		len += n;
	}
	text[len] = '\0';
	*ret_text = text;
	return 0;
}

static int is_mark(const struct token *t, char mark)
{
	return t->kind == LEX_MARK && *t->word.at == mark;
}

/* ---- columns ---- */

static const struct {
	const char *name;
	uint16_t flag;
} flags[] = {
	{"PK", ORM_PK},		{"AUTO", ORM_AUTO},	{"NN", ORM_NN},
	{"UNIQUE", ORM_UNIQUE}, {"INDEX", ORM_INDEX},	{"SECRET", ORM_SECRET},
	{"ROLE_1", ORM_ROLE_1}, {"ROLE_2", ORM_ROLE_2}, {"ROLE_3", ORM_ROLE_3},
};

static int one_flag(struct lex *lex, const struct token *t, uint16_t *all)
{
	if (t->kind == LEX_NUMBER && orm_word_is(t->word, "0"))
		return 0;
	for (size_t i = 0; t->kind == LEX_NAME && i < ARRAY_LEN(flags); i++) {
		if (!orm_word_is(t->word, flags[i].name))
			continue;
		*all |= flags[i].flag;
		return 0;
	}
	return lex_refuse(lex, t,
			  "flags should be here: 0, or PK AUTO NN UNIQUE INDEX SECRET ROLE_1 "
			  "ROLE_2 ROLE_3 with '|' between");
}

/* Up to and with the ')' of the entry. */
static int read_flags(struct lex *lex, uint16_t *ret_flags)
{
	struct token t;
	int r;

	for (;;) {
		r = lex_next(lex, &t);
		if (!r)
			r = one_flag(lex, &t, ret_flags);
		if (!r)
			r = lex_next(lex, &t);
		if (r)
			return r;
		if (is_mark(&t, ')'))
			return 0;
		if (!is_mark(&t, '|'))
			return lex_refuse(lex, &t, "'|' or ')' should be here");
	}
}

static int read_types(struct lex *lex, struct token *ret_name, struct orm_column *column)
{
	char names[200];
	struct token t;
	const struct ctype *ctype;
	int r = expect_name(lex, "a C type", &t);

	if (r)
		return r;
	ctype = ctype_find(t.word);
	if (!ctype) {
		ctype_names(names, sizeof(names));
		return lex_refuse(lex, &t, "'%.*s' is no C type; there are %s", (int)t.word.len,
				  t.word.at, names);
	}
	column->kind = ctype->kind;
	column->size = ctype->size;
	r = expect_mark(lex, ',');
	if (!r)
		r = expect_name(lex, "the column's name", ret_name);
	if (!r)
		r = expect_mark(lex, ',');
	if (!r)
		r = expect_name(lex, "an SQL type", &t);
	if (r)
		return r;
	column->type = (uint8_t)orm_type_find(t.word.at, t.word.len);
	if (column->type != ORM_T_NONE)
		return 0;
	type_names(names, sizeof(names));
	return lex_refuse(lex, &t, "'%.*s' is no SQL type; there are %s", (int)t.word.len,
			  t.word.at, names);
}

/* X(ctype, name, TYPE, flags), from its '('. */
static int read_column(struct reader *in, struct lex *lex, const struct token *at)
{
	struct orm_column column = {0};
	struct token name;
	int r = expect_mark(lex, '(');

	if (!r)
		r = read_types(lex, &name, &column);
	if (!r)
		r = expect_mark(lex, ',');
	if (!r)
		r = read_flags(lex, &column.flags);
	if (!r)
		r = keep(in, name.word, &column.name);
	if (r)
		return r;
	if (in->draft.count == ORM_COLUMNS_MAX)
		return lex_refuse(lex, at, "a table has at most %d columns", ORM_COLUMNS_MAX);
	in->draft.columns[in->draft.count++] = column;
	return 0;
}

/* ---- keys ---- */

static const char *const key_kinds[] = {
	[ORM_KEY_INDEX] = "INDEX",     [ORM_KEY_UNIQUE] = "UNIQUE",   [ORM_KEY_CHECK] = "CHECK",
	[ORM_KEY_FOREIGN] = "FOREIGN", [ORM_KEY_DEFAULT] = "DEFAULT", [ORM_KEY_MANY] = "MANY",
	[ORM_KEY_ONE] = "ONE",
};

static int key_kind(struct lex *lex, const struct token *t, uint8_t *ret_kind)
{
	for (size_t i = 0; i < ARRAY_LEN(key_kinds); i++) {
		if (!orm_word_is(t->word, key_kinds[i]))
			continue;
		*ret_kind = (uint8_t)i;
		return 0;
	}
	return lex_refuse(lex, t,
			  "'%.*s' is no kind of key; there are INDEX UNIQUE CHECK FOREIGN DEFAULT "
			  "MANY ONE",
			  (int)t->word.len, t->word.at);
}

/* K(kind, name, "a", "b"), from its '('. */
static int read_key(struct reader *in, struct lex *lex, const struct token *at)
{
	struct orm_key key = {0};
	struct token t, name;
	int r = expect_mark(lex, '(');

	(void)at;
	if (!r)
		r = expect_name(lex, "a kind of key", &t);
	if (!r)
		r = key_kind(lex, &t, &key.kind);
	if (!r)
		r = expect_mark(lex, ',');
	if (!r)
		r = expect_name(lex, "the key's name", &name);
	if (!r)
		r = expect_mark(lex, ',');
	if (!r)
		r = read_text(in, lex, &key.a, &t);
	if (r)
		return r;
	if (!is_mark(&t, ','))
		return lex_refuse(lex, &t, "',' should be here");
	r = read_text(in, lex, &key.b, &t);
	if (r)
		return r;
	if (!is_mark(&t, ')'))
		return lex_refuse(lex, &t, "')' should be here");
	r = keep(in, name.word, &key.name);
	return r ? r : draft_key(&in->draft, &key, lex->err);
}

/* ---- lists ---- */

static const struct list *find_list(const struct reader *in, struct orm_word name)
{
	for (size_t i = 0; i < in->count; i++)
		if (same(in->lists[i].name, name))
			return &in->lists[i];
	return NULL;
}

/* The body of a list, entry after entry. */
static int read_list(struct reader *in, const struct token *name,
		     int (*entry)(struct reader *in, struct lex *lex, const struct token *at))
{
	const struct list *list = find_list(in, name->word);
	struct token t;
	struct lex lex;
	int r;

	if (!list)
		return lex_refuse(&in->lex, name, "no #define %.*s(X) comes before this",
				  (int)name->word.len, name->word.at);
	for (lex = list->body;;) {
		r = lex_next(&lex, &t);
		if (r || t.kind == LEX_EOL || t.kind == LEX_END)
			return r;
		if (t.kind != LEX_NAME || !same(t.word, list->param))
			return lex_refuse(&lex, &t,
					  "'%.*s(...)' or the end of the list should be here",
					  (int)list->param.len, list->param.at);
		r = entry(in, &lex, &t);
		if (r)
			return r;
	}
}

static int remember(struct reader *in, const struct token *name, const struct token *param)
{
	if (in->count == in->room) {
		size_t room = in->room ? in->room * 2 : 32;
		struct list *lists;

		if (room > LISTS_MAX)
			return lex_refuse(&in->lex, name, "more than %u lists", LISTS_MAX);
		lists = realloc(in->lists, room * sizeof(*lists));
		if (!lists)
			return orm_fail(in->lex.err, -ENOMEM, "no memory for lists");
		in->lists = lists;
		in->room = room;
	}
	in->lists[in->count++] = (struct list){name->word, param->word, in->lex};
	return 0;
}

static int skip_rest(struct reader *in)
{
	struct token t;
	int r;

	do {
		r = lex_next(&in->lex, &t);
	} while (!r && t.kind != LEX_EOL && t.kind != LEX_END);
	return r;
}

/* After #define: a list when it has one parameter, else of no concern. */
static int read_define(struct reader *in)
{
	struct token name, t, close;
	int r = expect_name(&in->lex, "the name of what is defined", &name);

	if (r)
		return r;
	if (in->lex.at == in->lex.end || *in->lex.at != '(')
		return skip_rest(in);
	if (find_list(in, name.word))
		return lex_refuse(&in->lex, &name, "'%.*s' is defined twice", (int)name.word.len,
				  name.word.at);
	r = expect_mark(&in->lex, '(');
	if (!r)
		r = lex_next(&in->lex, &t);
	if (!r)
		r = lex_next(&in->lex, &close);
	if (!r && t.kind == LEX_NAME && is_mark(&close, ')'))
		r = remember(in, &name, &t);
	return r ? r : skip_rest(in);
}

static int read_directive(struct reader *in)
{
	static const char *const passed[] = {"include", "pragma", "ifndef", "endif"};
	struct token t;
	int r;

	in->lex.directive = true;
	r = lex_next(&in->lex, &t);
	if (r)
		return r;
	if (t.kind == LEX_NAME && orm_word_is(t.word, "define")) {
		r = read_define(in);
		in->lex.directive = false;
		return r;
	}
	in->lex.directive = false;
	for (size_t i = 0; t.kind == LEX_NAME && i < ARRAY_LEN(passed); i++) {
		if (!orm_word_is(t.word, passed[i]))
			continue;
		lex_skip_line(&in->lex);
		return 0;
	}
	return lex_refuse(&in->lex, &t,
			  "a file of lists has #define, #include, #pragma and an include guard");
}

/* ---- tables ---- */

/* What the check says of a table, with the place where it is declared. */
static int place(struct reader *in, const struct token *at, int r)
{
	struct orm_error copy;

	if (r != ORM_E_QUERY || !in->lex.err)
		return r;
	copy = *in->lex.err;
	lex_refuse(&in->lex, at, "%.250s", copy.text);
	memcpy(in->lex.err->table, copy.table, sizeof(copy.table));
	memcpy(in->lex.err->column, copy.column, sizeof(copy.column));
	return r;
}

/* ORM_TABLE(name, LIST) or ORM_TABLE_KEYS(name, LIST, KEYS), from the '('. */
static int read_table(struct reader *in, bool with_keys, bool row)
{
	struct token name, list, keys;
	int r = expect_mark(&in->lex, '(');

	if (!r)
		r = expect_name(&in->lex, "the table's name", &name);
	if (!r)
		r = expect_mark(&in->lex, ',');
	if (!r)
		r = expect_name(&in->lex, "the list of columns", &list);
	if (!r && with_keys)
		r = expect_mark(&in->lex, ',');
	if (!r && with_keys)
		r = expect_name(&in->lex, "the list of keys", &keys);
	if (!r)
		r = expect_mark(&in->lex, ')');
	if (!r)
		r = keep(in, name.word, &in->draft.name);
	if (r)
		return r;
	draft_begin(&in->draft, in->draft.name);
	r = read_list(in, &list, read_column);
	if (!r && with_keys)
		r = read_list(in, &keys, read_key);
	if (r || row)
		return r;
	return place(in, &name, schema_add(in->schema, &in->draft, in->lex.err));
}

static int read_all(struct reader *in)
{
	struct token t;
	int r;

	for (;;) {
		r = lex_next(&in->lex, &t);
		if (r || t.kind == LEX_END)
			return r;
		if (t.kind == LEX_HASH)
			r = read_directive(in);
		else if (t.kind == LEX_NAME && orm_word_is(t.word, "ORM_TABLE"))
			r = read_table(in, false, false);
		else if (t.kind == LEX_NAME && orm_word_is(t.word, "ORM_TABLE_KEYS"))
			r = read_table(in, true, false);
		else if (t.kind == LEX_NAME && orm_word_is(t.word, "ORM_ROW"))
			r = read_table(in, false, true);
		else if (!is_mark(&t, ';'))
			r = lex_refuse(&in->lex, &t,
				       "#define, ORM_TABLE or ORM_TABLE_KEYS should be here");
		if (r)
			return r;
	}
}

int orm_schema_parse(const char *file, const char *text, size_t len, struct orm_schema **ret_schema,
		     struct orm_error *ret_error)
{
	own_schema struct orm_schema *schema = schema_new();
	struct reader in = {.schema = schema};
	int r;

	if (!schema)
		return orm_fail(ret_error, -ENOMEM, "no memory for the schema");
	if (len > ORM_SCHEMA_TEXT_MAX)
		return orm_fail(ret_error, ORM_E_TOO_BIG, "%s: %zu bytes; at most %u are read",
				file, len, ORM_SCHEMA_TEXT_MAX);
	in.lex = (struct lex){.file = file,
			      .at = text,
			      .end = text + len,
			      .line = 1,
			      .column = 1,
			      .err = ret_error};
	r = read_all(&in);
	free(in.lists);
	free(in.draft.keys);
	if (r)
		return r;
	schema_sort(schema);
	*ret_schema = take_ptr(schema);
	return 0;
}
