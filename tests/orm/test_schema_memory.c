// SPDX-License-Identifier: AGPL-3.0-or-later
/* Lists, changes, JSON, migrations and factories with the n-th allocation failing, for all n. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <strazh/base/own.h>
#include <strazh/orm/json.h>
#include <strazh/orm/migrate.h>
#include <strazh/orm/schema.h>
#include <strazh/orm/seed.h>

#include <tests/orm/kit/failalloc.h>

#define THING(X)                                                                                   \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(str, name, TEXT, NN | UNIQUE)                                                            \
	X(bytes, raw, BYTES, NN)                                                                   \
	X(str, doc, JSONB, NN)                                                                     \
	X(uuid, uid, UUID, NN) X(strs, texts, TEXTS, NN) X(f64s, doubles, DOUBLES, NN)
#define THING_KEYS(K) K(CHECK, thing_name, "name <> ''", "") K(INDEX, thing_by, "name, uid", "")
ORM_TABLE_KEYS(thing, THING, THING_KEYS)

static const char lists[] =
	"#define A(X) X(i64, id, BIGINT, PK | AUTO) X(str, b, TEXT, NN | UNIQUE | INDEX)\n"
	"#define A_KEYS(K) K(FOREIGN, id, \"z\", \"id\") K(DEFAULT, b, \"'x'\" \"\", \"\")\n"
	"ORM_TABLE_KEYS(a, A, A_KEYS)\n"
	"#define Z(X) X(i64, id, BIGINT, PK) X(i64, a_id, BIGINT, 0)\n"
	"#define Z_KEYS(K) K(FOREIGN, a_id, \"a\", \"id\") K(CHECK, z_c, \"id > 0\", \"\")\n"
	"ORM_TABLE_KEYS(z, Z, Z_KEYS)\n";
static const char fewer[] = "#define Z(X) X(i64, id, BIGINT, PK) X(str, a_id, TEXT, NN)\n"
			    "ORM_TABLE(z, Z)\n";

static int all_of_schemas(void *data)
{
	const enum orm_dialect *dialect = data;
	struct orm_schema *a = NULL, *b = NULL, *c = NULL;
	own_free char *text = NULL, *sql = NULL;
	struct orm_change change = {0};
	const struct orm_table *tables[] = {T(thing)};
	int r = orm_schema_parse("f", lists, sizeof(lists) - 1, &a, NULL);

	if (!r)
		r = orm_schema_parse("f", fewer, sizeof(fewer) - 1, &b, NULL);
	if (!r)
		r = orm_schema_of(tables, 1, &c, NULL);
	if (!r)
		r = orm_schema_text(a, &text, NULL);
	if (!r)
		r = orm_schema_ddl(a, *dialect, &sql, NULL);
	if (!r)
		r = orm_schema_diff(a, b, *dialect, 0, &change, NULL);
	orm_change_free(&change);
	if (!r)
		r = orm_schema_diff(b, a, *dialect, ORM_DIFF_DROP_TABLES, &change, NULL);
	orm_change_free(&change);
	orm_schema_free(a);
	orm_schema_free(b);
	orm_schema_free(c);
	return r;
}

static void schemas(void **state)
{
	enum orm_dialect dialects[] = {ORM_SQLITE, ORM_POSTGRESQL};

	(void)state;
	assert_true(failalloc_each(all_of_schemas, &dialects[0]) > 20);
	assert_true(failalloc_each(all_of_schemas, &dialects[1]) > 20);
}

static int there_and_back(void *data)
{
	static const char text[] =
		"[{\"name\":\"a\",\"raw\":\"AAE=\",\"doc\":{\"x\":[1]},\"texts\":[\"a\",\"b\"],"
		"\"uid\":\"00000000-0000-0000-0000-000000000001\",\"doubles\":[0.5]}]";
	struct orm_json *json = NULL;
	own_free char *back = NULL;
	struct orm_error err = {0};
	int r = orm_json_read(T(thing), text, sizeof(text) - 1, ORM_MASK_ALL, 0, &json, &err);

	(void)data;
	if (!r)
		r = orm_json_rows(T(thing), orm_json_structs(json), 1, ORM_MASK_ALL, &back, &err);
	if (r > 0)
		print_message("# %s\n", err.text);
	orm_json_free(json);
	return r;
}

static void json(void **state)
{
	(void)state;
	assert_true(failalloc_each(there_and_back, NULL) > 20);
}

static int read_steps(void *data)
{
	static const struct orm_migration_step steps[] = {
		{.version = 1, .name = "a", .up = "SELECT 1", .down = "SELECT 2"},
		{.version = 2, .name = "b", .up_sqlite = "-- orm: no transaction\nSELECT 3"},
	};
	struct orm_migrations *m = NULL;
	int r = orm_migrations_of(steps, 2, ORM_SQLITE, &m, NULL);

	(void)data;
	orm_migrations_free(m);
	return r;
}

static void migrations(void **state)
{
	(void)state;
	assert_true(failalloc_each(read_steps, NULL) >= 5);
}

static int make_rows(void *data)
{
	struct orm_factory *f = NULL;
	struct thing row;
	int r = orm_factory_new(T(thing), 1, &f, NULL);

	(void)data;
	for (int i = 0; i < 3 && !r; i++)
		r = orm_factory_make(f, &row, NULL);
	orm_factory_free(f);
	return r;
}

static void factories(void **state)
{
	(void)state;
	assert_true(failalloc_each(make_rows, NULL) >= 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schemas),
		cmocka_unit_test(json),
		cmocka_unit_test(migrations),
		cmocka_unit_test(factories),
	};

	if (failalloc_take_libraries())
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
