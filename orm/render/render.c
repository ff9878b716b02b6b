/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The renderer's entry, its text, its names. A render lives on the stack of render_query(); all it
 * allocates is in the caller's arena. The first fault counts, and everything after it writes text
 * that nobody will read: callers need not check before each step.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include <orm/render/rawtext.h>
#include <orm/render/render.h>
#include <orm/render/typing.h>
#include <orm/table/constraint.h>
#include <orm/table/keys.h>

void render_fault(struct render *r, int class, const char *format, ...)
{
	va_list args;

	if (r->class)
		return;
	va_start(args, format);
	vsnprintf(r->fault, sizeof(r->fault), format, args);
	va_end(args);
	r->class = class;
}

bool is_pg(const struct render *r)
{
	return r->dialect == ORM_POSTGRESQL;
}

/* ---- text ---- */

static bool text_grow(struct render *r, size_t more)
{
	size_t room = r->room ? r->room * 2 : 512;
	char *text;

	while (room - r->len <= more)
		room *= 2;
	if (room > SQL_MAX) {
		render_fault(r, ORM_E_TOO_BIG, "the SQL text is longer than %u bytes", SQL_MAX);
		return false;
	}
	text = arena_alloc(r->arena, room);
	if (!text) {
		render_fault(r, -ENOMEM, "out of memory");
		return false;
	}
	if (r->len)
		memcpy(text, r->text, r->len);
	r->text = text;
	r->room = room;
	return true;
}

void put_len(struct render *r, const char *text, size_t len)
{
	if (r->class || (r->room - r->len <= len && !text_grow(r, len)))
		return;
	memcpy(r->text + r->len, text, len);
	r->len += len;
	r->text[r->len] = '\0';
}

void put(struct render *r, const char *text)
{
	put_len(r, text, strlen(text));
}

void put_name(struct render *r, const char *name)
{
	size_t len = strnlen(name, ORM_NAME_MAX + 1);

	/* Descriptors come from macros, but also from files: what is quoted is always checked. */
	if (!orm_name_ok(name, len)) {
		render_fault(r, ORM_E_QUERY, "'%.70s' is no name of [A-Za-z_][A-Za-z0-9_]{0,62}",
			     name);
		return;
	}
	put(r, "\"");
	put_len(r, name, len);
	put(r, "\"");
}

void put_param(struct render *r, uint32_t index)
{
	char text[16];

	snprintf(text, sizeof(text), "%c%u", is_pg(r) ? '$' : '?', index + 1);
	put(r, text);
}

void set_param_type(struct render *r, uint32_t index, enum orm_type type)
{
	if (index < r->params)
		r->param_type[index] = type;
	else
		render_fault(r, -EINVAL, "value %u of %u", index, r->params);
}

bool same_name(const char *a, const char *b, size_t b_len)
{
	return strlen(a) == b_len && !memcmp(a, b, b_len);
}

void swap_tail(struct render *r, size_t begin, size_t middle)
{
	size_t left = middle - begin, right = r->len - middle;
	char *copy;

	if (r->class || !left || !right)
		return;
	copy = arena_alloc(r->arena, left);
	if (!copy) {
		render_fault(r, -ENOMEM, "out of memory");
		return;
	}
	memcpy(copy, r->text + begin, left);
	memmove(r->text + begin, r->text + middle, right);
	memcpy(r->text + begin + right, copy, left);
}

void keep_tail(struct render *r, size_t begin, size_t middle)
{
	if (r->class)
		return;
	memmove(r->text + begin, r->text + middle, r->len - middle);
	r->len -= middle - begin;
	r->text[r->len] = '\0';
}

void put_at(struct render *r, size_t at, const char *text)
{
	size_t end = r->len;

	put(r, text);
	swap_tail(r, at, end);
}

void put_again(struct render *r, size_t begin, size_t end)
{
	size_t len = end - begin;

	if (r->class || (r->room - r->len <= len && !text_grow(r, len)))
		return;
	memcpy(r->text + r->len, r->text + begin, len);
	r->len += len;
	r->text[r->len] = '\0';
}

/* ---- scopes ---- */

/* SQLite takes names without regard to case; so two that differ by it alone are one. */
static bool same_word(const char *a, const char *b, size_t b_len)
{
	return strlen(a) == b_len && !strncasecmp(a, b, b_len);
}

struct source *scope_add(struct render *r, struct scope *s, const char *name, size_t len)
{
	struct source *source = &s->sources[s->n];

	for (unsigned i = 0; i < s->n; i++) {
		if (same_word(s->sources[i].name, name, len)) {
			render_fault(r, ORM_E_QUERY, "'%.*s' is in FROM twice; give it an alias",
				     (int)len, name);
			return NULL;
		}
	}
	if (s->n == SOURCES_MAX) {
		render_fault(r, ORM_E_TOO_BIG, "more than %u tables in one FROM", SOURCES_MAX);
		return NULL;
	}
	if (!orm_name_ok(name, len)) {
		render_fault(r, ORM_E_QUERY, "'%.*s' is no name of [A-Za-z_][A-Za-z0-9_]{0,62}",
			     (int)MIN(len, 70), name);
		return NULL;
	}
	*source = (struct source){0};
	memcpy(source->name, name, len);
	s->n++;
	return source;
}

