/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/client/cli/lines.h>

struct piped {
	struct lines lines;
	int in, out;
};

static struct piped *opened(void)
{
	struct piped *p = calloc(1, sizeof(*p));
	int ends[2];

	assert_non_null(p);
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	p->in = ends[0];
	p->out = ends[1];
	return p;
}

static void closed(struct piped *p)
{
	close(p->in);
	if (p->out >= 0)
		close(p->out);
	free(p);
}

static void write_end(struct piped *p, const void *bytes, size_t len)
{
	assert_int_equal(write(p->out, bytes, len), len);
	assert_int_equal(lines_read(&p->lines, p->in), 0);
}

static void expect(struct piped *p, const char *wanted)
{
	size_t len = 0;
	char *line = lines_next(&p->lines, &len);

	if (!wanted) {
		assert_null(line);
		return;
	}
	assert_non_null(line);
	assert_int_equal(len, strlen(wanted));
	assert_memory_equal(line, wanted, len);
}

static void pieces(void **state)
{
	struct piped *p = opened();

	(void)state;
	expect(p, NULL);
	write_end(p, "on", 2);
	expect(p, NULL);
	write_end(p, "e\n\ntwo\nth", 9);
	expect(p, "one");
	expect(p, "");
	expect(p, "two");
	expect(p, NULL);
	assert_int_equal(lines_read(&p->lines, p->in), 0); /* nothing there yet */
	assert_false(p->lines.ended);
	write_end(p, "ree", 3);
	expect(p, NULL);
	close(p->out);
	p->out = -1;
	assert_int_equal(lines_read(&p->lines, p->in), 0);
	assert_true(p->lines.ended);
	expect(p, "three");
	expect(p, NULL);
	closed(p);
}

static void too_long(void **state)
{
	struct piped *p = opened();
	static char bytes[LINES_MAX];
	size_t len, sum = 0;
	char *line;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	assert_true(fcntl(p->out, F_SETPIPE_SZ, 4 * LINES_MAX) >= 2 * LINES_MAX);
	assert_int_equal(write(p->out, bytes, LINES_MAX), LINES_MAX);
	assert_int_equal(write(p->out, "yyy\nz\n", 6), 6);
	while (sum < LINES_MAX + 3) {
		assert_int_equal(lines_read(&p->lines, p->in), 0);
		while (sum < LINES_MAX + 3 && (line = lines_next(&p->lines, &len))) {
			assert_true(len && len <= LINES_MAX);
			assert_int_equal(line[0], sum < LINES_MAX ? 'x' : 'y');
			sum += len;
		}
	}
	assert_int_equal(sum, LINES_MAX + 3);
	expect(p, "z");
	expect(p, NULL);
	closed(p);
}

static void no_descriptor(void **state)
{
	struct piped *p = opened();

	(void)state;
	assert_true(lines_read(&p->lines, -1) < 0);
	closed(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces),
		cmocka_unit_test(too_long),
		cmocka_unit_test(no_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
