/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Values: what is an injection in which quotes, what is not, and that any bytes are survived. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <orm/guard/words.h>
#include <strazh/base/compiler.h>
#include <strazh/base/own.h>
#include <strazh/orm/guard.h>
#include <tests/draw.h>

/* In memory of exactly its size, so that a sanitizer sees a byte too far. */
static struct orm_guard_finding look(const char *text, size_t len, unsigned contexts)
{
	own_free char *exact = malloc(len ? len : 1);
	struct orm_guard_finding f;

	assert_non_null(exact);
	memcpy(exact, text, len);
	orm_guard_inspect(exact, len, contexts, 0, &f);
	return f;
}

static const struct attack {
	const char *text;
	enum orm_guard_context context;
	enum orm_guard_class class;
} attacks[] = {
	/* conditions */
	{"' OR 1=1--", ORM_GUARD_SINGLE, ORM_GUARD_TAUTOLOGY},
	{"admin' or 'a'='a", ORM_GUARD_SINGLE, ORM_GUARD_TAUTOLOGY},
	{"x\" or \"a\"=\"a", ORM_GUARD_DOUBLE, ORM_GUARD_TAUTOLOGY},
	{"1 or 1=1", ORM_GUARD_BARE, ORM_GUARD_TAUTOLOGY},
	{"1 OR TRUE", ORM_GUARD_BARE, ORM_GUARD_TAUTOLOGY},
	{"1) OR (1=1", ORM_GUARD_BARE, ORM_GUARD_TAUTOLOGY},
	{"') or ('x'='x", ORM_GUARD_SINGLE, ORM_GUARD_TAUTOLOGY},
	{"' OR 5 BETWEEN 1 AND 9--", ORM_GUARD_SINGLE, ORM_GUARD_TAUTOLOGY},
	{"' OR $$a$$=$$a$$--", ORM_GUARD_SINGLE, ORM_GUARD_TAUTOLOGY},
	{"' OR E'a'=E'a", ORM_GUARD_SINGLE, ORM_GUARD_TAUTOLOGY},
	{"' or username = 'admin", ORM_GUARD_SINGLE, ORM_GUARD_CONDITION},
	{"' OR length(password) > 5--", ORM_GUARD_SINGLE, ORM_GUARD_CONDITION},
	{"1' || 'a' = 'a' #", ORM_GUARD_SINGLE, ORM_GUARD_TAUTOLOGY},
	/* comments */
	{"admin'--", ORM_GUARD_SINGLE, ORM_GUARD_TRUNCATION},
	{"admin' -- ", ORM_GUARD_SINGLE, ORM_GUARD_TRUNCATION},
	{"admin'#", ORM_GUARD_SINGLE, ORM_GUARD_TRUNCATION},
	{"admin'/*", ORM_GUARD_SINGLE, ORM_GUARD_TRUNCATION},
	/* selects */
	{"' UNION SELECT username, password FROM users--", ORM_GUARD_SINGLE, ORM_GUARD_UNION},
	{"-1 union all select 1,name,sql from sqlite_master", ORM_GUARD_BARE, ORM_GUARD_UNION},
	{"' UNION VALUES (1,2)--", ORM_GUARD_SINGLE, ORM_GUARD_UNION},
	{"1/**/UNION/**/SELECT/**/1,2", ORM_GUARD_BARE, ORM_GUARD_UNION},
	{"1/*!50000UNION*//*!50000SELECT*/1,2", ORM_GUARD_BARE, ORM_GUARD_UNION},
	{"1 EXCEPT SELECT 1", ORM_GUARD_BARE, ORM_GUARD_UNION},
	{"'||(SELECT password FROM users LIMIT 1)||'", ORM_GUARD_SINGLE, ORM_GUARD_SUBQUERY},
	{"1-(SELECT COUNT(*) FROM users)", ORM_GUARD_BARE, ORM_GUARD_SUBQUERY},
	{"(SELECT password FROM users LIMIT 1)", ORM_GUARD_BARE, ORM_GUARD_SUBQUERY},
	/* statements */
	{"'; DROP TABLE users--", ORM_GUARD_SINGLE, ORM_GUARD_STACKED},
	{"1; DELETE FROM accounts", ORM_GUARD_BARE, ORM_GUARD_STACKED},
	{"1; UPDATE users SET role=1", ORM_GUARD_BARE, ORM_GUARD_STACKED},
	{"'; COPY (SELECT 1) TO PROGRAM 'id'--", ORM_GUARD_SINGLE, ORM_GUARD_STACKED},
	{"'; ATTACH DATABASE '/x.php' AS x--", ORM_GUARD_SINGLE, ORM_GUARD_STACKED},
	{"'; DO $$BEGIN PERFORM 1; END$$--", ORM_GUARD_SINGLE, ORM_GUARD_STACKED},
	{"1; EXEC master..xp_cmdshell 'dir'", ORM_GUARD_BARE, ORM_GUARD_STACKED},
	{"1;IF(1=1) SELECT 1 ELSE DROP FUNCTION x--", ORM_GUARD_BARE, ORM_GUARD_STACKED},
	/* time */
	{"'; SELECT pg_sleep(10)--", ORM_GUARD_SINGLE, ORM_GUARD_DELAY},
	{"1 AND 1=(SELECT 1 FROM pg_sleep(5))", ORM_GUARD_BARE, ORM_GUARD_DELAY},
	{"1 AND SLEEP(5)", ORM_GUARD_BARE, ORM_GUARD_DELAY},
	{"1 WAITFOR DELAY '0:0:5'", ORM_GUARD_BARE, ORM_GUARD_DELAY},
	{"1 AND randomblob(1000000000)", ORM_GUARD_BARE, ORM_GUARD_DELAY},
	/* the rest */
	{"1 AND extractvalue(1, concat(0x7e, 'x'))", ORM_GUARD_BARE, ORM_GUARD_ERROR},
	{"' AND load_extension('x')--", ORM_GUARD_SINGLE, ORM_GUARD_FUNCTION},
	{"' ORDER BY 10--", ORM_GUARD_SINGLE, ORM_GUARD_CLAUSE},
	{"1 ORDER BY 10", ORM_GUARD_BARE, ORM_GUARD_CLAUSE},
	{"1 LIMIT 0,1 INTO OUTFILE '/tmp/x'", ORM_GUARD_BARE, ORM_GUARD_CLAUSE},
	{"name` WHERE 1=1-- ", ORM_GUARD_BARE, ORM_GUARD_TAUTOLOGY},
	{"]-(SELECT 0 WHERE 1=1)|[id", ORM_GUARD_BARE, ORM_GUARD_TAUTOLOGY},
};

