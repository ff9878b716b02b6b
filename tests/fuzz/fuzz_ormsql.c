// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What reads SQL without a database, against the databases' own parsers: where a statement ends
 * (script), whether it writes (rawtext), what the columns of a CREATE TABLE are (litesql), and what
 * a migration tells its runner. First byte: which of them.
 */
#include "must.h"

#include <pg_query.h>
#include <sqlite3.h>

#include <strazh/base/own.h>
#include <strazh/orm/migrate.h>

#include <orm/render/rawtext.h>
#include <orm/schema/litesql.h>
#include <orm/tools/kit/script.h>

#define TEXT_MAX 4096U
#define PARSED_MAX 512U /* PostgreSQL's parser calls itself for what is nested */

/* Kept from input to input: nothing is ever committed. */
static sqlite3 *db(void)
{
	static sqlite3 *kept;

	if (kept)
		return kept;
	MUST(!sqlite3_open(":memory:", &kept));
	MUST(!sqlite3_exec(kept, "CREATE TABLE a(a, b); BEGIN", NULL, NULL, NULL));
	return kept;
}

/* ---- where a statement ends ---- */

/* SQLite compiles this one: then it ends where SQLite says that it does. */
static void ends_as_sqlite(const char *from, const struct script *behind)
{
	sqlite3_stmt *stmt = NULL;
	const char *tail;

	MUST(sqlite3_prepare_v2(db(), from, -1, &stmt, &tail) || !stmt || tail == behind->at);
	sqlite3_finalize(stmt);
}

/* Statements of a text that PostgreSQL parses; -1: it does not. */
static int count_pg(const char *text)
{
	PgQuerySplitResult split = pg_query_split_with_parser(text);
	int n = split.error ? -1 : split.n_stmts;

	pg_query_free_split_result(split);
	return n;
}

static void script(const char *text, size_t len, enum orm_dialect dialect)
{
	const char *before = text;
	struct script_stmt stmt;
	struct script s;
	int n = 0, pg;

	script_init(&s, text, len, dialect);
	while (script_next(&s, &stmt)) {
		size_t line = 1;

		MUST(stmt.len);
		MUST(stmt.text >= before);
		MUST(stmt.text + stmt.len <= s.at);
		MUST(s.at <= s.end);
		before = s.at;
		for (const char *p = text; p < stmt.text; p++)
			line += *p == '\n';
		MUST(stmt.line == line);
		if (dialect == ORM_SQLITE && !memchr(text, '\0', len))
			ends_as_sqlite(stmt.text, &s);
		n++;
	}
	MUST(s.at == s.end);
	if (dialect == ORM_SQLITE || len > PARSED_MAX || memchr(text, '\0', len))
		return;
	pg = count_pg(text);
	MUST(pg < 0 || pg == n);
}

/* ---- whether it writes ---- */

static bool writes_in_sqlite(const char *text)
{
	sqlite3_stmt *stmt = NULL;
	const char *tail;
	bool writes = !sqlite3_prepare_v2(db(), text, -1, &stmt, &tail) && stmt && !*tail &&
		      !sqlite3_stmt_readonly(stmt);

	sqlite3_finalize(stmt);
	return writes;
}

static bool writes_in_pg(const char *text)
{
	static const char *const nodes[] = {"\"InsertStmt\":{", "\"UpdateStmt\":{",
					    "\"DeleteStmt\":{", "\"MergeStmt\":{",
					    "\"intoClause\":{", "\"CreateStmt\":{",
					    "\"DropStmt\":{",	"\"TruncateStmt\":{",
					    "\"VacuumStmt\":{", "\"VariableSetStmt\":{"};
	PgQueryParseResult parsed = pg_query_parse(text);
	bool writes = false;

	for (size_t i = 0; i < ARRAY_LEN(nodes) && !parsed.error && !writes; i++)
		writes = strstr(parsed.parse_tree, nodes[i]) != NULL;
	pg_query_free_parse_result(parsed);
	return writes;
}

static void raw(const char *text, size_t len, enum orm_dialect dialect)
{
	if (raw_writes(text, len) || memchr(text, '\0', len))
		return;
	MUST(dialect == ORM_SQLITE ? !writes_in_sqlite(text)
				   : len > PARSED_MAX || !writes_in_pg(text));
}

