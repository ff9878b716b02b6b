// SPDX-License-Identifier: AGPL-3.0-or-later
/* Seeds: twice is as once. Factories: rows that every type of both databases takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <strazh/base/own.h>
#include <strazh/orm.h>
#include <strazh/orm/schema.h>
#include <strazh/orm/seed.h>

#include <tests/orm/kit/database.h>

#define OWNER(X)                                                                                   \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(str, mail, TEXT, NN | UNIQUE)                                                            \
	X(str, word, TEXT, SECRET) X(i64, level, BIGINT, NN)
#define OWNER_KEYS(K) K(DEFAULT, level, "1", "")
ORM_TABLE_KEYS(owner, OWNER, OWNER_KEYS)
#define THING(X) X(i64, id, BIGINT, PK | AUTO) X(i64, owner_id, BIGINT, NN) X(str, name, TEXT, 0)
#define THING_KEYS(K)                                                                              \
	K(FOREIGN, owner_id, "owner", "id CASCADE") K(UNIQUE, thing_pair, "owner_id, name", "")
ORM_TABLE_KEYS(thing, THING, THING_KEYS)
#define EVERY(X)                                                                                   \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(b, yes, BOOLEAN, NN)                                                                     \
	X(i16, small, SMALLINT, UNIQUE)                                                            \
	X(i32, middle, INTEGER, NN | UNIQUE)                                                       \
	X(f32, real, REAL, UNIQUE)                                                                 \
	X(f64, wide, DOUBLE, NN)                                                                   \
	X(str, exact, NUMERIC, NN)                                                                 \
	X(str, text, TEXT, NN | UNIQUE)                                                            \
	X(bytes, raw, BYTES, NN | UNIQUE)                                                          \
	X(i64, at_ms, TIMESTAMP_MS, NN | UNIQUE)                                                   \
	X(uuid, uid, UUID, NN | UNIQUE)                                                            \
	X(str, ip, INET, NN)                                                                       \
	X(str, net, CIDR, UNIQUE)                                                                  \
	X(str, doc, JSON, NN)                                                                      \
	X(str, docb, JSONB, 0)                                                                     \
	X(i64s, ints, BIGINTS, NN) X(f64s, doubles, DOUBLES, NN) X(strs, texts, TEXTS, NN)
ORM_TABLE(every, EVERY)

struct open {
	struct orm *orm;
	struct orm_session *s;
};

static struct open open_db(const struct database *db)
{
	struct open o = {0};
	struct orm_error err = {0};
	const struct orm_table *tables[] = {T(thing), T(owner), T(every)};

	if (orm_open(db->url, NULL, &o.orm, &err))
		fail_msg("%s", err.text);
	assert_int_equal(orm_session_open(o.orm, &o.s), 0);
	if (orm_schema_create(o.s, tables, 3))
		fail_msg("%s", orm_error(o.s)->text);
	return o;
}

static void close_db(struct open *o)
{
	orm_session_close(o->s);
	orm_close(o->orm);
}

static void rows_are_seeded_once(void **state)
{
	const struct database *db = *state;
	struct open o = open_db(db);
	struct owner rows[] = {{.mail = "a", .level = 1}, {.mail = "b", .level = 2}};

	for (int i = 0; i < 2; i++) {
		if (orm_seed_rows(o.s, T(owner), rows, 2, 0))
			fail_msg("%s", orm_error(o.s)->text);
		database_expect(db, "SELECT mail, level FROM owner ORDER BY mail", "a|1\nb|2\n");
	}
	rows[1].level = 7;
	assert_int_equal(orm_seed_rows(o.s, T(owner), rows, 2, 0), 0);
	database_expect(db, "SELECT mail, level FROM owner ORDER BY mail", "a|1\nb|7\n");
	/* Only the columns that are named. */
	rows[1].level = 9;
	assert_int_equal(orm_seed_rows(o.s, T(owner), rows, 2, ORM_BIT(owner, mail)), 0);
	database_expect(db, "SELECT mail, level FROM owner ORDER BY mail", "a|1\nb|7\n");
	assert_int_equal(orm_seed_rows(o.s, T(owner), rows, 2, ORM_BIT(owner, level)), ORM_E_QUERY);
	assert_int_equal(orm_error(o.s)->row, 0);
	assert_false(orm_in_transaction(o.s));
	close_db(&o);
}