static void finds(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
		const struct attack *a = &attacks[i];
		struct orm_guard_finding f = look(a->text, strlen(a->text), ORM_GUARD_ANY);

		if (!f.injection || !(f.contexts >> a->context & 1))
			fail_msg("%s: %.2f, contexts %u", a->text, (double)f.score, f.contexts);
		if (f.class != a->class)
			fail_msg("%s: class %s, not %s", a->text, orm_guard_class_name(f.class),
				 orm_guard_class_name(a->class));
		assert_true(f.reason[0] && f.score >= ORM_GUARD_THRESHOLD && f.score <= 1);
		assert_true(f.offset <= strlen(a->text));
		assert_false(f.encoded);
	}
}

static const char *const encoded[] = {
	"1%20OR%201=1",
	"%27%20OR%201=1--",
	"%2527%2520OR%25201%253D1--",
	"1%27+OR+%271%27%3D%271",
	"1'+OR+'1'='1",
	"&#39; OR 1=1--",
	"&#x27; OR 1=1--",
	"&apos; OR 1=1--",
	"\\u0027 OR 1=1--",
	"%u0027 OR 1=1--",
	"\\' OR \\'1\\'=\\'1",
	"\xef\xbc\x87 OR 1=1--",
	"\xc0\xa7 OR 1=1--",
	"S%' U%NION S%ELECT 1,2--",
};

