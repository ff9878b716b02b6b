// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Schemas on live databases: what lists say is made, read back as the same lists, changed step by
 * step into others and back, created where it is missing and refused where it differs.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <strazh/base/own.h>
#include <strazh/orm.h>
#include <strazh/orm/schema.h>

#include <tests/orm/kit/database.h>

#define ALL_COLUMNS                                                                                \
	"X(i64, id, BIGINT, PK | AUTO) X(b, yes, BOOLEAN, NN) X(i16, small, SMALLINT, 0) "         \
	"X(i32, middle, INTEGER, UNIQUE) X(f32, real, REAL, INDEX) X(f64, wide, DOUBLE, 0) "       \
	"X(str, exact, NUMERIC, 0) X(str, text, TEXT, NN | UNIQUE) X(bytes, raw, BYTES, 0) "       \
	"X(i64, at_ms, TIMESTAMP_MS, NN) X(uuid, uid, UUID, 0) X(str, ip, INET, 0) "               \
	"X(str, net, CIDR, 0) X(str, doc, JSON, 0) X(str, docb, JSONB, 0) "                        \
	"X(i64s, ints, BIGINTS, 0) X(f64s, doubles, DOUBLES, 0) X(strs, texts, TEXTS, 0)"
#define OWNER                                                                                      \
	"#define OWNER(X) X(i64, id, BIGINT, PK | AUTO) X(str, mail, TEXT, NN | UNIQUE)\n"         \
	"ORM_TABLE(owner, OWNER)\n"
#define EVERY                                                                                      \
	"#define EVERY(X) " ALL_COLUMNS " X(i64, owner_id, BIGINT, 0)\n"                           \
	"#define EVERY_KEYS(K) K(FOREIGN, owner_id, \"owner\", \"id CASCADE\")"                    \
	" K(CHECK, every_range, \"wide >= 0 AND (wide <= 1 OR text <> 'it''s')\", \"\")"           \
	" K(DEFAULT, middle, \"-7\", \"\") K(DEFAULT, wide, \"0.5\", \"\")"                        \
	" K(DEFAULT, text, \"'it''s'\", \"\") K(DEFAULT, at_ms, \"NOW_MS\", \"\")"                 \
	" K(DEFAULT, yes, \"false\", \"\") K(DEFAULT, small, \"3\", \"\")"                         \
	" K(DEFAULT, exact, \"1.50\", \"\") K(DEFAULT, docb, \"'{}'\", \"\")"                      \
	" K(UNIQUE, every_pair, \"small, middle\", \"\")"                                          \
	" K(INDEX, every_by, \"at_ms, wide, id\", \"\")\n"                                         \
	"ORM_TABLE_KEYS(every, EVERY, EVERY_KEYS)\n"
#define PAIRS                                                                                      \
	"#define PAIRS(X) X(i64, a, BIGINT, PK) X(str, b, TEXT, PK) X(i64, c, BIGINT, 0)\n"        \
	"#define PAIRS_KEYS(K) K(FOREIGN, c, \"pairs_two\", \"id SET NULL\")\n"                    \
	"ORM_TABLE_KEYS(pairs, PAIRS, PAIRS_KEYS)\n"                                               \
	"#define PAIRS_TWO(X) X(i64, id, BIGINT, PK) X(i64, up, BIGINT, INDEX)\n"                  \
	"#define PAIRS_TWO_KEYS(K) K(FOREIGN, up, \"pairs_two\", \"id RESTRICT\")\n"               \
	"ORM_TABLE_KEYS(pairs_two, PAIRS_TWO, PAIRS_TWO_KEYS)\n"

struct open {
	struct orm *orm;
	struct orm_session *s;
};

static struct open open_db(const struct database *db)
{
	struct open o = {0};
	struct orm_error err = {0};

	if (orm_open(db->url, NULL, &o.orm, &err))
		fail_msg("%s", err.text);
	assert_int_equal(orm_session_open(o.orm, &o.s), 0);
	return o;
}

