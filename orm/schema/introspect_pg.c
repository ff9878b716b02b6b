/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's catalogues, three queries for all tables: columns, constraints, other indexes. */
#include <stdio.h>
#include <string.h>

#include <orm/schema/ddl.h>
#include <orm/schema/introspect.h>
#include <orm/table/sqltype.h>

/* clang-format off */
#define OF_THIS_SCHEMA                                                                             \
	" JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()"          \
	" AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT EXISTS (SELECT 1 FROM"      \
	" pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid"                  \
	" AND e.deptype = 'e')"
#define NAMES_OF(relation, numbers)                                                                \
	"(SELECT string_agg(a.attname::text, ', ' ORDER BY u.n) FROM unnest(" numbers              \
	") WITH ORDINALITY u(num, n) JOIN pg_attribute a ON a.attrelid = " relation                \
	" AND a.attnum = u.num)::text"

static const char columns_sql[] =
	"SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)::text,"
	" a.attnotnull, a.attidentity::text, a.attgenerated::text,"
	" pg_get_expr(d.adbin, d.adrelid)::text"
	" FROM pg_class c" OF_THIS_SCHEMA
	" JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
	" LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
	" ORDER BY c.oid, a.attnum";
enum { COL_TABLE, COL_NAME, COL_TYPE, COL_NOT_NULL, COL_IDENTITY, COL_GENERATED, COL_DEFAULT };

static const char constraints_sql[] =
	"SELECT c.relname::text, k.conname::text, k.contype::text,"
	" " NAMES_OF("k.conrelid", "k.conkey") ", f.relname::text,"
	" " NAMES_OF("k.confrelid", "k.confkey") ", k.confdeltype::text,"
	" (k.condeferrable OR NOT k.convalidated OR (k.contype = 'c' AND k.connoinherit)"
	" OR (k.contype = 'f' AND (k.confupdtype <> 'a' OR k.confmatchtype <> 's'"
	" OR f.relnamespace <> c.relnamespace))),"
	" obj_description(k.oid, 'pg_constraint')::text, pg_get_constraintdef(k.oid)::text"
	" FROM pg_class c" OF_THIS_SCHEMA
	" JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('p', 'u', 'c', 'f', 'x')"
	" LEFT JOIN pg_class f ON f.oid = k.confrelid"
	" ORDER BY c.oid, k.conname COLLATE \"C\"";
enum {
	CON_TABLE,
	CON_NAME,
	CON_KIND,
	CON_COLUMNS,
	CON_TARGET,
	CON_TO,
	CON_ACTION,
	CON_ODD,
	CON_COMMENT,
	CON_TEXT
};

static const char indexes_sql[] =
	"SELECT c.relname::text, x.relname::text, (i.indisunique OR m.amname <> 'btree'"
	" OR i.indpred IS NOT NULL OR i.indexprs IS NOT NULL OR i.indnatts <> i.indnkeyatts"
	" OR EXISTS (SELECT 1 FROM unnest(i.indoption) o WHERE o <> 0)),"
	" " NAMES_OF("i.indrelid", "i.indkey") ", pg_get_indexdef(i.indexrelid)::text"
	" FROM pg_class c" OF_THIS_SCHEMA
	" JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class x ON x.oid = i.indexrelid"
	" JOIN pg_am m ON m.oid = x.relam WHERE NOT EXISTS (SELECT 1 FROM pg_constraint k"
	" WHERE k.conindid = i.indexrelid AND k.conrelid = c.oid)"
	" ORDER BY c.oid, x.relname COLLATE \"C\"";
enum { IDX_TABLE, IDX_NAME, IDX_ODD, IDX_COLUMNS, IDX_TEXT };
/* clang-format on */

static enum orm_type type_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	/* An extension's type is told with its schema when that is not on the path. */
	if (dot && !strcmp(dot + 1, "vector"))
		return ORM_T_VECTOR;
	for (unsigned i = ORM_T_NONE + 1; i < ORM_T_COUNT; i++)
		if (!strcmp(orm_type_sql(i, ORM_POSTGRESQL), name))
			return i;
	return ORM_T_NONE;
}