#define SEEDS                                                                                      \
	"{\"thing\":[{\"owner_id\":5,\"name\":\"x\"},{\"owner_id\":5,\"name\":\"y\"}],"            \
	"\"owner\":[{\"id\":5,\"mail\":\"five\",\"word\":\"hush\"},{\"mail\":\"other\"}]}"

static int seed(struct open *o, const char *text)
{
	const struct orm_table *tables[] = {T(thing), T(owner)};

	return orm_seed_json(o->s, tables, 2, text, strlen(text));
}

static void json_is_seeded_once(void **state)
{
	const struct database *db = *state;
	struct open o = open_db(db);

	for (int i = 0; i < 2; i++) {
		if (seed(&o, SEEDS))
			fail_msg("%s", orm_error(o.s)->text);
		database_expect(db, "SELECT owner_id, name FROM thing ORDER BY name", "5|x\n5|y\n");
		database_expect(db, "SELECT mail, word, level FROM owner ORDER BY mail",
				"five|hush|1\nother|NULL|1\n");
	}
	/* Numbers that the database gives go on behind those that were given. */
	database_do(db, "INSERT INTO owner(mail, level) VALUES ('next', 1), ('last', 1),"
			"('a', 1), ('b', 1), ('c', 1), ('d', 1)");
	database_expect(db, "SELECT count(*) FROM owner", "8\n");
	close_db(&o);
}

static void wrong_seeds_leave_nothing(void **state)
{
	static const struct {
		const char *text;
		int class;
		const char *want;
	} cases[] = {
		{"[]", ORM_E_VALUE, "seeds are an object"},
		{"{\"nope\":[]}", ORM_E_VALUE, "no table 'nope'"},
		{"{\"owner\":{}}", ORM_E_VALUE, "should be an array"},
		{"{\"owner\":[{\"mail\":\"a\"},{\"mail\":7}]}", ORM_E_VALUE,
		 "member 'mail' of object 1"},
		{"{\"owner\":[{\"mail\":\"a\"}],\"thing\":[{\"owner_id\":99,\"name\":\"x\"}]}",
		 ORM_E_FOREIGN_KEY, ""},
		{"{\"owner\":[{\"mail\":\"a\"}],\"thing\":[{\"owner_id\":1}]}", ORM_E_QUERY,
		 "neither its primary key"},
	};
	const struct database *db = *state;
	struct open o = open_db(db);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(seed(&o, cases[i].text), cases[i].class);
		if (!strstr(orm_error(o.s)->text, cases[i].want))
			fail_msg("'%s' lacks '%s'", orm_error(o.s)->text, cases[i].want);
		database_expect(db, "SELECT count(*) FROM owner", "0\n");
	}
	close_db(&o);
}

/* ---- factories ---- */

#define ROWS 300

static void factories_make_what_databases_take(void **state)
{
	const struct database *db = *state;
	struct open o = open_db(db);
	struct orm_factory *f = NULL;
	static struct every rows[ROWS];
	struct orm_error err;

	assert_int_equal(orm_factory_new(T(every), 1, &f, &err), 0);
	for (size_t i = 0; i < ROWS; i++) {
		struct orm_query *q = orm_insert(o.s, T(every));

		if (orm_factory_make(f, &rows[i], &err))
			fail_msg("%s", err.text);
		orm_row(q, &rows[i]);
		if (orm_exec(o.s, q, NULL))
			fail_msg("row %zu: %s", i, orm_error(o.s)->text);
		orm_query_free(q);
	}
	database_expect(db,
			"SELECT count(*), count(DISTINCT text), count(DISTINCT uid), "
			"count(DISTINCT raw) FROM every",
			"300|300|300|300\n");
	database_expect(db,
			"SELECT count(net) > 200 AND count(net) < 300, count(DISTINCT yes) FROM "
			"every",
			database_is_sqlite(db) ? "1|2\n" : "t|2\n");
	orm_factory_free(f);
	close_db(&o);
}