static void close_db(struct open *o)
{
	orm_session_close(o->s);
	orm_close(o->orm);
}

static struct orm_schema *parse(const char *text)
{
	struct orm_schema *schema = NULL;
	struct orm_error err = {0};

	if (orm_schema_parse("f", text, strlen(text), &schema, &err))
		fail_msg("%s", err.text);
	return schema;
}

/* The schema in its one form of text. */
static char *text_of(const struct orm_schema *schema)
{
	char *text = NULL;

	assert_int_equal(orm_schema_text(schema, &text, NULL), 0);
	return text;
}

static struct orm_schema *inspect(struct open *o)
{
	struct orm_schema *schema = NULL;

	if (orm_schema_inspect(o->s, NULL, 0, &schema))
		fail_msg("%s", orm_error(o->s)->text);
	return schema;
}

static void expect_live(struct open *o, const char *lists)
{
	struct orm_schema *want = parse(lists), *have = inspect(o);
	own_free char *a = text_of(want), *b = text_of(have);

	assert_string_equal(b, a);
	orm_schema_free(want);
	orm_schema_free(have);
}

static void make(const struct database *db, const char *lists)
{
	struct orm_schema *schema = parse(lists);
	own_free char *sql = NULL;

	assert_int_equal(orm_schema_ddl(schema, db->dialect, &sql, NULL), 0);
	database_do(db, sql);
	orm_schema_free(schema);
}

static void lists_come_back(void **state)
{
	const struct database *db = *state;
	struct open o = open_db(db);

	make(db, OWNER EVERY PAIRS);
	expect_live(&o, OWNER EVERY PAIRS);
	close_db(&o);
}

static void some_tables_only(void **state)
{
	const struct database *db = *state;
	const char *const names[] = {"owner", "nope"};
	struct open o = open_db(db);
	struct orm_schema *schema = NULL;

	make(db, OWNER EVERY);
	assert_int_equal(orm_schema_inspect(o.s, names, 2, &schema), 0);
	assert_int_equal(orm_schema_count(schema), 1);
	assert_string_equal(orm_schema_table(schema, 0)->name, "owner");
	orm_schema_free(schema);
	close_db(&o);
}

/* ---- changes ---- */

/* Runs in a transaction, as a migration does. */
static void apply(const struct database *db, const char *sql, bool keys_off)
{
	size_t size = strlen(sql) + 100;
	own_free char *all = malloc(size);

	assert_non_null(all);
	snprintf(all, size, "%sBEGIN;\n%s\nCOMMIT;",
		 keys_off && database_is_sqlite(db) ? "PRAGMA foreign_keys = OFF;" : "", sql);
	database_do(db, all);
}

static void there_and_back(const struct database *db, const char *from, const char *to)
{
	struct open o = open_db(db);
	struct orm_schema *want = parse(to), *back = parse(from), *live = inspect(&o);
	struct orm_change up = {0}, none = {0};
	struct orm_error err = {0};

	if (orm_schema_diff(live, want, db->dialect, ORM_DIFF_DROP_TABLES, &up, &err))
		fail_msg("%s", err.text);
	apply(db, up.up, up.foreign_keys_off);
	orm_schema_free(live);
	live = inspect(&o);
	assert_int_equal(
		orm_schema_diff(live, want, db->dialect, ORM_DIFF_DROP_TABLES, &none, &err), 0);
	assert_string_equal(none.up, "");
	orm_change_free(&none);
	apply(db, up.down, up.foreign_keys_off);
	orm_schema_free(live);
	live = inspect(&o);
	assert_int_equal(
		orm_schema_diff(live, back, db->dialect, ORM_DIFF_DROP_TABLES, &none, &err), 0);
	assert_string_equal(none.up, "");
	orm_change_free(&none);
	orm_change_free(&up);
	orm_schema_free(live);
	orm_schema_free(want);
	orm_schema_free(back);
	close_db(&o);
}