/* The end of a literal 'it''s', behind its last quote; NULL when it is none. */
static const char *literal_end(const char *text)
{
	if (*text != '\'')
		return NULL;
	for (text++; *text; text++) {
		if (*text != '\'')
			continue;
		if (text[1] != '\'')
			return text + 1;
		text++;
	}
	return NULL;
}

/* 'x'::text is 'x', and '-1'::integer is -1: as one would write it in a list. */
static void plain_default(const char *text, enum orm_type type, char *to, size_t size)
{
	const char *end = literal_end(text);
	enum orm_kind kind = orm_type_kind(type);

	snprintf(to, size, "%s", text);
	if (type == ORM_T_TIMESTAMP_MS && !strcmp(text, "now()")) {
		snprintf(to, size, "NOW_MS");
		return;
	}
	if (!end || strncmp(end, "::", 2) != 0 || end[2 + strcspn(end + 2, "'()+*/|")])
		return;
	snprintf(to, size, "%.*s", (int)(end - text), text);
	if ((kind == ORM_K_I64 || kind == ORM_K_F64 || type == ORM_T_NUMERIC) &&
	    strspn(text + 1, "-0123456789.") == (size_t)(end - text) - 2)
		snprintf(to, size, "%.*s", (int)(end - text) - 2, text + 1);
}

static int add_column(struct look *l, const struct orm_result *r, size_t row)
{
	const char *name = look_text(r, row, COL_NAME), *text = look_text(r, row, COL_DEFAULT);
	const char *identity = look_text(r, row, COL_IDENTITY);
	enum orm_type type = type_of(look_text(r, row, COL_TYPE));
	uint16_t flags = look_number(r, row, COL_NOT_NULL) ? ORM_NN : 0;
	char def[2048];

	if (type == ORM_T_NONE)
		return look_note(l, "column '%.63s' is of type %.200s", name,
				 look_text(r, row, COL_TYPE));
	if (*look_text(r, row, COL_GENERATED))
		return look_note(l, "column '%.63s' is generated: %.200s", name, text);
	if (*identity)
		flags |= ORM_AUTO;
	if (*text && strlen(text) >= sizeof(def)) {
		int e = look_note(l, "column '%.63s' has a very long default", name);

		if (e)
			return e;
		text = "";
	}
	plain_default(text, type, def, sizeof(def));
	return look_column(l, name, type, flags, *text ? def : NULL);
}

/* A primary key: flags of its columns; NN of them is said by PK. */
static int add_primary(struct look *l, const char *name, const char *columns)
{
	char made[ORM_NAME_MAX + 1];
	struct orm_word word;

	orm_primary_name(made, l->table);
	if (strcmp(made, name) != 0) {
		int r = look_note(l, "its primary key is called '%.63s'", name);

		if (r)
			return r;
	}
	while (orm_names_next(&columns, &word) > 0) {
		for (unsigned i = 0; i < l->draft.count; i++) {
			struct orm_column *c = &l->draft.columns[i];

			if (!orm_word_is(word, c->name))
				continue;
			c->flags |= ORM_PK;
			c->flags &= (uint16_t)~ORM_NN;
		}
	}
	return 0;
}

/* CHECK ((a > 0)) without its word and parentheses, where no comment kept the text. */
static int add_check(struct look *l, const char *name, const char *comment, const char *def)
{
	size_t len = strlen(def), mark = strlen(DDL_COMMENT);
	char text[4096];

	if (!orm_name_ok(name, strlen(name)))
		return look_note(l, "constraint '%.63s': %.200s", name, def);
	if (!strncmp(comment, DDL_COMMENT, mark))
		return look_key(l, ORM_KEY_CHECK, name, comment + mark, "");
	if (strncmp(def, "CHECK ((", 8) != 0 || def[len - 1] != ')' || def[len - 2] != ')' ||
	    len >= sizeof(text))
		return look_note(l, "constraint '%.63s': %.200s", name, def);
	snprintf(text, sizeof(text), "%.*s", (int)len - 10, def + 8);
	return look_key(l, ORM_KEY_CHECK, name, text, "");
}