/* A CTE would stand before the table wherever its name is said. */
static bool table_is_cte(struct render *r, const char *name)
{
	for (unsigned i = 0; i < r->n_ctes; i++) {
		if (!strcasecmp(r->ctes[i].name, name)) {
			render_fault(r, ORM_E_QUERY, "'%s' is a table and a CTE", name);
			return true;
		}
	}
	return false;
}

void use_table(struct render *r, const struct orm_table *table)
{
	struct orm_error error;

	for (unsigned i = 0; i < r->n_tables; i++) {
		if (r->tables[i] == table)
			return;
	}
	if (table_is_cte(r, table->name))
		return;
	if (orm_table_check(table, &error)) {
		render_fault(r, ORM_E_QUERY, "%.180s", error.text);
		return;
	}
	if (r->n_tables == TABLES_MAX) {
		render_fault(r, ORM_E_TOO_BIG, "more than %u tables in one query", TABLES_MAX);
		return;
	}
	r->tables[r->n_tables++] = table;
}

/* The columns of a table as outputs, so that NATURAL joins and select lists see one thing. */
static bool table_outputs(struct render *r, const struct orm_table *table, struct outputs *ret)
{
	struct output *list = arena_alloc(r->arena, table->count * sizeof(*list));

	if (!list) {
		render_fault(r, -ENOMEM, "out of memory");
		return false;
	}
	for (unsigned i = 0; i < table->count; i++) {
		list[i] = (struct output){
			.type = table->columns[i].type,
			.nullable = !(table->columns[i].flags & (ORM_NN | ORM_PK)),
		};
		snprintf(list[i].name, sizeof(list[i].name), "%s", table->columns[i].name);
	}
	*ret = (struct outputs){list, table->count};
	return true;
}

void scope_add_table(struct render *r, struct scope *s, const struct orm_table *table,
		     const char *alias, size_t len)
{
	struct source *source;

	use_table(r, table);
	if (r->class)
		return;
	source = alias ? scope_add(r, s, alias, len)
		       : scope_add(r, s, table->name, strlen(table->name));
	if (!source)
		return;
	source->table = table;
	table_outputs(r, table, &source->columns);
}

struct source *scope_named(struct render *r, struct scope *s, const char *name, size_t len,
			   struct scope **ret_scope)
{
	for (struct scope *at = s; at; at = at->outer) {
		for (unsigned i = 0; i < at->n; i++) {
			if (!same_word(at->sources[i].name, name, len))
				continue;
			if (!same_name(at->sources[i].name, name, len))
				goto absent;
			at->own = true;
			for (struct scope *in = s; in != at; in = in->outer)
				in->foreign = true;
			*ret_scope = at;
			return &at->sources[i];
		}
	}
absent:
	render_fault(r, ORM_E_QUERY, "'%.*s' is not in this query", (int)MIN(len, 70), name);
	return NULL;
}

struct source *scope_table(struct render *r, struct scope *s, const struct orm_table *table,
			   const char *alias, size_t len, struct scope **ret_scope)
{
	struct source *source;

	if (!alias) {
		alias = table->name;
		len = strlen(alias);
	}
	source = scope_named(r, s, alias, len, ret_scope);
	if (source && source->table != table) {
		render_fault(r, ORM_E_QUERY, "'%.*s' is not table '%s' here", (int)len, alias,
			     table->name);
		return NULL;
	}
	return source;
}

/* ---- the whole statement ---- */

/* Its flags. */
static unsigned render_raw(struct render *r, struct words stream)
{
	struct words contents;
	const char *text;
	size_t len;

	if (!clause_next(&stream, CL_RAW, &contents, NULL))
		return 0;
	text = words_text(&contents, &len);
	put_len(r, text, len);
	return ORM_STMT_RAW | ORM_STMT_ROWS | (raw_writes(text, len) ? ORM_STMT_WRITES : 0) |
	       (raw_stays(text, len) ? ORM_STMT_STAYS : 0);
}

/* PARAM clauses only may follow a raw text; their kinds are the parameters' types. */
static void raw_params(struct render *r, struct words stream)
{
	struct words contents;

	while (clause_next(&stream, CL_PARAM, &contents, NULL)) {
		uint64_t word = *contents.at;
		uint32_t index = word_n(word);

		if (word_column(word))
			set_param_type(r, index, word_column(word));
		else if (word_func(word) != ORM_K_TEXT && word_func(word) != ORM_K_NULL)
			set_param_type(r, index, type_of_kind(word_func(word)));
	}
}