#define TABLE(columns, keys)                                                                       \
	"#define T(X) X(i64, id, BIGINT, PK | AUTO) " columns "\n#define T_KEYS(K) " keys          \
	"\nORM_TABLE_KEYS(t, T, T_KEYS)\n"
#define BASE TABLE("X(str, a, TEXT, 0) X(i64, n, BIGINT, 0)", "")

static void changes_lead_there_and_back(void **state)
{
	static const char *const to[] = {
		TABLE("X(str, a, TEXT, UNIQUE) X(i64, n, BIGINT, INDEX)", ""),
		TABLE("X(str, a, TEXT, NN) X(i64, n, BIGINT, NN)", ""),
		TABLE("X(i64, a, BIGINT, 0) X(str, n, TEXT, 0)", ""),
		TABLE("X(i64, n, BIGINT, 0)", ""),
		TABLE("X(str, a, TEXT, 0) X(i32, n, INTEGER, 0) X(uuid, u, UUID, UNIQUE)", ""),
		TABLE("X(str, a, TEXT, 0) X(i64, n, TIMESTAMP_MS, 0)", ""),
		TABLE("X(str, a, TEXT, 0) X(f64, n, DOUBLE, NN)",
		      "K(DEFAULT, n, \"0.5\", \"\") K(CHECK, t_n, \"n < 9\", \"\")"),
		TABLE("X(str, a, TEXT, NN) X(b, n, BOOLEAN, 0)",
		      "K(DEFAULT, a, \"'x'\", \"\") K(UNIQUE, t_two, \"id, n\", \"\")"),
		TABLE("X(str, a, TEXT, 0) X(i64, n, BIGINT, 0) X(i64, at, TIMESTAMP_MS, NN)",
		      "K(DEFAULT, at, \"NOW_MS\", \"\") K(INDEX, t_by, \"at, a\", \"\")"),
		TABLE("X(str, a, TEXT, 0) X(i64, n, BIGINT, 0)",
		      "K(FOREIGN, n, \"t\", \"id SET NULL\")"),
		TABLE("X(str, a, TEXT, 0) X(i64, n, BIGINT, 0) X(i64, o, BIGINT, 0)",
		      "K(FOREIGN, o, \"owner\", \"id\")") OWNER,
		"#define T(X) X(i64, id, BIGINT, PK) X(str, a, TEXT, PK) X(i64, n, BIGINT, 0)\n"
		"ORM_TABLE(t, T)\n",
		"#define T(X) X(i64, id, BIGINT, 0) X(str, a, TEXT, 0) X(i64, n, BIGINT, 0)\n"
		"ORM_TABLE(t, T)\n",
		OWNER PAIRS,
	};
	const struct database *db = *state;

	make(db, BASE);
	database_do(db, "INSERT INTO t(a, n) VALUES ('1', 1), ('2', 2)");
	for (size_t i = 0; i < ARRAY_LEN(to); i++)
		there_and_back(db, BASE, to[i]);
}

static void rows_survive(void **state)
{
	const struct database *db = *state;

	make(db, BASE);
	database_do(db, "INSERT INTO t(a, n) VALUES ('1', 1), ('2', NULL)");
	there_and_back(db, BASE,
		       TABLE("X(i64, a, BIGINT, NN) X(str, n, TEXT, NN) X(b, f, BOOLEAN, NN)",
			     "K(DEFAULT, n, \"'0'\", \"\") K(DEFAULT, f, \"true\", \"\")"));
	database_expect(db, "SELECT id, a, n FROM t ORDER BY id", "1|1|1\n2|2|0\n");
}

