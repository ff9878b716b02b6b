/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Raw fragments: what may be pasted, what may not and why. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/guard.h>

static const struct {
	enum orm_fragment kind;
	const char *text;
} fine[] = {
	{ORM_FRAGMENT_ORDER, "name"},
	{ORM_FRAGMENT_ORDER, "name DESC NULLS LAST, t.\"Id\" ASC, 3"},
	{ORM_FRAGMENT_ORDER, "lower(name) COLLATE \"C\", length(x) - 1"},
	{ORM_FRAGMENT_ORDER, "CASE WHEN score > 0.5 THEN 0 ELSE 1 END, random()"},
	{ORM_FRAGMENT_ORDER, "embedding <-> other"},
	{ORM_FRAGMENT_CONDITION, "a = 1"},
	{ORM_FRAGMENT_CONDITION, "a = 1 OR b <> 'it''s; -- fine /* too */'"},
	{ORM_FRAGMENT_CONDITION, "(a IS NULL) AND NOT (b BETWEEN 1 AND 2) OR c IN (1, 2, 3)"},
	{ORM_FRAGMENT_CONDITION, "name LIKE 'a%' AND note ILIKE '%b%' AND x::int4 > 5"},
	{ORM_FRAGMENT_CONDITION, "coalesce(a, b, 0) > greatest(1, 2) AND nullif(a, 1) = 2"},
	{ORM_FRAGMENT_CONDITION, "doc ->> 'k' = 'v' AND created < current_timestamp"},
	{ORM_FRAGMENT_CONDITION, "a = 1\n\tAND b IS NOT DISTINCT FROM c AND d IS TRUE"},
	{ORM_FRAGMENT_EXPRESSION, "round(score * 100)"},
	{ORM_FRAGMENT_EXPRESSION, "first || ' ' || last"},
	{ORM_FRAGMENT_EXPRESSION, "extract(year from born)"},
	{ORM_FRAGMENT_EXPRESSION, "CAST(a AS text)"},
	{ORM_FRAGMENT_EXPRESSION, "count(*)"},
	{ORM_FRAGMENT_EXPRESSION, "substring(a from 1 for 2)"},
};

static void accepts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
		struct orm_error err;
		int r = orm_guard_fragment(NULL, 0, fine[i].kind, fine[i].text,
					   strlen(fine[i].text), &err);

		if (r)
			fail_msg("%s: %s", fine[i].text, err.text);
	}
}

static const struct {
	enum orm_fragment kind;
	const char *text, *why;
} refused[] = {
	{ORM_FRAGMENT_CONDITION, "SELECT a FROM t; DROP TABLE x", "semicolon"},
	{ORM_FRAGMENT_CONDITION, "a = 1; DROP TABLE x", "semicolon"},
	{ORM_FRAGMENT_CONDITION, "a = 1;", "semicolon"},
	{ORM_FRAGMENT_CONDITION, "a = 1 -- ", "comment"},
	{ORM_FRAGMENT_CONDITION, "a /**/ = 1", "comment"},
	{ORM_FRAGMENT_CONDITION, "a = 1) OR (1 = 1", "parenthesis"},
	{ORM_FRAGMENT_CONDITION, "a = 1)", "parenthesis"},
	{ORM_FRAGMENT_CONDITION, "(a = 1", "parenthesis"},
	{ORM_FRAGMENT_CONDITION, "a IN (SELECT 1)", "subquery"},
	{ORM_FRAGMENT_CONDITION, "EXISTS (SELECT 1)", "subquery"},
	{ORM_FRAGMENT_CONDITION, "(SELECT 1) = 1", "subquery"},
	{ORM_FRAGMENT_CONDITION, "SELECT 1", "subquery"},
	{ORM_FRAGMENT_CONDITION, "pg_sleep(5) IS NULL", "pg_sleep"},
	{ORM_FRAGMENT_CONDITION, "public.lower(a) = 1", "schema.function"},
	{ORM_FRAGMENT_CONDITION, "a = $1", "parameter"},
	{ORM_FRAGMENT_CONDITION, "a = E'\\'' OR 1=1", "'...'"},
	{ORM_FRAGMENT_CONDITION, "a = $$x$$", "'...'"},
	{ORM_FRAGMENT_CONDITION, "a = x'41'", "'...'"},
	{ORM_FRAGMENT_CONDITION, "a = U&'x'", "'...'"},
	{ORM_FRAGMENT_CONDITION, "a = 'open", "unterminated"},
	{ORM_FRAGMENT_CONDITION, "a = current_user", "CURRENT_USER"},
	{ORM_FRAGMENT_CONDITION, "'pg_class'::regclass = 1", "regclass"},
	{ORM_FRAGMENT_CONDITION, "a = ARRAY[1]", "A_ArrayExpr"},
	{ORM_FRAGMENT_CONDITION, "a OPERATOR(pg_catalog.=) 1", "operator"},
	{ORM_FRAGMENT_CONDITION, "a === 1", "operator"},
	{ORM_FRAGMENT_CONDITION, "", "syntax"},
	{ORM_FRAGMENT_CONDITION, "a = 1 ORDER BY 2", "syntax"},
	{ORM_FRAGMENT_CONDITION, "a = \x01", "bytes"},
	{ORM_FRAGMENT_CONDITION, "a = '\xff'", "bytes"},
	{ORM_FRAGMENT_ORDER, "", "syntax"},
	{ORM_FRAGMENT_ORDER, "a LIMIT 1", "limitCount"},
	{ORM_FRAGMENT_ORDER, "a FOR UPDATE", "lockingClause"},
	{ORM_FRAGMENT_ORDER, "a UNION SELECT 1", "syntax"},
	{ORM_FRAGMENT_ORDER, "(SELECT 1)", "subquery"},
	{ORM_FRAGMENT_ORDER, "a USING <", "USING"},
	{ORM_FRAGMENT_ORDER, "a, count(*) OVER ()", "over"},
	{ORM_FRAGMENT_ORDER, "a.*", "'*'"},
	{ORM_FRAGMENT_EXPRESSION, "*", "syntax"},
	{ORM_FRAGMENT_EXPRESSION, "t.*", "'*'"},
	{ORM_FRAGMENT_EXPRESSION, "a, b", "row"},
	{ORM_FRAGMENT_EXPRESSION, "a AS b", "syntax"},
	{ORM_FRAGMENT_EXPRESSION, "a FROM t", "syntax"},
	{ORM_FRAGMENT_EXPRESSION, "sum(a) FILTER (WHERE true)", "agg_filter"},
	{ORM_FRAGMENT_EXPRESSION, "xmlelement(name a)", "XmlExpr"},
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct orm_error err;
		int r = orm_guard_fragment(NULL, 0, refused[i].kind, refused[i].text,
					   strlen(refused[i].text), &err);

		if (r != ORM_E_GUARD)
			fail_msg("%s: %d", refused[i].text, r);
		assert_int_equal(err.class, ORM_E_GUARD);
		if (!strcasestr(err.text, refused[i].why))
			fail_msg("%s: %s", refused[i].text, err.text);
	}
	assert_int_equal(orm_guard_fragment(NULL, 0, ORM_FRAGMENT_ORDER, "a\0b", 3, NULL),
			 ORM_E_GUARD);
	assert_int_equal(orm_guard_fragment(NULL, 0, (enum orm_fragment)7, "a", 1, NULL), -EINVAL);
	/* Only the bytes given count. */
	assert_int_equal(orm_guard_fragment(NULL, 0, ORM_FRAGMENT_ORDER, "a; x", 1, NULL), 0);
}