static void give(struct render *r, const struct outputs *columns, unsigned flags,
		 struct rendered *ret)
{
	uint8_t *types = arena_alloc(r->arena, columns->n + 1);
	const struct orm_table **tables = arena_alloc(r->arena,
						      (r->n_tables + 1) * sizeof(*tables));

	if (!types || !tables) {
		render_fault(r, -ENOMEM, "out of memory");
		return;
	}
	for (unsigned i = 0; i < columns->n; i++)
		types[i] = columns->list[i].type;
	memcpy(tables, r->tables, r->n_tables * sizeof(*tables));
	*ret = (struct rendered){
		.stmt = {.sql = r->text,
			 .sql_len = r->len,
			 .flags = (uint8_t)flags,
			 .params = (uint16_t)r->params,
			 .param_type = r->param_type,
			 .columns = (uint16_t)columns->n,
			 .column_type = types},
		.tables = tables,
		.n_tables = r->n_tables,
		.columns = *columns,
	};
}

/* `column = value` at *w, which it is moved behind: the column's number, else -1. */
static int take_equality(struct words *w, const struct orm_table *table)
{
	const uint64_t *at = w->at;

	if (word_op(at[0]) != ORM_OP_EQ || word_op(at[1]) != ORM_OP_COLUMN || word_n(at[1]) ||
	    at[2] != (uintptr_t)table || word_op(at[3]) != ORM_OP_VALUE)
		return -1;
	w->at += 4;
	return (int)word_column(at[1]);
}

/* Columns that one WHERE sets equal to values. */
static uint64_t equal_columns(struct words w, const struct orm_table *table)
{
	uint32_t n = word_op(*w.at) == ORM_OP_AND ? word_n(*w.at++) : 1;
	uint64_t mask = 0;

	while (n--) {
		int column = take_equality(&w, table);

		if (column < 0)
			break;
		mask |= 1ULL << column;
	}
	return mask;
}

/*
 * A select of one table by a whole key: one row. Only the plainest form is looked for, since what
 * is missed costs little (drivers/pg/run.c).
 */
static bool is_one_row(struct words stream)
{
	const struct orm_table *table = NULL;
	uint64_t mask = 0;

	for (const uint64_t *at = stream.at; at < stream.end; at += 1 + word_n(*at)) {
		switch (word_op(*at)) {
		case CL_FROM:
			table = (const struct orm_table *)(uintptr_t)at[1];
			break;
		case CL_WHERE:
			if (table)
				mask |= equal_columns((struct words){at + 1, stream.end, 0}, table);
			break;
		case CL_SELECT:
		case CL_COLUMNS:
		case CL_ORDER:
		case CL_LIMIT:
		case CL_FOR_UPDATE:
			break;
		default:
			return false;
		}
	}
	return mask && table_is_unique(table, mask);
}

static unsigned render_any(struct render *r, struct words stream, struct outputs *ret_columns)
{
	switch (word_op(*stream.at)) {
	case CL_SELECT:
		render_with(r, stream);
		render_select(r, NULL, stream, true, ret_columns);
		return ORM_STMT_ROWS | (clause_has(stream, CL_FOR_UPDATE) ? ORM_STMT_WRITES : 0) |
		       (!r->class && is_one_row(stream) ? ORM_STMT_ONE : 0);
	case CL_INSERT:
	case CL_UPDATE:
	case CL_DELETE:
		render_with(r, stream);
		render_change(r, stream, ret_columns);
		return ORM_STMT_WRITES | (ret_columns->n ? ORM_STMT_ROWS : 0);
	case CL_RAW:
		raw_params(r, stream);
		return render_raw(r, stream);
	default:
		render_fault(r, -EINVAL, "a query that was not begun");
		return 0;
	}
}

/* A value that is nowhere in the text would be a clause that was forgotten without a word. */
static void check_params(struct render *r, unsigned flags)
{
	for (uint32_t i = 0; i < r->params && !(flags & ORM_STMT_RAW); i++) {
		if (r->param_type[i] == ORM_T_NONE)
			render_fault(r, ORM_E_QUERY, "value %u is in a clause without effect",
				     i + 1);
	}
}

int render_query(const uint64_t *words, uint32_t n, uint32_t values, enum orm_dialect dialect,
		 struct arena *arena, struct rendered *ret_rendered, char fault[192])
{
	struct render r = {.dialect = dialect, .arena = arena, .params = values};
	struct outputs columns = {0};
	unsigned flags;

	r.param_type = arena_alloc(arena, values + 1);
	if (!r.param_type || !n)
		render_fault(&r, n ? -ENOMEM : -EINVAL, n ? "out of memory" : "an empty query");
	if (r.class)
		goto fault;
	memset(r.param_type, ORM_T_NONE, values + 1);
	flags = render_any(&r, (struct words){words, words + n, 0}, &columns);
	check_params(&r, flags);
	if (!r.class)
		give(&r, &columns, flags, ret_rendered);
fault:
	if (r.class)
		memcpy(fault, r.fault, sizeof(r.fault));
	return r.class;
}