static void new_numbers_go_on(void **state)
{
	const struct database *db = *state;
	const char *plain = "#define T(X) X(i64, id, BIGINT, PK) X(str, a, TEXT, 0)\n"
			    "ORM_TABLE(t, T)\n";
	struct orm_schema *from = parse(plain), *to = parse(TABLE("X(str, a, TEXT, 0)", ""));
	struct orm_change c = {0};

	make(db, plain);
	database_do(db, "INSERT INTO t(id, a) VALUES (7, 'seven')");
	assert_int_equal(orm_schema_diff(from, to, db->dialect, 0, &c, NULL), 0);
	apply(db, c.up, c.foreign_keys_off);
	database_do(db, "INSERT INTO t(a) VALUES ('eight')");
	database_expect(db, "SELECT id FROM t ORDER BY 1", "7\n8\n");
	orm_change_free(&c);
	orm_schema_free(from);
	orm_schema_free(to);
}

/* Rows of another table refer to the one that is built anew: they stay. */
static void a_table_anew_keeps_what_refers_to_it(void **state)
{
	const struct database *db = *state;
	const char *refers = "#define R(X) X(i64, id, BIGINT, PK) X(i64, t_id, BIGINT, NN)\n"
			     "#define R_KEYS(K) K(FOREIGN, t_id, \"t\", \"id CASCADE\")\n"
			     "ORM_TABLE_KEYS(r, R, R_KEYS)\n";
	char from[1000], to[1000];
	struct orm_schema *a, *b;
	struct orm_change c = {0};
	struct open o = open_db(db);

	snprintf(from, sizeof(from), "%s%s", BASE, refers);
	snprintf(to, sizeof(to), "%s%s", TABLE("X(str, a, TEXT, NN)", ""), refers);
	make(db, from);
	database_do(db, "CREATE VIEW v AS SELECT a FROM t;"
			"CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET a = a || '!'; END;"
			"CREATE INDEX odd ON t(a) WHERE a <> '';"
			"INSERT INTO t(a) VALUES ('x'); INSERT INTO r VALUES (1, 1)");
	a = inspect(&o);
	b = parse(to);
	assert_int_equal(orm_schema_note_count(a), 2);
	assert_int_equal(orm_schema_diff(a, b, db->dialect, 0, &c, NULL), 0);
	assert_true(c.foreign_keys_off);
	apply(db, c.up, true);
	database_expect(db, "SELECT count(*) FROM r", "1\n");
	database_do(db, "INSERT INTO t(a) VALUES ('y')");
	database_expect(db, "SELECT a FROM v ORDER BY 1", "x!!\ny!\n");
	database_expect(db, "SELECT count(*) FROM sqlite_master WHERE name = 'odd'", "1\n");
	orm_change_free(&c);
	orm_schema_free(a);
	orm_schema_free(b);
	close_db(&o);
}

/* ---- what no list can say ---- */

static void expect_note(const struct orm_schema *schema, const char *want)
{
	for (size_t i = 0; i < orm_schema_note_count(schema); i++)
		if (strstr(orm_schema_note(schema, i), want))
			return;
	fail_msg("no note has '%s'", want);
}

static void what_pg_has_more_is_noted(void **state)
{
	const struct database *db = *state;
	struct open o = open_db(db);
	struct orm_schema *live, *again;
	own_free char *text = NULL;

	database_do(db, "CREATE TABLE odd (id bigint PRIMARY KEY, v varchar(9), n numeric(9,2), "
			"\"a b\" text, \"int\" text, g bigint GENERATED ALWAYS AS (id + 1) STORED, "
			"e text CHECK (e <> 'a*/b'));"
			"CREATE INDEX odd_lower ON odd (lower(e)); CREATE UNIQUE INDEX odd_part ON "
			"odd (e) WHERE e <> ''; CREATE TABLE \"a*/ b\" (x bigint);");
	live = inspect(&o);
	expect_note(live, "table 'odd': column 'v' is of type character varying(9)");
	expect_note(live, "column 'n' is of type numeric(9,2)");
	expect_note(live, "column 'a b' has a name");
	expect_note(live, "column 'int' has a name");
	expect_note(live, "column 'g' is generated");
	expect_note(live, "odd_lower");
	expect_note(live, "odd_part");
	expect_note(live, "table 'a*/ b' has a name");
	text = text_of(live);
	again = parse(text);
	assert_int_equal(orm_schema_count(again), 1);
	assert_non_null(strstr(text, "K(CHECK, odd_e_check, \"e <> 'a*/b'::text\", \"\")"));
	orm_schema_free(again);
	orm_schema_free(live);
	close_db(&o);
}

