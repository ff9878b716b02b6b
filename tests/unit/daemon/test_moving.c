/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Where the store was moved to, across a start: followed only while the configuration is as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/daemon/memory/moving.h>

#define OLD "sqlite:///var/lib/strazh/strazh.db"
#define NEW "postgresql://strazh:SECRET@host/strazh"

static char dir[] = "/tmp/strazh-moving.XXXXXX", path[64];

static void expect(const char *configured, int r, const char *want)
{
	char url[MEMORY_URL_LEN];

	snprintf(url, sizeof(url), "%s", configured);
	assert_int_equal(moving_follow(dir, url), r);
	assert_string_equal(url, want);
}

static void put(const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

static void written_and_followed(void **state)
{
	struct stat st;

	(void)state;
	expect(OLD, 0, OLD);
	assert_int_equal(moving_write(dir, OLD, NEW), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	expect(OLD, 0, NEW);
	/* Who names another one in the configuration means it. */
	expect(NEW, 0, NEW);
	expect("sqlite:///other", 0, "sqlite:///other");
	assert_int_equal(moving_write(dir, OLD, "sqlite:///third"), 0);
	expect(OLD, 0, "sqlite:///third");
	assert_int_equal(moving_write(dir, OLD, OLD), 0);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(moving_write(dir, OLD, OLD), 0);
	expect(OLD, 0, OLD);
}

static void nonsense_is_not_followed(void **state)
{
	static const char *const texts[] = {
		"", "\n", OLD, OLD "\n", OLD "\n" NEW, OLD "\n" NEW "\nmore\n", OLD "\n" NEW "\n\n",
	};
	char *big = malloc(3 * MEMORY_URL_LEN);

	(void)state;
	assert_non_null(big);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		put(texts[i], strlen(texts[i]));
		expect(OLD, -EBADMSG, OLD);
	}
	memset(big, 'x', 3 * MEMORY_URL_LEN);
	put(big, 3 * MEMORY_URL_LEN);
	expect(OLD, -EBADMSG, OLD);
	memcpy(big, OLD "\n", sizeof(OLD));
	big[sizeof(OLD) + MEMORY_URL_LEN] = '\n';
	put(big, sizeof(OLD) + MEMORY_URL_LEN + 1);
	expect(OLD, -EBADMSG, OLD);
	free(big);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	expect(OLD, -ELOOP, OLD);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(moving_write("/nowhere/at/all", OLD, NEW), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_and_followed),
		cmocka_unit_test(nonsense_is_not_followed),
	};
	int failed;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/store.moved", dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (rmdir(dir))
		return 1;
	return failed;
}
