/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Each allocation on the way to a configuration fails once: libc's and libinih's as well as ours.
 * Then there is -ENOMEM and no configuration, never half a one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <unistd.h>

#include <cmocka.h>

#include <strazh/base/own.h>
#include <user/daemon/config/config_show.h>

static struct config_faults faults;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED

static void test_load(void **state)
{
	(void)state;
	(void)faults;
	skip(); /* a sanitizer has an allocator of its own */
}

static void test_json(void **state)
{
	(void)state;
	skip();
}

#else

/* The allocator of this program: glibc's own, under the names that it keeps for that. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

static long countdown = -1; /* of allocations until one fails; below 0: none does */

static int fails(void)
{
	if (countdown < 0 || countdown-- != 0)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t n, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, n * size);
}

char *strdup(const char *text)
{
	size_t len = strlen(text) + 1;
	char *copy = fails() ? NULL : __libc_malloc(len);

	return copy ? memcpy(copy, text, len) : NULL;
}

static void test_load(void **state)
{
	static const char text[] = "[server]\nname = a\n[service.tunnel]\nx = h:1\ny = h:2\n";
	const struct config_set set = {"--set", CFG_SERVER_REACTORS, "3"};
	char path[] = "/tmp/test_config_nomem.XXXXXX";
	struct config_sources sources = {.path = path, .sets = &set, .sets_len = 1};
	own_fd int fd = mkstemp(path);
	struct config *config = NULL;
	int r = -ENOMEM;
	long n;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	for (n = 0; r; n++) {
		countdown = n;
		r = config_load(&sources, &config, &faults);
		countdown = -1;
		if (r && (r != -ENOMEM || config))
			fail_msg("allocation %ld: %d", n, r);
		assert_int_equal(faults.total, 0);
	}
	assert_non_null(config);
	assert_int_equal(config ? config->upstreams_len : 0, 2);
	assert_true(n > CFG_KEYS);
	config_free(config);
	unlink(path);
}

static void test_json(void **state)
{
	struct config *config = config_new();
	FILE *to = fopen("/dev/null", "we");
	int r = -ENOMEM;

	(void)state;
	assert_non_null(config);
	assert_non_null(to);
	memset(&faults, 0, sizeof(faults));
	config_fault_add(&faults, "here", "", "a fault");
	for (long n = 0; r; n++) {
		countdown = n;
		r = config_show_json(config, &faults, to);
		countdown = -1;
		if (r && r != -ENOMEM)
			fail_msg("allocation %ld: %d", n, r);
	}
	assert_int_equal(fclose(to), 0);
	config_free(config);
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