static void what_sqlite_has_more_is_noted(void **state)
{
	const struct database *db = *state;
	struct open o = open_db(db);
	struct orm_schema *live, *want;
	struct orm_change c = {0};
	struct orm_error err = {0};

	database_do(db, "CREATE TABLE odd (id INTEGER PRIMARY KEY AUTOINCREMENT, d DATETIME, "
			"v VARCHAR(9) DEFAULT ('x') UNIQUE, \"a b\" TEXT, g INT AS (id + 1), "
			"t TEXT COLLATE NOCASE CHECK (t <> ','),created INT);"
			"CREATE TABLE rowless (id INT PRIMARY KEY, x REAL) WITHOUT ROWID;"
			"CREATE VIRTUAL TABLE f USING fts5(a)");
	live = inspect(&o);
	assert_int_equal(orm_schema_count(live), 2);
	expect_note(live, "table 'odd': column 'id' has COLLATE or AUTOINCREMENT");
	expect_note(live, "column 'd' is of type 'DATETIME'");
	expect_note(live, "column 'a b' has a name");
	expect_note(live, "column 'g' is generated");
	expect_note(live, "CHECK (t <> ',') has no name");
	expect_note(live, "table 'rowless': it is WITHOUT ROWID");
	assert_true(orm_table_find(orm_schema_find(live, "odd"), "created", 7) > 0);
	want = parse("#define ODD(X) X(i64, id, BIGINT, PK | AUTO)\nORM_TABLE(odd, ODD)");
	assert_int_equal(orm_schema_diff(live, want, db->dialect, 0, &c, &err), ORM_E_SCHEMA);
	assert_non_null(strstr(err.text, "'odd' cannot be built anew"));
	assert_null(c.up);
	orm_schema_free(live);
	orm_schema_free(want);
	close_db(&o);
}

/* ---- orm_schema_create() ---- */

#define SHELF(X) X(i64, id, BIGINT, PK | AUTO) X(str, name, TEXT, NN | UNIQUE)
ORM_TABLE(shelf, SHELF)
#define BOOK(X)                                                                                    \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(i64, shelf_id, BIGINT, NN | INDEX)                                                       \
	X(str, title, TEXT, NN) X(f64, price, DOUBLE, NN) X(str, isbn, TEXT, UNIQUE)
#define BOOK_KEYS(K)                                                                               \
	K(FOREIGN, shelf_id, "shelf", "id CASCADE")                                                \
	K(CHECK, book_price, "price >= 0", "") K(DEFAULT, price, "1.5", "")
ORM_TABLE_KEYS(book, BOOK, BOOK_KEYS)

static const struct orm_table *const *library(void)
{
	static const struct orm_table *tables[2];

	tables[0] = T(book); /* before what it refers to */
	tables[1] = T(shelf);
	return tables;
}

static void missing_tables_are_created(void **state)
{
	const struct database *db = *state;
	struct open o = open_db(db);

	assert_int_equal(orm_schema_create(o.s, library(), 2), 0);
	assert_int_equal(orm_schema_create(o.s, library(), 2), 0);
	database_do(db, "INSERT INTO shelf(name) VALUES ('a'); DROP TABLE book");
	assert_int_equal(orm_schema_create(o.s, library(), 2), 0);
	database_do(db, "CREATE INDEX mine ON book(title)");
	assert_int_equal(orm_schema_create(o.s, library(), 2), 0);
	assert_int_equal(orm_begin(o.s, NULL), 0);
	assert_int_equal(orm_schema_create(o.s, library(), 2), ORM_E_STATE);
	orm_rollback(o.s);
	database_expect(db, "SELECT count(*) FROM shelf", "1\n");
	close_db(&o);
}