static void the_same_seed_makes_the_same_rows(void **state)
{
	struct orm_factory *a = NULL, *b = NULL, *c = NULL;
	unsigned differ = 0;

	(void)state;
	assert_int_equal(orm_factory_new(T(every), 42, &a, NULL), 0);
	assert_int_equal(orm_factory_new(T(every), 42, &b, NULL), 0);
	assert_int_equal(orm_factory_new(T(every), 43, &c, NULL), 0);
	for (int i = 0; i < 50; i++) {
		struct every x, y, z;

		assert_int_equal(orm_factory_make(a, &x, NULL), 0);
		assert_int_equal(orm_factory_make(b, &y, NULL), 0);
		assert_int_equal(orm_factory_make(c, &z, NULL), 0);
		assert_int_equal(x.orm_null, y.orm_null);
		assert_string_equal(x.text, y.text);
		assert_true(x.wide == y.wide);
		assert_memory_equal(&x.uid, &y.uid, 16);
		differ += strcmp(x.text, z.text) != 0;
	}
	assert_int_equal(differ, 50);
	orm_factory_free(a);
	orm_factory_free(b);
	orm_factory_free(c);
}

static void values_can_be_set(void **state)
{
	struct orm_factory *f = NULL;
	struct orm_error err;
	struct thing row;

	(void)state;
	assert_int_equal(orm_factory_new(T(thing), 7, &f, NULL), 0);
	assert_int_equal(orm_factory_make(f, &row, &err), ORM_E_VALUE);
	assert_string_equal(err.column, "owner_id");
	assert_int_equal(orm_factory_set(f, "nope", orm_value_i64(1)), ORM_E_QUERY);
	assert_int_equal(orm_factory_set(f, "owner_id", orm_value_text("x")), ORM_E_VALUE);
	assert_int_equal(orm_factory_set(f, "owner_id", orm_value_null()), ORM_E_VALUE);
	assert_int_equal(orm_factory_set(f, "owner_id", orm_value_i64(5)), 0);
	assert_int_equal(orm_factory_set(f, "name", orm_value_text("n")), 0);
	assert_int_equal(orm_factory_make(f, &row, &err), 0);
	assert_int_equal(row.owner_id, 5);
	assert_int_equal(row.id, 0);
	assert_string_equal(row.name, "n");
	orm_factory_free(f);
}

/* A SMALLINT that must differ has 32,767 values here; a row more is refused by its column. */
static void values_run_out(void **state)
{
	struct orm_factory *f = NULL;
	struct orm_error err = {0};
	struct every row;
	int r = 0, n = 0;

	(void)state;
	assert_int_equal(orm_factory_new(T(every), 7, &f, NULL), 0);
	for (; !r && n < 40000; n++)
		r = orm_factory_make(f, &row, &err);
	assert_int_equal(r, ORM_E_VALUE);
	assert_true(n > INT16_MAX);
	assert_string_equal(err.column, "small");
	orm_factory_free(f);
}

static const struct database_test tests[] = {
	DATABASE_TEST(rows_are_seeded_once),
	DATABASE_TEST(json_is_seeded_once),
	DATABASE_TEST(wrong_seeds_leave_nothing),
	DATABASE_TEST(factories_make_what_databases_take),
	DATABASE_TEST_SQLITE(the_same_seed_makes_the_same_rows),
	DATABASE_TEST_SQLITE(values_can_be_set),
	DATABASE_TEST_SQLITE(values_run_out),
};

int main(void)
{
	return DATABASE_RUN(tests);
}
