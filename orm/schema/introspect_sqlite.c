/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite's pragmas, and the text of each table for what they do not tell: the column's own type
 * (a comment behind SQLite's, see ddl.c) and checks. A table that somebody else made has no such
 * comments; its types are guessed by their names.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/schema/introspect.h>
#include <orm/schema/litesql.h>
#include <orm/table/item.h>
#include <orm/table/sqltext.h>

static const char tables_sql[] =
	"SELECT m.name, m.sql, l.wr FROM sqlite_master m JOIN pragma_table_list l"
	" ON l.schema = 'main' AND l.name = m.name WHERE m.type = 'table' AND l.type = 'table'"
	" AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY m.name";
enum { TAB_NAME, TAB_SQL, TAB_NO_ROWID };

static const char columns_sql[] =
	"SELECT m.name, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk, c.hidden"
	" FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c WHERE m.type = 'table'"
	" ORDER BY m.name, c.cid";
enum { COL_TABLE, COL_NAME, COL_TYPE, COL_NOT_NULL, COL_DEFAULT, COL_PK, COL_HIDDEN };

static const char indexes_sql[] =
	"SELECT m.name, i.name, i.\"unique\", i.origin, s.sql, (SELECT group_concat(x.name, ', ')"
	" FROM (SELECT * FROM pragma_index_xinfo(i.name) WHERE key ORDER BY seqno) x),"
	" i.partial OR EXISTS (SELECT 1 FROM pragma_index_xinfo(i.name) y WHERE y.key AND"
	" (y.cid < 0 OR y.desc OR y.coll <> 'BINARY'))"
	" FROM sqlite_master m JOIN pragma_index_list(m.name) i"
	" LEFT JOIN sqlite_master s ON s.type = 'index' AND s.name = i.name"
	" WHERE m.type = 'table' AND i.origin <> 'pk' ORDER BY m.name, i.name";
enum { IDX_TABLE, IDX_NAME, IDX_UNIQUE, IDX_ORIGIN, IDX_SQL, IDX_COLUMNS, IDX_ODD };

static const char foreign_sql[] =
	"SELECT m.name, f.id, f.\"table\", f.\"from\", f.\"to\", f.on_update, f.on_delete,"
	" (SELECT count(*) FROM pragma_foreign_key_list(m.name) g WHERE g.id = f.id)"
	" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'"
	" ORDER BY m.name, f.id DESC, f.seq";
enum { FK_TABLE, FK_ID, FK_TARGET, FK_FROM, FK_TO, FK_ON_UPDATE, FK_ON_DELETE, FK_SIZE };

static const char triggers_sql[] =
	"SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name";

struct live {
	struct look *l;
	const char *sql; /* of the table */
	bool no_rowid;
	struct orm_result *columns;
};

/* ---- columns ---- */

/* The part of the table's text that declares this column. */
static bool find_part(const char *sql, const char *column, struct litepart *ret_part)
{
	const char *at = litesql_begin(sql);

	while (at && litesql_next(&at, ret_part) > 0)
		if (!ret_part->constraint && orm_word_is(ret_part->name, column))
			return true;
	return false;
}

/* "BIGINT AUTO" */
static enum orm_type type_in_comment(struct orm_word comment, bool *ret_auto)
{
	const char *space = comment.at ? memchr(comment.at, ' ', comment.len) : NULL;
	size_t len = space ? (size_t)(space - comment.at) : comment.len;
	struct orm_word rest = {0};

	if (!comment.at)
		return ORM_T_NONE;
	if (space)
		rest = (struct orm_word){space + 1, comment.len - len - 1};
	*ret_auto = space && orm_word_is(rest, "AUTO");
	return orm_type_find(comment.at, len);
}

/* Of tables that this library did not make. An INTEGER of SQLite has 64 bits. */
static enum orm_type type_by_name(const char *name)
{
	static const struct {
		const char *name;
		enum orm_type type;
	} known[] = {
		{"INT", ORM_T_BIGINT},	  {"INTEGER", ORM_T_BIGINT},
		{"BIGINT", ORM_T_BIGINT}, {"BOOLEAN", ORM_T_BOOLEAN},
		{"BOOL", ORM_T_BOOLEAN},  {"REAL", ORM_T_DOUBLE},
		{"DOUBLE", ORM_T_DOUBLE}, {"FLOAT", ORM_T_DOUBLE},
		{"TEXT", ORM_T_TEXT},	  {"DOUBLE PRECISION", ORM_T_DOUBLE},
		{"BLOB", ORM_T_BYTES},	  {"JSON", ORM_T_JSON},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcasecmp(known[i].name, name))
			return known[i].type;
	if (!strncasecmp(name, "VARCHAR", 7) || !strncasecmp(name, "CHAR", 4))
		return ORM_T_TEXT;
	return ORM_T_NONE;
}

static unsigned primary_columns(const struct orm_result *r, const char *table)
{
	unsigned n = 0;

	for (size_t i = 0; i < orm_result_count(r); i++)
		n += !strcmp(look_text(r, i, COL_TABLE), table) && look_number(r, i, COL_PK);
	return n;
}

static int add_column(struct live *live, const struct orm_result *r, size_t row)
{
	const char *name = look_text(r, row, COL_NAME), *def = look_text(r, row, COL_DEFAULT);
	bool numbered = false, pk = look_number(r, row, COL_PK);
	struct litepart part = {0};
	enum orm_type type = ORM_T_NONE;
	uint16_t flags = 0;

	if (look_number(r, row, COL_HIDDEN))
		return look_note(live->l, "column '%.63s' is generated", name);
	if (!find_part(live->sql, name, &part))
		return look_note(live->l, "column '%.63s' is not in the table's text", name);
	if (part.has_collate || part.has_autoincrement) {
		int e = look_note(live->l, "column '%.63s' has COLLATE or AUTOINCREMENT", name);

		if (e)
			return e;
	}
	type = type_in_comment(part.comment, &numbered);
	if (type == ORM_T_NONE) {
		type = type_by_name(look_text(r, row, COL_TYPE));
		numbered = pk && !live->no_rowid &&
			   !strcasecmp(look_text(r, row, COL_TYPE), "INTEGER") &&
			   primary_columns(r, live->l->table) == 1;
	}
	if (type == ORM_T_NONE)
		return look_note(live->l, "column '%.63s' is of type '%.100s'", name,
				 look_text(r, row, COL_TYPE));
	if (pk)
		flags |= ORM_PK;
	else if (look_number(r, row, COL_NOT_NULL))
		flags |= ORM_NN;
	if (numbered)
		flags |= ORM_AUTO;
	if (strstr(def, "/* NOW_MS */"))
		def = "NOW_MS";
	return look_column(live->l, name, type, flags, *def ? def : NULL);
}

/* ---- checks ---- */

static int add_check(struct live *live, const struct litepart *part)
{
	own_free char *text = strndup(part->check.at, part->check.len);
	char name[ORM_NAME_MAX + 1];

	if (!text)
		return session_fail(live->l->s, -ENOMEM, "no memory for the schema");
	if (part->more_checks || !part->check_name.len || part->check_name.len > ORM_NAME_MAX)
		return look_note(live->l, "CHECK (%.200s) has no name of its own", text);
	snprintf(name, sizeof(name), "%.*s", (int)part->check_name.len, part->check_name.at);
	if (!orm_name_ok(name, part->check_name.len))
		return look_note(live->l, "CHECK (%.200s) has no name of its own", text);
	return look_key(live->l, ORM_KEY_CHECK, name, text, "");
}

static int add_checks(struct live *live)
{
	const char *at = litesql_begin(live->sql);
	struct litepart part;
	int r = 0, more = 0;

	while (at && !r && (more = litesql_next(&at, &part)) > 0) {
		if (part.check.at)
			r = add_check(live, &part);
		if (!r && part.has_deferrable)
			r = look_note(live->l, "a foreign key is DEFERRABLE");
	}
	if (!r && (!at || more < 0))
		r = look_note(live->l, "its text cannot be read");
	return r;
}

/* ---- indexes, foreign keys, triggers ---- */

/* A statement to be run again when the table was built anew. */
static int add_extra(struct live *live, const char *sql)
{
	struct draft *d = &live->l->draft;
	own_sqltext struct sqltext t = {0};

	if (d->extra)
		sqltext_add(&t, d->extra);
	sqltext_addf(&t, "%s;\n", sql);
	if (t.fault)
		return session_fail(live->l->s, t.fault, "no room for the schema");
	d->extra = schema_text(live->l->schema, t.text, t.len);
	return d->extra ? 0 : schema_no_room(live->l->schema, &live->l->s->error);
}

static int add_index(struct live *live, const struct orm_result *r, size_t row)
{
	const char *name = look_text(r, row, IDX_NAME), *sql = look_text(r, row, IDX_SQL);
	const char *columns = look_text(r, row, IDX_COLUMNS);
	enum orm_key_kind kind = look_number(r, row, IDX_UNIQUE) ? ORM_KEY_UNIQUE : ORM_KEY_INDEX;
	char made[ORM_NAME_MAX + 1], flat[ORM_NAME_MAX + 1];
	size_t n = 0;

	if (look_number(r, row, IDX_ODD) && *sql) {
		int e = schema_note(live->l->schema, &live->l->s->error, "table '%s': %.300s",
				    live->l->table, sql);

		return e ? e : add_extra(live, sql);
	}
	if (strcmp(look_text(r, row, IDX_ORIGIN), "u") != 0)
		return look_index(live->l, kind, name, columns);
	/* Inside CREATE TABLE, where SQLite forgets its name. */
	live->l->draft.inner_unique = true;
	for (const char *c = columns; *c && n < ORM_NAME_MAX; c++)
		if (*c != ' ')
			flat[n++] = *c == ',' ? '_' : *c;
	flat[n] = '\0';
	orm_made_name(made, live->l->table, flat, SUFFIX_UNIQUE);
	return look_index(live->l, kind, made, columns);
}

static int add_foreign(struct live *live, const struct orm_result *r, size_t row)
{
	const char *action = look_text(r, row, FK_ON_DELETE);

	if (!strcmp(action, "NO ACTION"))
		action = "";
	if (look_number(r, row, FK_SIZE) != 1 || look_is_null(r, row, FK_TO) ||
	    strcmp(look_text(r, row, FK_ON_UPDATE), "NO ACTION") != 0 ||
	    !strcmp(action, "SET DEFAULT"))
		return look_note(live->l, "foreign key of '%.63s' to '%.63s'",
				 look_text(r, row, FK_FROM), look_text(r, row, FK_TARGET));
	return look_foreign(live->l, look_text(r, row, FK_FROM), look_text(r, row, FK_TARGET),
			    look_text(r, row, FK_TO), action);
}

static int add_trigger(struct live *live, const struct orm_result *r, size_t row)
{
	int e = schema_note(live->l->schema, &live->l->s->error, "table '%s': trigger '%.63s'",
			    live->l->table, look_text(r, row, 1));

	return e ? e : add_extra(live, look_text(r, row, 2));
}

/* ---- all of it ---- */

static int take_rows(struct live *live, const struct orm_result *result,
		     int (*take)(struct live *live, const struct orm_result *r, size_t row))
{
	int r = 0;

	for (size_t i = 0; !r && i < orm_result_count(result); i++)
		if (!strcmp(look_text(result, i, 0), live->l->table))
			r = take(live, result, i);
	return r;
}

/* PRIMARY KEY (b, a) of columns a, b: no list can say it. */
static int check_primary_order(struct live *live)
{
	const struct orm_result *r = live->columns;
	int64_t last = 0;

	for (size_t i = 0; i < orm_result_count(r); i++) {
		int64_t pk = look_number(r, i, COL_PK);

		if (strcmp(look_text(r, i, COL_TABLE), live->l->table) != 0 || !pk)
			continue;
		if (pk < last)
			return look_note(live->l, "its primary key is not in the order of columns");
		last = pk;
	}
	return live->no_rowid ? look_note(live->l, "it is WITHOUT ROWID") : 0;
}

int inspect_sqlite(struct look *l, const char *const *names, size_t n)
{
	own_result struct orm_result *tables = NULL, *columns = NULL, *indexes = NULL;
	own_result struct orm_result *foreign = NULL, *triggers = NULL;
	struct live live = {.l = l};
	int r = look_fetch(l, tables_sql, &tables);

	if (!r)
		r = look_fetch(l, columns_sql, &columns);
	if (!r)
		r = look_fetch(l, indexes_sql, &indexes);
	if (!r)
		r = look_fetch(l, foreign_sql, &foreign);
	if (!r)
		r = look_fetch(l, triggers_sql, &triggers);
	live.columns = columns;
	for (size_t i = 0; !r && i < orm_result_count(tables); i++) {
		if (!look_wanted(look_text(tables, i, TAB_NAME), names, n))
			continue;
		live.sql = look_text(tables, i, TAB_SQL);
		live.no_rowid = look_number(tables, i, TAB_NO_ROWID);
		r = look_begin(l, look_text(tables, i, TAB_NAME));
		if (!r)
			r = take_rows(&live, columns, add_column);
		if (!r)
			r = check_primary_order(&live);
		if (!r)
			r = add_checks(&live);
		if (!r)
			r = take_rows(&live, indexes, add_index);
		if (!r)
			r = take_rows(&live, foreign, add_foreign);
		if (!r)
			r = take_rows(&live, triggers, add_trigger);
		if (!r)
			r = look_end(l);
	}
	return r;
}
