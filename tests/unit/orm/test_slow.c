/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <orm/watch/advise.h>
#include <orm/watch/slow.h>

#include "fake.h"

static struct orm_slow slow;
static unsigned calls;
static uint64_t unsaid;
static char plan[512];
static bool had_plan;

static void told(const struct orm_slow_query *query, void *data)
{
	assert_ptr_equal(data, &calls);
	assert_string_equal(query->sql, "SELECT");
	assert_string_equal(query->table, "t");
	assert_null(query->advice);
	had_plan = query->plan != NULL;
	if (query->plan)
		snprintf(plan, sizeof(plan), "%s", query->plan);
	unsaid = query->unsaid;
	calls++;
}

static int begin(void **state)
{
	(void)state;
	fake_reset();
	calls = 0;
	return orm_slow_init(&slow, 100, &fake_clock);
}

static int end(void **state)
{
	(void)state;
	orm_slow_deinit(&slow);
	return 0;
}

static const struct orm_slow_query query = {.sql = "SELECT", .table = "t", .duration_ns = 1};
static const struct orm_stmt stmt = {.sql = "SELECT", .sql_len = 6};

static bool tell(struct orm_conn *conn)
{
	return orm_slow_tell(&slow, &query, &stmt, NULL, conn);
}

static void above_the_limit(void **state)
{
	struct orm_slow off;

	(void)state;
	assert_false(orm_slow_is(&slow, UINT64_MAX)); /* nobody listens */
	assert_false(tell(NULL));
	orm_slow_set(&slow, told, &calls, 5);
	assert_false(orm_slow_is(&slow, 100 * ORM_NS_PER_MS));
	assert_true(orm_slow_is(&slow, 100 * ORM_NS_PER_MS + 1));
	assert_true(tell(NULL));
	assert_false(had_plan);
	orm_slow_set(&slow, NULL, NULL, 0);
	assert_false(orm_slow_is(&slow, UINT64_MAX));
	assert_false(tell(NULL));
	assert_int_equal(calls, 1);
	assert_int_equal(orm_slow_init(&off, 0, &fake_clock), 0);
	orm_slow_set(&off, told, &calls, 5);
	assert_false(orm_slow_is(&off, UINT64_MAX - 1));
	orm_slow_deinit(&off);
}

static void so_many_a_second(void **state)
{
	(void)state;
	orm_slow_set(&slow, told, &calls, 5);
	for (int i = 0; i < 100; i++)
		tell(NULL);
	assert_int_equal(calls, 5);
	assert_int_equal(unsaid, 0);
	fake_pass_ms(199);
	assert_false(tell(NULL));
	fake_pass_ms(1);
	assert_true(tell(NULL));
	assert_int_equal(unsaid, 96);
	assert_false(tell(NULL));
	fake_pass_ms(3600 * 1000); /* a quiet hour saves up one second */
	for (int i = 0; i < 100; i++)
		tell(NULL);
	assert_int_equal(calls, 11);
	for (int i = 0; i < 10000; i++) {
		fake_pass_ms(10);
		tell(NULL);
	}
	assert_in_range(calls, 11 + 499, 11 + 501);
}

/* ---- plans ---- */

static const char *explained;

static int fake_explain(struct orm_conn *conn, const struct orm_stmt *s,
			const struct orm_value *values, char **ret_text, struct orm_error *err)
{
	(void)conn, (void)s, (void)values;
	if (!explained)
		return orm_fail(err, ORM_E_SQL, "cannot explain");
	*ret_text = strdup(explained);
	return *ret_text ? 0 : -ENOMEM;
}

static const struct orm_driver explaining = {.dialect = ORM_SQLITE, .explain = fake_explain};

static void with_a_plan(void **state)
{
	struct fake_conn conn = {.head.driver = &explaining};

	(void)state;
	orm_slow_set(&slow, told, &calls, 1000);
	explained = "SCAN t\n  Filter: (name = 'secret')";
	assert_true(tell((struct orm_conn *)&conn));
	assert_string_equal(plan, "SCAN t\n  Filter: (name = ?)");
	explained = NULL; /* told all the same */
	assert_true(tell((struct orm_conn *)&conn));
	assert_false(had_plan);
	explained = "SCAN t";
	conn.head.broken = true;
	assert_true(tell((struct orm_conn *)&conn));
	assert_false(had_plan);
	assert_int_equal(calls, 3);
}

