/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What rows are compared by: the canonical form of values, JSON whatever its writing, and sums. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <strazh/orm/table.h>

#include <orm/copy/digest.h>
#include <tests/orm/kit/failalloc.h>

static struct copy_digester digester;

static int set_up(void **state)
{
	(void)state;
	return copy_digester_init(&digester);
}

static int tear_down(void **state)
{
	(void)state;
	copy_digester_deinit(&digester);
	return 0;
}

/* ---- JSON ---- */

static int json(const char *text, struct copy_sum *ret)
{
	return copy_json_digest(&digester, text, strlen(text), ret);
}

static void same_json(const char *a, const char *b)
{
	struct copy_sum x, y;

	assert_int_equal(json(a, &x), 0);
	assert_int_equal(json(b, &y), 0);
	if (!copy_sum_same(&x, &y))
		fail_msg("%s is not %s", a, b);
}

static void other_json(const char *a, const char *b)
{
	struct copy_sum x, y;

	assert_int_equal(json(a, &x), 0);
	assert_int_equal(json(b, &y), 0);
	if (copy_sum_same(&x, &y))
		fail_msg("%s is %s", a, b);
}

static void writing_does_not_count(void **state)
{
	(void)state;
	same_json("{\"a\":1,\"b\":[true,null]}", " { \"b\" : [ true , null ] ,\n\"a\" : 1 } ");
	same_json("\"\\u00fc\\ud83d\\ude00\\n\\/\"", "\"\303\274\360\237\230\200\\u000a/\"");
	same_json("[1e2,-0,0.5]", "[100,0,5e-1]");
	same_json("{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"y\":2,\"x\":1}}");
	same_json("[]", " [ ] ");
}