static void decodes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(encoded); i++) {
		struct orm_guard_finding f = look(encoded[i], strlen(encoded[i]), ORM_GUARD_ANY);

		if (!f.injection)
			fail_msg("%s: %.2f", encoded[i], (double)f.score);
	}
	assert_true(look(encoded[1], strlen(encoded[1]), ORM_GUARD_ANY).encoded);
}

static const char *const harmless[] = {
	"",
	"O'Brien",
	"don't; select the best -- really",
	"D'Angelo and O'Neil",
	"rock 'n' roll",
	"Say 'a' or 'b'",
	"the users' or the groups' settings",
	"5' or 6' tall",
	"24\" monitor",
	"select the best from the rest",
	"Please select one (or two) from the list; update the others",
	"drop table 5 and order by the window",
	"a union of all selected things",
	"I would like to order by phone",
	"insert coin; delete from memory if you can",
	"fish and chips or pizza",
	"1 or 2",
	"1 and 1",
	"1, 2, 3",
	"rate > 5 and rate < 7",
	"if (a == b && c != d) return;",
	"\tif (0 == 1) {",
	"for (int i = 0; i < n; i++) /* next */",
	"x = y; // 'tis so",
	"SELECT * FROM users WHERE id = 1", /* no place that a value has makes this go on */
	"#!/bin/sh",
	"# heading",
	"-- signature",
	"C#",
	"a--b",
	"see open(2) and close(2)",
	"{\"a\": 1, \"b\": \"c's\", \"or\": [1, 2]}",
	"https://example.org/?q=select&id=1;x=2#top",
	"mailto:o'brien@example.org",
	"Jean-Luc d'Arc <jl@example.org>",
	"L'union fait la force; c'est l'ordre",
	"Це м'яч; об'єднання та п'ять",
	"**bold**; `code` or 'quote' -- see [link](http://x)",
	"12 Rue de l'Église; 3e étage",
	"2026-11-21T08:00:00+01:00",
	"192.0.2.0/24",
	"100% cotton & 50% off",
	"\\path\\to\\file",
	"5 o'clock",
	"'quoted'",
	"\"quoted\"",
	"''",
	"it''s",
	"Use the '--verbose' option",
	"the programs' --version",
	"3 > 2",
	"e = mc^2",
	"f(x) = 2*x + 1",
	"You can't and I won't; end of story",
};

static void lets_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(harmless); i++) {
		struct orm_guard_finding f = look(harmless[i], strlen(harmless[i]), ORM_GUARD_ANY);

		if (f.injection)
			fail_msg("%s: %.2f %s", harmless[i], (double)f.score, f.reason);
		assert_string_equal(f.reason, "");
		assert_int_equal(f.contexts, 0);
	}
}

/* Only in the quotes that it closes, and only where it is asked for. */
static void contexts(void **state)
{
	const char *single = "x' OR 'a'='a", *bare = "1 OR 1=1";

	(void)state;
	assert_int_equal(look(single, strlen(single), ORM_GUARD_ANY).contexts,
			 1U << ORM_GUARD_SINGLE);
	assert_false(look(single, strlen(single), 1U << ORM_GUARD_DOUBLE).injection);
	assert_false(look(single, strlen(single), 1U << ORM_GUARD_BARE).injection);
	assert_int_equal(look(bare, strlen(bare), ORM_GUARD_ANY).contexts, 1U << ORM_GUARD_BARE);
	assert_int_equal(look(single, strlen(single), ORM_GUARD_ANY).offset, 1);
	assert_int_equal(look(bare, strlen(bare), ORM_GUARD_ANY).offset, 1);
	/* A doubled quote stays inside. */
	assert_false(look("x'' OR 1=1--", 12, 1U << ORM_GUARD_SINGLE).injection);
	assert_string_equal(orm_guard_context_name(ORM_GUARD_DOUBLE), "double");
	assert_string_equal(orm_guard_context_name(99), "?");
	assert_string_equal(orm_guard_class_name(99), "?");
}

