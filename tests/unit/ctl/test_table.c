/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <stdlib.h>

#include <cmocka.h>

#include <user/ctl/table.h>

static const struct column columns[] = {
	{"NAME", "name", COL_TEXT, false},
	{"HITS", "hits", COL_COUNT, false},
	{"NOTE", "note", COL_TEXT, true},
	{0},
};

static void add(struct table *table, const char *name, int hits, const char *note)
{
	json_t *row = json_pack("{s:s, s:i}", "name", name, "hits", hits);

	if (note)
		json_object_set_new(row, "note", json_string(note));
	table_add(table, row);
	json_decref(row);
}

static void test_aligned(void **state)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct table table;

	(void)state;
	table_init(&table, columns, out, 0, false);
	add(&table, "192.0.2.1", 5, "tried doors");
	add(&table, "::1", 1234567, NULL);
	table_deinit(&table);
	fclose(out);
	assert_string_equal(text, "NAME            HITS  NOTE\n"
				  "192.0.2.1          5  tried doors\n"
				  "::1        1,234,567\n");
	free(text);
}

static void test_last_column_is_cut(void **state)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct table table;

	(void)state;
	table_init(&table, columns, out, 34, false);
	add(&table, "a", 1, "п'ять слів або навіть більше");
	table_deinit(&table);
	fclose(out);
	assert_string_equal(text, "NAME  HITS  NOTE\n"
				  "a        1  п'ять слів або навіть…\n");
	free(text);
}

/* Where next to nothing is left of the line, it gets one of its own. */
static void test_last_column_moves(void **state)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct table table;

	(void)state;
	table_init(&table, columns, out, 24, false);
	add(&table, "192.0.2.0/24", 1, "a reason of some length");
	add(&table, "192.0.2.0/24", 1, "short");
	add(&table, "192.0.2.0/24", 1, NULL);
	table_deinit(&table);
	fclose(out);
	assert_string_equal(text, "NAME          HITS  NOTE\n"
				  "192.0.2.0/24     1\n"
				  "    a reason of some le…\n"
				  "192.0.2.0/24     1\n"
				  "    short\n"
				  "192.0.2.0/24     1\n");
	free(text);
}

/* A long answer begins to appear before it is whole, and keeps its columns. */
static void test_streams(void **state)
{
	char *text;
	size_t len, lines = 0;
	FILE *out = open_memstream(&text, &len);
	struct table table;

	(void)state;
	table_init(&table, columns, out, 0, false);
	for (unsigned int i = 0; i < TABLE_SAMPLE - 1; i++)
		add(&table, "x", 1, NULL);
	fflush(out);
	assert_int_equal(len, 0);
	add(&table, "x", 1, NULL);
	fflush(out);
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	assert_int_equal(lines, TABLE_SAMPLE + 1);
	add(&table, "longer than any before", 1, NULL);
	fflush(out);
	assert_non_null(strstr(text, "longer than any before"));
	table_deinit(&table);
	fclose(out);
	free(text);
}

static void test_numbers(void **state)
{
	char text[32];

	(void)state;
	count_text(0, text, sizeof(text));
	assert_string_equal(text, "0");
	count_text(999, text, sizeof(text));
	assert_string_equal(text, "999");
	count_text(1000, text, sizeof(text));
	assert_string_equal(text, "1,000");
	count_text(18446744073709551615ULL, text, sizeof(text));
	assert_string_equal(text, "18,446,744,073,709,551,615");
	bytes_text(999, text, sizeof(text));
	assert_string_equal(text, "999 B");
	bytes_text(1500, text, sizeof(text));
	assert_string_equal(text, "1.5 kB");
	bytes_text(999999, text, sizeof(text));
	assert_string_equal(text, "1.0 MB");
}

static void test_cut(void **state)
{
	char *text = text_cut("abcdef", 4);

	(void)state;
	assert_string_equal(text, "abc…");
	free(text);
	text = text_cut("abcd", 4);
	assert_string_equal(text, "abcd");
	free(text);
	text = text_cut("abcd", 0);
	assert_string_equal(text, "");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aligned),		  cmocka_unit_test(test_last_column_is_cut),
		cmocka_unit_test(test_last_column_moves), cmocka_unit_test(test_streams),
		cmocka_unit_test(test_numbers),		  cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