static void masked(void **state)
{
	static const char *const pairs[][2] = {
		{"", ""},
		{"'", "?"},
		{"Seq Scan on t  (cost=0.00..18.50 rows=1 width=36)",
		 "Seq Scan on t  (cost=0.00..18.50 rows=1 width=36)"},
		{"Seq Scan on \"it's\"  (cost=0.00..18.50 rows=1 width=36)\n  Filter: (a = 5)",
		 "Seq Scan on \"it's\"  (cost=? rows=? width=?)\n  Filter: (a = ?)"},
		{"Filter: ((name = 'bob''s'::text) AND (t1.age2 > 17))",
		 "Filter: ((name = ?::text) AND (t1.age2 > ?))"},
		{"Filter: (x = '-1.5e-7'::double precision)", "Filter: (x = ?::double precision)"},
		{"Filter: (x = 1.5e-7) OR (y = -3) OR (z = 1e+9)",
		 "Filter: (x = ?) OR (y = -?) OR (z = ?)"},
		{"Filter: (value-5 = 0x1F) AND (name-7 > a_1)",
		 "Filter: (value-? = ?) AND (name-? > a_1)"},
		{"Index Cond: (\"Pin 4711\" = ANY ('{1,2,3}'::integer[]))",
		 "Index Cond: (\"Pin 4711\" = ANY (?::integer[]))"},
		{"Filter: (a = 'one\ntwo  (cost=0 three')\nLimit  (cost=1.0)",
		 "Filter: (a = ?)\nLimit  (cost=1.0)"},
		{"Filter: (a = 'x  (cost=0.00..1 secret')", "Filter: (a = ?)"},
		{"Filter: (a = 'never ends", "Filter: (a = ?"},
		{"Filter: (a = E'back\\\\slash''s')", "Filter: (a = E?)"},
		{"SEARCH t USING INDEX t_by_a (a=? AND b>?)",
		 "SEARCH t USING INDEX t_by_a (a=? AND b>?)"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		snprintf(text, sizeof(text), "%s", pairs[i][0]);
		orm_plan_mask(text);
		assert_string_equal(text, pairs[i][1]);
	}
}

/* ---- filters ---- */

static void columns_of_filters(void **state)
{
	static const struct {
		const char *filter, *columns;
	} cases[] = {
		{"(t.kind = 5)", "kind="},
		{"(t.at > 5)", "at<"},
		{"((t.at > 5) AND (t.kind = 3))", "kind= at<"},
		{"((t.at > 5) AND (t.at <= 9) AND (t.b < 3))", "at<"},
		{"((t.a = 1) AND (t.b = 2) AND (t.c = 3) AND (t.d = 4))", "a= b= c="},
		{"((t.a > 1) AND (t.a = 2))", "a="},
		{"((t.name)::text = 'x'::text)", "name="},
		{"(t.\"Kind of\" = 5)", "\"Kind of\"="},
		{"(t.a = ANY ('{1,2}'::integer[]))", "a="},
		{"((t.a <> 5) AND (t.b ~~ 'x%'::text) AND (t.c @> '{}'::jsonb))", ""},
		{"((t.a IS NULL) AND (t.b = 3))", "b="},
		{"((NOT t.flag) AND (t.b = 3))", "b="},
		{"(t.flag AND (t.b = 3))", "b="},
		{"(lower(t.name) = 'x'::text)", "name="},
		{"((u.a = 1) AND (t.b = 2))", "b="},
		{"(t.a = 't.b = 5'::text)", "a="},
		{"(\"T\".a = 5)", ""},
		{"", ""},
		{"(t.", ""},
		{"(t.a", ""},
		{"'", ""},
		{"\"", ""},
	};
	struct orm_filter_use use[ORM_ADVISE_COLUMNS];
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned n = orm_filter_columns(cases[i].filter, "t", use);
		size_t len = 0;

		text[0] = '\0';
		for (unsigned j = 0; j < n; j++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s%c",
						j ? " " : "", (int)use[j].len, use[j].name,
						use[j].how);
		assert_string_equal(text, cases[i].columns);
	}
	assert_int_equal(orm_filter_columns("(\"T t\".a = 5)", "T t", use), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(above_the_limit), CASE(so_many_a_second),	 CASE(with_a_plan),
		CASE(masked),	       CASE(columns_of_filters),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
