/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * __wrap_X() is what the linker puts in the place of X(), __real_X() what it then calls X():
 * libc's, or the sanitizer's. One state a thread: armed from arm() to disarm(), `fail_at` 0 while
 * only counting. The kit's own allocations are not to be counted: none is made while armed.
 */
#include <tests/orm/kit/failalloc.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sqlite3.h>

/* A body that never ends of itself would run for ever. */
#define RUNS_MAX 100000UL

static __thread struct {
	bool armed;
	bool and_after; /* fail_at and every one after it */
	bool failed;
	unsigned long seen;
	unsigned long fail_at;
} local;

static void arm(unsigned long n, bool and_after)
{
	local.armed = true;
	local.and_after = and_after;
	local.failed = false;
	local.seen = 0;
	local.fail_at = n;
}

void failalloc_arm(unsigned long n)
{
	arm(n, false);
}

void failalloc_arm_from(unsigned long n)
{
	arm(n, true);
}

unsigned long failalloc_disarm(void)
{
	local.armed = false;
	return local.seen;
}

bool failalloc_failed(void)
{
	return local.failed;
}

/* Is this allocation to fail? */
static bool refuse(void)
{
	if (!local.armed)
		return false;
	local.seen++;
	if (!local.fail_at || local.seen < local.fail_at ||
	    (local.seen > local.fail_at && !local.and_after))
		return false;
	local.failed = true;
	errno = ENOMEM;
	return true;
}

/* ---- what the linker puts in their place ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);

void *__wrap_malloc(size_t size)
{
	return refuse() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refuse() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return refuse() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return refuse() ? NULL : __real_reallocarray(old, n, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	return refuse() ? NULL : __real_aligned_alloc(align, size);
}

char *__wrap_strdup(const char *text)
{
	return refuse() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
	return refuse() ? NULL : __real_strndup(text, len);
}

/* ---- SQLite and jansson ---- */

static sqlite3_mem_methods theirs;

static void *sqlite_malloc(int size)
{
	return refuse() ? NULL : theirs.xMalloc(size);
}

static void *sqlite_realloc(void *old, int size)
{
	return refuse() ? NULL : theirs.xRealloc(old, size);
}

static void *json_malloc(size_t size)
{
	return refuse() ? NULL : __real_malloc(size);
}

int failalloc_take_libraries(void)
{
	sqlite3_mem_methods ours;

	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &theirs) != SQLITE_OK)
		return -EBUSY;
	ours = theirs;
	ours.xMalloc = sqlite_malloc;
	ours.xRealloc = sqlite_realloc;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) != SQLITE_OK)
		return -EBUSY;
	json_set_alloc_funcs(json_malloc, free);
	return 0;
}

/* ---- for all n ---- */

unsigned long failalloc_each(int (*body)(void *data), void *data)
{
	unsigned long n;

	for (n = 1; n < RUNS_MAX; n++) {
		int r;

		failalloc_arm(n);
		r = body(data);
		failalloc_disarm();
		if (!failalloc_failed()) {
			assert_int_equal(r, 0);
			return n - 1;
		}
		if (r != 0 && r != -ENOMEM) {
			print_error("with allocation %lu failing: %d\n", n, r);
			fail();
		}
	}
	print_error("after %lu allocations still more\n", n);
	fail();
	return 0;
}