static void what_differs_is_told(void **state)
{
	static const struct {
		const char *pg;
		const char *sqlite; /* NULL: not this one */
		const char *want;
	} cases[] = {
		{"ALTER TABLE book DROP COLUMN title", "ALTER TABLE book DROP COLUMN title",
		 "'title' is not in the database"},
		{"ALTER TABLE book ADD COLUMN more text", "ALTER TABLE book ADD COLUMN more TEXT",
		 "'more' is in the database"},
		{"ALTER TABLE book ALTER price TYPE real", NULL,
		 "'price' is REAL in the database, DOUBLE"},
		{"ALTER TABLE book ALTER title DROP NOT NULL", NULL, "'title' may be NULL"},
		{"ALTER TABLE book ALTER isbn SET NOT NULL", NULL, "'isbn' may not be NULL"},
		{"ALTER TABLE book ALTER price DROP DEFAULT", NULL, "'price' has another default"},
		{"ALTER TABLE book ALTER id DROP IDENTITY", NULL, "'id' is AUTO in one"},
		{"DROP INDEX book_shelf_id_idx", "DROP INDEX book_shelf_id_idx",
		 "'book_shelf_id_idx' is missing"},
		{"ALTER TABLE book DROP CONSTRAINT book_isbn_key", "DROP INDEX book_isbn_key",
		 "'book_isbn_key' is missing"},
		{"ALTER TABLE book DROP CONSTRAINT book_price", NULL, "'book_price' is missing"},
		{"ALTER TABLE book DROP CONSTRAINT book_shelf_id_fkey", NULL,
		 "'book_shelf_id_fkey' is missing"},
		{"ALTER TABLE book ADD CONSTRAINT book_more UNIQUE (title)",
		 "CREATE UNIQUE INDEX book_more ON book(title)", "'book_more' is in the database"},
	};
	const struct database *db = *state;
	struct open o = open_db(db);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *sql = database_is_sqlite(db) ? cases[i].sqlite : cases[i].pg;

		if (!sql)
			continue;
		assert_int_equal(orm_schema_create(o.s, library(), 2), 0);
		database_do(db, sql);
		assert_int_equal(orm_schema_create(o.s, library(), 2), ORM_E_SCHEMA);
		if (!strstr(orm_error(o.s)->text, cases[i].want))
			fail_msg("'%s' lacks '%s'", orm_error(o.s)->text, cases[i].want);
		assert_string_equal(orm_error(o.s)->table, "book");
		database_do(db, "DROP TABLE book");
	}
	close_db(&o);
}

static void *create_in_thread(void *url)
{
	struct orm *orm = NULL;
	struct orm_session *s = NULL;
	const struct orm_table *tables[] = {T(book), T(shelf)};
	intptr_t r = orm_open(url, NULL, &orm, NULL);

	if (!r)
		r = orm_session_open(orm, &s);
	if (!r)
		r = orm_schema_create(s, tables, 2);
	orm_session_close(s);
	if (orm)
		orm_close(orm);
	return (void *)r;
}

static void many_create_at_once(void **state)
{
	struct database *db = *state;
	pthread_t threads[5];
	void *r;

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, create_in_thread, db->url), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &r), 0);
		assert_int_equal((intptr_t)r, 0);
	}
}

static const struct database_test tests[] = {
	DATABASE_TEST(lists_come_back),
	DATABASE_TEST(some_tables_only),
	DATABASE_TEST(changes_lead_there_and_back),
	DATABASE_TEST(rows_survive),
	DATABASE_TEST(new_numbers_go_on),
	DATABASE_TEST_SQLITE(a_table_anew_keeps_what_refers_to_it),
	DATABASE_TEST_POSTGRESQL(what_pg_has_more_is_noted),
	DATABASE_TEST_SQLITE(what_sqlite_has_more_is_noted),
	DATABASE_TEST(missing_tables_are_created),
	DATABASE_TEST(what_differs_is_told),
	DATABASE_TEST(many_create_at_once),
};

int main(void)
{
	return DATABASE_RUN(tests);
}
