/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Constant time, as valgrind sees it (A. Langley's ctgrind): secrets are marked as undefined
 * memory, and memcheck reports each branch and each address that depends on one. A program has
 * parts and runs itself under valgrind once for each.
 *
 * What is made of a secret and may be known (a public key, a frame, a verdict) is marked as defined
 * where it becomes so: public() of the tests, and suppressions for what lies inside of a library.
 */
#ifndef TESTS_UNIT_CRYPTO_CTGRIND_H
#define TESTS_UNIT_CRYPTO_CTGRIND_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <user/base/sanitized.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define MEMCHECK "built with valgrind's header"
#else
#define MEMCHECK NULL
#define VALGRIND_MAKE_MEM_UNDEFINED(at, len) ((void)(at), (void)(len))
#define VALGRIND_MAKE_MEM_DEFINED(at, len) ((void)(at), (void)(len))
#endif

#define FOUND 9 /* valgrind's exit status when it found something */
#define NO_VALGRIND 127

static inline void secret(void *at, size_t len)
{
	VALGRIND_MAKE_MEM_UNDEFINED(at, len);
}

static inline void public(void *at, size_t len)
{
	VALGRIND_MAKE_MEM_DEFINED(at, len);
}

/* The program itself, and the suppressions that it wrote down. */
static char own_path[4096], verdicts_path[] = "/tmp/strazh-consttime.XXXXXX";

static inline int status_of(const char *name)
{
	char suppressions[64];
	int status;
	pid_t pid;

	snprintf(suppressions, sizeof(suppressions), "--suppressions=%s", verdicts_path);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(STDERR_FILENO, STDOUT_FILENO); /* TAP is on the other */
		execlp("valgrind", "valgrind", "-q", "--error-exitcode=9", "--leak-check=no",
		       suppressions, own_path, name, (char *)NULL);
		_exit(NO_VALGRIND);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Why not, or NULL. The part "nothing", which does nothing, must come through. */
static inline const char *lacks(void)
{
	static int probe = -1;

	if (SANITIZED)
		return "a sanitizer and valgrind do not go together";
	if (!MEMCHECK)
		return "built without valgrind/memcheck.h (scripts/setup test)";
	if (probe < 0)
		probe = status_of("nothing");
	if (probe == NO_VALGRIND)
		return "no valgrind (scripts/setup test)";
	/* 3.19 and what clang 14 writes for a debugger: DWARF 5. */
	return probe ? "this valgrind cannot read what this compiler made" : NULL;
}

static inline void expect(const char *name, int wanted)
{
	const char *why = lacks();
	int status;

	if (why) {
		print_error("# %s\n", why);
		skip();
	}
	status = status_of(name);
	if (status != wanted)
		fail_msg("part '%s': %d, not %d", name, status, wanted);
}

/* The tests, with the suppressions beside. */
#define ctgrind_run(tests, verdicts)                                                               \
	(ctgrind_prepare(verdicts) ? 1 : ctgrind_end(cmocka_run_group_tests(tests, NULL, NULL)))

static inline int ctgrind_prepare(const char *verdicts)
{
	ssize_t len = readlink("/proc/self/exe", own_path, sizeof(own_path) - 1);
	int fd = mkstemp(verdicts_path);
	bool written;

	if (len < 0 || fd < 0)
		return 1;
	written = write(fd, verdicts, strlen(verdicts)) == (ssize_t)strlen(verdicts);
	close(fd);
	return !written;
}

static inline int ctgrind_end(int r)
{
	unlink(verdicts_path);
	return r;
}

#endif
