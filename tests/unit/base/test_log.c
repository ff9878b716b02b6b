/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What reaches stderr, caught in a pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <strazh/base/own.h>
#include <user/base/log.h>

static char caught[4096];

static void at_level(enum log_level most, const char *journal)
{
	if (journal)
		setenv("JOURNAL_STREAM", journal, 1);
	else
		unsetenv("JOURNAL_STREAM");
	log_init("strazhd", most);
}

/* Log one message with stderr in a pipe; the text. */
static const char *line_of(enum log_level level, const char *text, int number)
{
	own_fd int saved = dup(STDERR_FILENO);
	int ends[2];
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	log_at(level, "%s %d", text, number);
	dup2(saved, STDERR_FILENO);
	n = read(ends[0], caught, sizeof(caught) - 1);
	close(ends[0]);
	assert_true(n >= 0);
	caught[n] = '\0';
	return caught;
}

static void for_a_person(void **state)
{
	(void)state;
	at_level(LOG_LVL_INFO, NULL);
	assert_string_equal(line_of(LOG_LVL_INFO, "attached", 7), "strazhd: attached 7\n");
	assert_string_equal(line_of(LOG_LVL_ERROR, "broken", 7), "strazhd: error: broken 7\n");
	assert_string_equal(line_of(LOG_LVL_WARNING, "odd", 7), "strazhd: warning: odd 7\n");
}

static void for_the_journal(void **state)
{
	(void)state;
	at_level(LOG_LVL_INFO, "8:12345");
	assert_string_equal(line_of(LOG_LVL_INFO, "attached", 7), "<6>attached 7\n");
	assert_string_equal(line_of(LOG_LVL_ERROR, "broken", 7), "<3>broken 7\n");
}

static void below_the_level(void **state)
{
	(void)state;
	at_level(LOG_LVL_INFO, NULL);
	assert_string_equal(line_of(LOG_LVL_DEBUG, "detail", 7), "");
	at_level(LOG_LVL_DEBUG, NULL);
	assert_string_equal(line_of(LOG_LVL_DEBUG, "detail", 7), "strazhd: debug: detail 7\n");
	at_level(LOG_LVL_ERROR, NULL);
	assert_string_equal(line_of(LOG_LVL_WARNING, "odd", 7), "");
}

/* A stranger's text neither begins a line of its own nor drives the terminal. */
static void one_printable_line(void **state)
{
	(void)state;
	at_level(LOG_LVL_INFO, NULL);
	assert_string_equal(line_of(LOG_LVL_INFO, "a\n<0>b\x1b[2J\x7f", 7),
			    "strazhd: a?<0>b?[2J? 7\n");
}

static void too_long(void **state)
{
	static char text[3000];
	size_t len;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	at_level(LOG_LVL_INFO, NULL);
	len = strlen(line_of(LOG_LVL_INFO, text, 7));
	assert_in_range(len, 900, 1024);
	assert_int_equal(caught[len - 1], '\n');
	assert_int_equal(caught[len - 2], 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(for_a_person),	   cmocka_unit_test(for_the_journal),
		cmocka_unit_test(below_the_level), cmocka_unit_test(one_printable_line),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