/* Without the NUL. */
static void put(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
}

/* What nests deepest within the limits is refused or taken, and survived. */
static void bounds(void **state)
{
	static char text[2 * ORM_FRAGMENT_MAX];
	struct orm_error err;
	size_t n;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(orm_guard_fragment(NULL, 0, ORM_FRAGMENT_ORDER, text, sizeof(text), &err),
			 ORM_E_GUARD);
	assert_non_null(strstr(err.text, "longer"));
	for (n = 0; n < 2000; n += 2)
		put(text + n, "- ");
	text[n] = 'a';
	assert_int_equal(orm_guard_fragment(NULL, 0, ORM_FRAGMENT_EXPRESSION, text, n + 1, &err),
			 ORM_E_GUARD);
	assert_non_null(strstr(err.text, "too long"));
	for (n = 0; n < 500; n++)
		text[n] = '(';
	text[n] = 'a';
	memset(text + n + 1, ')', n);
	assert_int_equal(
		orm_guard_fragment(NULL, 0, ORM_FRAGMENT_EXPRESSION, text, 2 * n + 1, &err),
		ORM_E_GUARD);
	for (n = 0; n < 800; n += 4)
		put(text + n, "not ");
	text[n] = 'a';
	assert_int_equal(orm_guard_fragment(NULL, 0, ORM_FRAGMENT_CONDITION, text, n + 1, NULL), 0);
	for (n = 0; n < 500; n++)
		text[n] = n % 2 ? '+' : 'a';
	assert_int_equal(orm_guard_fragment(NULL, 0, ORM_FRAGMENT_EXPRESSION, text, n - 1, NULL),
			 0);
}

struct told {
	unsigned n;
	struct orm_guard_report last;
	char why[160];
};

static void hear(void *data, const struct orm_guard_report *report)
{
	struct told *told = data;

	told->n++;
	told->last = *report;
	snprintf(told->why, sizeof(told->why), "%s", report->why);
}

static void counts_and_reports(void **state)
{
	struct told told = {0};
	struct orm_guard *g = orm_guard_new(&(struct orm_guard_options){
		.report = hear, .data = &told, .functions = "unaccent, similarity"});
	struct orm_guard_counters counters;

	(void)state;
	assert_non_null(g);
	assert_int_equal(
		orm_guard_fragment(g, 7, ORM_FRAGMENT_ORDER, "similarity(a, 'b')", 18, NULL), 0);
	assert_int_equal(orm_guard_fragment(g, 7, ORM_FRAGMENT_ORDER, "simil(a)", 8, NULL),
			 ORM_E_GUARD);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.last.signal, ORM_SIGNAL_FRAGMENT);
	assert_int_equal(told.last.client, 7);
	assert_int_equal(told.last.len, 8);
	assert_non_null(strstr(told.why, "simil"));
	orm_guard_counters(g, &counters);
	assert_int_equal(counters.fragments, 2);
	assert_int_equal(counters.fragments_refused, 1);
	orm_guard_free(g);
}

static void *judge_many(void *data)
{
	unsigned *wrong = data;

	for (unsigned i = 0; i < 200; i++) {
		const size_t at = i % ARRAY_LEN(fine);

		*wrong += orm_guard_fragment(NULL, 0, fine[at].kind, fine[at].text,
					     strlen(fine[at].text), NULL) != 0;
	}
	return NULL;
}

static void threads(void **state)
{
	pthread_t thread[4];
	unsigned wrong[4] = {0};

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, judge_many, &wrong[i]), 0);
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(wrong[i], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts), cmocka_unit_test(refuses),
		cmocka_unit_test(bounds),  cmocka_unit_test(counts_and_reports),
		cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