static void values_do(void **state)
{
	static const char *const texts[] = {
		"1",
		"\"1\"",
		"1.0",
		"[1]",
		"[[1]]",
		"{}",
		"[]",
		"[{}]",
		"{\"a\":{}}",
		"{\"a\":1}",
		"[1,2]",
		"[2,1]",
		"true",
		"false",
		"null",
		"\"null\"",
		"\"\"",
		"[\"\"]",
		"[\"a\",1]",
		"{\"1\":\"a\"}",
		"{\"a\":\"1\"}",
		"[12]",
		"[1,2,3]",
		"[[1,2],3]",
		"[1,[2,3]]",
		"{\"a\":1,\"b\":2}",
		"{\"a\":2,\"b\":1}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (size_t k = 0; k < i; k++)
			other_json(texts[i], texts[k]);
}

static void no_json(void **state)
{
	static const char *const texts[] = {
		"",	   " ",		"[",	       "]",	    "{",	  "[1",	   "[1 2]",
		"[1,]",	   "[,1]",	"{\"a\"}",     "{\"a\":}",  "{\"a\":1,}", "{a:1}", "\"a",
		"\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "tru",	    "1 2",	  "1e",	   "-",
		"[1}",	   "{]",	"{\"a\":1]",   "{\"a\" 1}", "{1:2}",	  "\"\\",  "\"\\u",
	};
	char deep[2 * COPY_JSON_DEPTH + 8];
	struct copy_sum sum;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (json(texts[i], &sum) != ORM_E_VALUE)
			fail_msg("'%s' was read", texts[i]);
	memset(deep, '[', COPY_JSON_DEPTH);
	memset(deep + COPY_JSON_DEPTH, ']', COPY_JSON_DEPTH);
	deep[(size_t)2 * COPY_JSON_DEPTH] = '\0';
	assert_int_equal(json(deep, &sum), 0);
	memset(deep, '[', COPY_JSON_DEPTH + 1);
	assert_int_equal(json(deep, &sum), ORM_E_VALUE);
}

/* ---- rows ---- */

#define THING(X)                                                                                   \
	X(i64, id, BIGINT, PK)                                                                     \
	X(f64, f, DOUBLE, 0)                                                                       \
	X(str, n, NUMERIC, 0)                                                                      \
	X(str, a, TEXT, 0)                                                                         \
	X(str, b, TEXT, 0)                                                                         \
	X(bytes, raw, BYTES, 0)                                                                    \
	X(str, ip, INET, 0)                                                                        \
	X(strs, words, TEXTS, 0)
ORM_TABLE(thing, THING)

static struct copy_sum digest(const struct thing *row)
{
	struct copy_sum sum;
	struct orm_error err;
	uint64_t bytes = 0;

	assert_int_equal(copy_row_digest(&digester, T(thing), row, &sum, &bytes, &err), 0);
	assert_true(bytes > T(thing)->count);
	return sum;
}

static bool same(const struct thing *a, const struct thing *b)
{
	struct copy_sum x = digest(a), y = digest(b);

	return copy_sum_same(&x, &y);
}

static void rows(void **state)
{
	const char *const two[] = {"a", "b"}, *const one[] = {"a\",\"b"};
	struct thing base = {.id = 1, .a = "x", .b = "y"}, other;
	struct copy_sum sum;
	struct orm_error err;
	uint64_t bytes;

	(void)state;
	assert_true(same(&base, &base));
	other = base, other.id = 2;
	assert_false(same(&base, &other));
	/* Where one value ends and the next begins. */
	other = base, other.a = "xy", other.b = "";
	assert_false(same(&base, &other));
	other = base, other.b = NULL;
	assert_false(same(&base, &other));
	base.words = (struct orm_strs){two, 2};
	other = base, other.words = (struct orm_strs){one, 1};
	assert_false(same(&base, &other));
	other = base, other.f = -0.0;
	assert_true(same(&base, &other));
	base.f = NAN, other.f = -NAN;
	assert_true(same(&base, &other));
	base.f = 0.1, other.f = nextafter(0.1, 1);
	assert_false(same(&base, &other));
	other = base, base.n = "1.50", other.n = "+01.50";
	assert_true(same(&base, &other));
	other.n = "1.5"; /* another scale */
	assert_false(same(&base, &other));
	other = base, base.ip = "2001:DB8:0::1", other.ip = "2001:db8::1/128";
	assert_true(same(&base, &other));
	base.n = "one";
	assert_int_equal(copy_row_digest(&digester, T(thing), &base, &sum, &bytes, &err),
			 ORM_E_VALUE);
	assert_string_equal(err.column, "n");
}

/* ---- sums ---- */

static void sums(void **state)
{
	struct copy_sum a = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, 0}}, one = {{1, 0, 0, 0}},
			sum = a, back;
	char text[65];

	(void)state;
	copy_sum_add(&sum, &one);
	copy_sum_emit(&sum, text);
	assert_string_equal(text, "0000000000000001"
				  "000000000000000000000000000000000000000000000000");
	assert_true(copy_sum_parse(text, &back) && copy_sum_same(&back, &sum));
	copy_sum_sub(&sum, &one);
	assert_true(copy_sum_same(&sum, &a));
	sum = (struct copy_sum){{0}};
	copy_sum_sub(&sum, &one);
	copy_sum_emit(&sum, text);
	assert_string_equal(text,
			    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
	copy_sum_add(&sum, &one);
	assert_true(copy_sum_same(&sum, &(struct copy_sum){{0}}));
	assert_false(copy_sum_parse("12", &back));
	text[3] = 'G';
	assert_false(copy_sum_parse(text, &back));
}

/* ---- no memory ---- */

static int digest_all(void *data)
{
	struct copy_digester d;
	struct copy_sum sum;
	int r = copy_digester_init(&d);

	(void)data;
	if (!r)
		r = copy_json_digest(&d, "{\"a\":[1.5,\"x\"]}", 15, &sum);
	copy_digester_deinit(&d);
	return r;
}

static void no_memory(void **state)
{
	(void)state;
	assert_true(failalloc_each(digest_all, NULL) >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writing_does_not_count),
		cmocka_unit_test(values_do),
		cmocka_unit_test(no_json),
		cmocka_unit_test(rows),
		cmocka_unit_test(sums),
		cmocka_unit_test(no_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