static void threshold(void **state)
{
	struct orm_guard_finding low, high;
	const char *text = "' or username = 'admin";

	(void)state;
	orm_guard_inspect(text, strlen(text), ORM_GUARD_ANY, 0.1F, &low);
	orm_guard_inspect(text, strlen(text), ORM_GUARD_ANY, 1, &high);
	assert_true(low.injection);
	assert_false(high.injection);
	assert_true(low.score == high.score);
}

/* Without the NUL. */
static void put(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
}

/* Of a long value the beginning and, inside quotes, the end. */
static void long_values(void **state)
{
	const char *attack = "' OR 1=1--";
	const size_t len = 4 * ORM_GUARD_VALUE_MAX, n = strlen(attack);
	own_free char *text = malloc(len);
	struct orm_guard_finding f;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', len);
	assert_false(look(text, len, ORM_GUARD_ANY).injection);
	put(text + 1000, attack);
	f = look(text, 1000 + n, ORM_GUARD_ANY);
	assert_true(f.injection);
	assert_int_equal(f.offset, 1000);
	memset(text, 'a', len);
	put(text + len - n, attack);
	f = look(text, len, ORM_GUARD_ANY);
	assert_true(f.injection);
	assert_int_equal(f.offset, len - n);
	memset(text, 'a', len);
	put(text + len / 2, attack); /* between the two pieces: not looked at */
	assert_false(look(text, len, ORM_GUARD_ANY).injection);
	memset(text, '(', len);
	assert_false(look(text, len, ORM_GUARD_ANY).injection);
}

/* Every beginning, every end, and every text with some bytes changed. */
static void any_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
		const size_t len = strlen(attacks[i].text);
		char text[128];

		for (size_t n = 0; n <= len; n++) {
			(void)look(attacks[i].text, n, ORM_GUARD_ANY);
			(void)look(attacks[i].text + n, len - n, ORM_GUARD_ANY);
		}
		for (unsigned n = 0; n < 300; n++) {
			memcpy(text, attacks[i].text, len);
			for (unsigned k = 0; k < 3; k++)
				text[draw(len)] = (char)draw(256);
			(void)look(text, len, ORM_GUARD_ANY);
		}
	}
}

/* IF (...) and a word that begins no statement after all: the token was gone, its word was used. */
static void statement_that_is_none(void **state)
{
	static const char *const texts[] = {
		"1;IF(1=1) DROP 5",   "1;IF(1=1) EXEC ,", "1;IF(1=1) SET 1",
		"' IF(1=1) BEGIN 'x", "1;IF(1=1) GRANT",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		(void)look(texts[i], strlen(texts[i]), ORM_GUARD_ANY);
}

static void words_in_order(void **state)
{
	const struct guard_word *last = guard_word_at(0), *word;

	(void)state;
	assert_non_null(last);
	for (size_t i = 0; (word = guard_word_at(i)); i++) {
		assert_true(!i || strcmp(last->text, word->text) < 0);
		assert_ptr_equal(guard_word_find((const uint8_t *)word->text, word->len), word);
		last = word;
	}
	assert_ptr_equal(guard_word_find((const uint8_t *)"SeLeCt", 6),
			 guard_word_find((const uint8_t *)"select", 6));
	assert_null(guard_word_find((const uint8_t *)"selec", 5));
	assert_null(guard_word_find((const uint8_t *)"selects", 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds),	  cmocka_unit_test(decodes),
		cmocka_unit_test(lets_pass),	  cmocka_unit_test(contexts),
		cmocka_unit_test(threshold),	  cmocka_unit_test(long_values),
		cmocka_unit_test(any_bytes),	  cmocka_unit_test(statement_that_is_none),
		cmocka_unit_test(words_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