static int add_foreign(struct look *l, const struct orm_result *r, size_t row)
{
	static const char codes[] = "acrn";
	static const enum orm_on_delete actions[] = {ORM_NO_ACTION, ORM_CASCADE, ORM_RESTRICT,
						     ORM_SET_NULL};
	const char *columns = look_text(r, row, CON_COLUMNS);
	const char *code = look_text(r, row, CON_ACTION);
	const char *at = *code ? strchr(codes, *code) : NULL;
	char made[ORM_NAME_MAX + 1];

	orm_made_name(made, l->table, columns, SUFFIX_FOREIGN);
	if (!at || strcmp(made, look_text(r, row, CON_NAME)) != 0)
		return look_note(l, "constraint '%.63s': %.200s", look_text(r, row, CON_NAME),
				 look_text(r, row, CON_TEXT));
	return look_foreign(l, columns, look_text(r, row, CON_TARGET), look_text(r, row, CON_TO),
			    orm_on_delete_name(actions[at - codes]));
}

static int add_constraint(struct look *l, const struct orm_result *r, size_t row)
{
	const char *name = look_text(r, row, CON_NAME), *columns = look_text(r, row, CON_COLUMNS);
	char kind = *look_text(r, row, CON_KIND);

	if (kind == 'p')
		return add_primary(l, name, columns);
	if (look_number(r, row, CON_ODD) || kind == 'x')
		return look_note(l, "constraint '%.63s': %.200s", name,
				 look_text(r, row, CON_TEXT));
	if (kind == 'u')
		return look_index(l, ORM_KEY_UNIQUE, name, columns);
	if (kind == 'c')
		return add_check(l, name, look_text(r, row, CON_COMMENT),
				 look_text(r, row, CON_TEXT));
	return add_foreign(l, r, row);
}

static int add_index(struct look *l, const struct orm_result *r, size_t row)
{
	if (look_number(r, row, IDX_ODD))
		return look_note(l, "%.300s", look_text(r, row, IDX_TEXT));
	return look_index(l, ORM_KEY_INDEX, look_text(r, row, IDX_NAME),
			  look_text(r, row, IDX_COLUMNS));
}

/* Rows of this table, wherever they are. */
static int take_rows(struct look *l, const struct orm_result *result,
		     int (*take)(struct look *l, const struct orm_result *r, size_t row))
{
	int r = 0;

	for (size_t i = 0; !r && i < orm_result_count(result); i++)
		if (!strcmp(look_text(result, i, 0), l->table))
			r = take(l, result, i);
	return r;
}

int inspect_pg(struct look *l, const char *const *names, size_t n)
{
	own_result struct orm_result *columns = NULL, *constraints = NULL, *indexes = NULL;
	int r = look_fetch(l, columns_sql, &columns);

	if (!r)
		r = look_fetch(l, constraints_sql, &constraints);
	if (!r)
		r = look_fetch(l, indexes_sql, &indexes);
	for (size_t i = 0; !r && i < orm_result_count(columns); i++) {
		const char *table = look_text(columns, i, COL_TABLE);

		if (i && !strcmp(table, look_text(columns, i - 1, COL_TABLE)))
			continue;
		if (!look_wanted(table, names, n))
			continue;
		r = look_begin(l, table);
		if (!r)
			r = take_rows(l, columns, add_column);
		if (!r)
			r = take_rows(l, constraints, add_constraint);
		if (!r)
			r = take_rows(l, indexes, add_index);
		if (!r)
			r = look_end(l);
	}
	return r;
}