/* ---- the columns of a table ---- */

static bool lies_in(struct orm_word w, const char *text, size_t len)
{
	return !w.at || (w.at >= text && w.at + w.len <= text + len);
}

/* Parts that are columns; -1: it is not as SQLite would keep it. */
static int columns_of(const char *sql, struct litepart *parts, int most)
{
	const char *at = litesql_begin(sql), *before = at;
	size_t len = strlen(sql);
	struct litepart part;
	int n = 0, r = -1;

	while (at && (r = litesql_next(&at, &part)) > 0) {
		MUST(at > before);
		MUST(at <= sql + len);
		MUST(lies_in(part.name, sql, len));
		MUST(lies_in(part.comment, sql, len));
		MUST(lies_in(part.check, sql, len));
		MUST(lies_in(part.check_name, sql, len));
		before = at;
		if (!part.constraint && n < most)
			parts[n] = part;
		n += !part.constraint;
	}
	return r < 0 ? -1 : n;
}

static const char *text_of(sqlite3_stmt *stmt, int column)
{
	return (const char *)sqlite3_column_text(stmt, column);
}

static void compare_columns(const char *sql)
{
	struct litepart parts[64];
	int n = columns_of(sql, parts, ARRAY_LEN(parts)), i = 0;
	sqlite3_stmt *stmt;

	MUST(!sqlite3_prepare_v2(db(), "SELECT name FROM pragma_table_xinfo('t') ORDER BY cid", -1,
				 &stmt, NULL));
	for (; sqlite3_step(stmt) == SQLITE_ROW; i++) {
		const char *name = text_of(stmt, 0);

		MUST(i >= (int)ARRAY_LEN(parts) || !orm_name_ok(name, strlen(name)) ||
		     (i < n && orm_word_is(parts[i].name, name)));
	}
	sqlite3_finalize(stmt);
	MUST(i == n);
}

static void table(const char *text)
{
	own_free char *sql = NULL;
	struct litepart parts[4];
	sqlite3_stmt *stmt = NULL, *kept = NULL;

	columns_of(text, parts, ARRAY_LEN(parts));
	if (asprintf(&sql, "CREATE TABLE t(%s", text) < 0)
		return;
	columns_of(sql, parts, ARRAY_LEN(parts));
	MUST(!sqlite3_exec(db(), "SAVEPOINT one", NULL, NULL, NULL));
	if (!sqlite3_prepare_v2(db(), sql, -1, &stmt, NULL) && sqlite3_step(stmt) == SQLITE_DONE) {
		sqlite3_finalize(stmt);
		stmt = NULL;
		MUST(!sqlite3_prepare_v2(db(), "SELECT sql FROM sqlite_schema WHERE name = 't'", -1,
					 &kept, NULL));
		MUST(sqlite3_step(kept) == SQLITE_ROW);
		compare_columns(text_of(kept, 0));
	}
	sqlite3_finalize(stmt);
	sqlite3_finalize(kept);
	MUST(!sqlite3_exec(db(), "ROLLBACK TO one; RELEASE one", NULL, NULL, NULL));
}

/* ---- migrations ---- */

static void migration(const char *text)
{
	const struct orm_migration_step step = {.version = 1, .name = "one", .up = text};
	struct orm_migrations *m = NULL;
	struct orm_error err = {0};
	int r = orm_migrations_of(&step, 1, ORM_SQLITE, &m, &err);

	MUST(r ? r == ORM_E_SCHEMA && err.text[0] && !m : orm_migrations_last(m) == 1);
	orm_migrations_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own_free char *text = malloc(size ? size : 1);

	if (!size || size > TEXT_MAX || !text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 6) {
	case 0:
		script(text, size - 1, ORM_SQLITE);
		break;
	case 1:
		script(text, size - 1, ORM_POSTGRESQL);
		break;
	case 2:
		raw(text, size - 1, ORM_SQLITE);
		break;
	case 3:
		raw(text, size - 1, ORM_POSTGRESQL);
		break;
	case 4:
		table(text);
		break;
	default:
		migration(text);
		break;
	}
	return 0;
}
