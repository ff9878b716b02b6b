/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is read is what the file holds and never more than was allowed; what replaces is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <user/base/file.h>

static int file_of(const char *bytes, size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	return fd;
}

static void all_of_it(void **state)
{
	int fd = file_of("ab\0c", 4);
	char *bytes = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(file_read(fd, 4, &bytes, &len), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(bytes, "ab\0c", 5);
	free(bytes);
	assert_int_equal(file_read(fd, 3, &bytes, &len), -EFBIG);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(file_read(fd, 0, &bytes, &len), 0);
	assert_int_equal(len, 0);
	assert_string_equal(bytes, "");
	free(bytes);
	close(fd);
}

static void no_file(void **state)
{
	char *bytes = NULL;
	size_t len = 0;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(file_read(fds[0], SIZE_MAX, &bytes, &len), -EFBIG);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(file_read(-1, 1, &bytes, &len), -EBADF);
	assert_null(bytes);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void replaced(void **state)
{
	char folder[] = "/tmp/strazh-test-XXXXXX", path[64], next[64], *bytes = NULL;
	size_t len = 0;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a", folder);
	snprintf(next, sizeof(next), "%s/a~", folder);
	write_file(path, "old");
	write_file(next, "new");
	assert_int_equal(file_replace(next, path, folder), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(file_read(fd, 10, &bytes, &len), 0);
	assert_string_equal(bytes, "new");
	free(bytes);
	close(fd);
	assert_int_equal(access(next, F_OK), -1);

	/* What cannot take the place is not left behind. */
	assert_int_equal(unlink(path), 0);
	write_file(next, "newer");
	assert_int_equal(file_replace(next, "/proc/strazh", folder), -EXDEV);
	assert_int_equal(access(next, F_OK), -1);
	assert_int_equal(file_sync_folder(path), -ENOENT);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it),
		cmocka_unit_test(no_file),
		cmocka_unit_test(replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
