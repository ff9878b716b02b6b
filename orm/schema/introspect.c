/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A live database as a schema. What no list can say (a type of another kind, a partial index, a
 * generated column) becomes a note, and is left alone by a change; a table that has such things is
 * not built anew.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/schema/introspect.h>
#include <orm/table/item.h>

int look_fetch(struct look *l, const char *sql, struct orm_result **ret_result)
{
	struct orm_query *q = orm_raw(l->s, sql);
	int r = orm_fetch(l->s, q, NULL, ret_result);

	orm_query_free(q);
	return r;
}

bool look_is_null(const struct orm_result *r, size_t row, unsigned column)
{
	return orm_result_value(r, row, column).kind == ORM_K_NULL;
}

/* Rows without structs are copied with a NUL behind each text. */
const char *look_text(const struct orm_result *r, size_t row, unsigned column)
{
	struct orm_value v = orm_result_value(r, row, column);

	return v.kind == ORM_K_TEXT ? v.p : "";
}

int64_t look_number(const struct orm_result *r, size_t row, unsigned column)
{
	struct orm_value v = orm_result_value(r, row, column);

	if (v.kind == ORM_K_BOOL)
		return v.b;
	return v.kind == ORM_K_I64 ? v.i : 0;
}

bool look_wanted(const char *table, const char *const *names, size_t n)
{
	if (!n)
		return strcmp(table, "orm_migration") != 0;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], table))
			return true;
	return false;
}

int look_note(struct look *l, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!l->draft.odd) {
		l->draft.odd = schema_text(l->schema, text, strlen(text));
		if (!l->draft.odd)
			return schema_no_room(l->schema, &l->s->error);
	}
	return schema_note(l->schema, &l->s->error, "table '%s': %s", l->table, text);
}

int look_begin(struct look *l, const char *table)
{
	l->table = schema_text(l->schema, table, strlen(table));
	if (!l->table)
		return schema_no_room(l->schema, &l->s->error);
	draft_begin(&l->draft, l->table);
	return 0;
}

static int find(const struct look *l, const char *name)
{
	for (unsigned i = 0; i < l->draft.count; i++)
		if (!strcmp(l->draft.columns[i].name, name))
			return (int)i;
	return -1;
}

int look_column(struct look *l, const char *name, enum orm_type type, uint16_t flags,
		const char *def)
{
	const struct ctype *ctype = ctype_for(type);
	struct orm_column *c = &l->draft.columns[l->draft.count];

	if (!ctype || !orm_name_ok(name, strlen(name)) || !name_fits_c(name))
		return look_note(l, "column '%.63s' has a name that no C struct can have", name);
	if (l->draft.count == ORM_COLUMNS_MAX)
		return look_note(l, "column '%s' is one more than %d", name, ORM_COLUMNS_MAX);
	*c = (struct orm_column){
		.type = (uint8_t)type, .kind = ctype->kind, .size = ctype->size, .flags = flags};
	c->name = schema_text(l->schema, name, strlen(name));
	if (!c->name)
		return schema_no_room(l->schema, &l->s->error);
	l->draft.count++;
	return def ? look_key(l, ORM_KEY_DEFAULT, name, def, "") : 0;
}

int look_key(struct look *l, enum orm_key_kind kind, const char *name, const char *a, const char *b)
{
	struct orm_key key = {.kind = (uint8_t)kind,
			      .name = schema_text(l->schema, name, strlen(name)),
			      .a = schema_text(l->schema, a, strlen(a)),
			      .b = schema_text(l->schema, b, strlen(b))};

	if (!key.name || !key.a || !key.b)
		return schema_no_room(l->schema, &l->s->error);
	return draft_key(&l->draft, &key, &l->s->error);
}

/* Are all names of the list columns that were taken? */
static bool all_taken(const struct look *l, const char *columns)
{
	struct orm_word name;
	int r;

	while ((r = orm_names_next(&columns, &name)) > 0) {
		char text[ORM_NAME_MAX + 1];

		snprintf(text, sizeof(text), "%.*s", (int)name.len, name.at);
		if (find(l, text) < 0)
			return false;
	}
	return !r;
}

int look_index(struct look *l, enum orm_key_kind kind, const char *name, const char *columns)
{
	const char *suffix = kind == ORM_KEY_UNIQUE ? SUFFIX_UNIQUE : SUFFIX_INDEX;
	char made[ORM_NAME_MAX + 1];
	int at = find(l, columns);

	if (!orm_name_ok(name, strlen(name)) || !all_taken(l, columns))
		return look_note(l, "index '%.63s' over (%.200s)", name, columns);
	if (at >= 0) {
		orm_made_name(made, l->table, columns, suffix);
		if (!strcmp(made, name)) {
			l->draft.columns[at].flags |= kind == ORM_KEY_UNIQUE ? ORM_UNIQUE
									     : ORM_INDEX;
			return 0;
		}
	}
	return look_key(l, kind, name, columns, "");
}

int look_foreign(struct look *l, const char *column, const char *target, const char *to,
		 const char *action)
{
	char b[2 * ORM_NAME_MAX];

	if (find(l, column) < 0 || !orm_name_ok(target, strlen(target)) ||
	    !orm_name_ok(to, strlen(to)) || strlen(action) > 16)
		return look_note(l, "foreign key of '%.63s' to '%.63s'", column, target);
	snprintf(b, sizeof(b), "%s%s%s", to, *action ? " " : "", action);
	return look_key(l, ORM_KEY_FOREIGN, column, target, b);
}

int look_end(struct look *l)
{
	struct orm_error err = {0};
	int r;

	if (!name_fits_c(l->table) || !orm_name_ok(l->table, strlen(l->table)))
		return schema_note(l->schema, &l->s->error,
				   "table '%.63s' has a name that no C struct can have", l->table);
	r = schema_add(l->schema, &l->draft, &err);
	if (r == ORM_E_QUERY)
		return schema_note(l->schema, &l->s->error, "%s", err.text);
	if (r)
		l->s->error = err;
	return r;
}

int orm_schema_inspect(struct orm_session *s, const char *const *names, size_t n,
		       struct orm_schema **ret_schema)
{
	own_schema struct orm_schema *schema = schema_new();
	struct look look = {.s = s, .schema = schema};
	int r;

	if (!schema)
		return session_fail(s, -ENOMEM, "no memory for the schema");
	if (orm_dialect(s->db) == ORM_SQLITE)
		r = inspect_sqlite(&look, names, n);
	else
		r = inspect_pg(&look, names, n);
	free(look.draft.keys);
	if (r)
		return r;
	schema_sort(schema);
	*ret_schema = take_ptr(schema);
	return 0;
}
