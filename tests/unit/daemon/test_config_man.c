/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The keys in strazh.conf(5) are those of the table, word for word. With --write the manual is
 * written anew, and that is all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/base/own.h>
#include <user/daemon/config/config_show.h>

#define PAGE "user/man/strazh.conf.5"
#define END ".\\\" end of keys\n"

static const char begin[] =
	".\\\" keys: written by build/tests/unit/daemon/test_config_man --write\n";

static char *read_page(void)
{
	own_file FILE *file = fopen(PAGE, "re");
	char *text = calloc(1, 1U << 20);

	if (!file || !text || !fread(text, 1, (1U << 20) - 1, file)) {
		free(text);
		return NULL;
	}
	return text;
}

static char *keys(void)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		return NULL;
	config_show_man(to);
	return fclose(to) ? NULL : text;
}

static void test_page(void **state)
{
	own_free char *page = read_page(), *want = keys();
	char *from, *to;

	(void)state;
	assert_non_null(page);
	assert_non_null(want);
	from = strstr(page, begin);
	assert_non_null(from);
	from += strlen(begin);
	to = strstr(from, END);
	assert_non_null(to);
	*to = '\0';
	if (strcmp(from, want) != 0)
		fail_msg(PAGE " is not as the table of keys is: run this test with --write");
}

static int write_page(void)
{
	own_free char *page = read_page(), *want = keys();
	char *from = page ? strstr(page, begin) : NULL, *to = from ? strstr(from, END) : NULL;
	own_file FILE *file = NULL;

	if (!want || !to)
		return EXIT_FAILURE;
	file = fopen(PAGE, "we");
	if (!file)
		return EXIT_FAILURE;
	fprintf(file, "%.*s%s%s%s", (int)(from - page), page, begin, want, to);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page),
	};

	if (argc == 2 && strcmp(argv[1], "--write") == 0)
		return write_page();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
