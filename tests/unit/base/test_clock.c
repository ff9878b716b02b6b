/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/base/clock.h>

static void until_and_left(void **state)
{
	uint32_t until_s = clock_until(100);

	(void)state;
	assert_in_range(clock_left(until_s), 99, 101);
	/* Never shorter than asked. */
	assert_true(until_s * NS_PER_S >= clock_boot_ns() - NS_PER_S + 100 * NS_PER_S);
	assert_int_equal(clock_left(clock_boot_s()), 0);
	assert_int_equal(clock_left(1), 0);
	assert_true(clock_left(0) == UINT64_MAX);
	assert_int_equal(clock_until(UINT64_MAX), UINT32_MAX);
	assert_int_equal(clock_until(UINT32_MAX), UINT32_MAX);
}

static void wall_of_boot(void **state)
{
	uint64_t now = clock_wall_s();

	(void)state;
	assert_in_range(clock_wall_of(clock_boot_s()), now - 1, now + 2);
	assert_in_range(clock_wall_of(clock_boot_s() + 500), now + 499, now + 502);
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t seconds;
	} good[] = {
		{"90", 90},	   {"90s", 90},	    {"10m", 600},	    {"2h", 7200},
		{"7d", 604800},	   {"4w", 2419200}, {"1h30m", 5400},	    {"1w2d3h4m5s", 788645},
		{"1d12h", 129600}, {"1", 1},	    {"36525d", 3155760000},
	};
	static const char *const bad[] = {"",
					  "0",
					  "0s",
					  "m",
					  "10x",
					  "1h30",
					  "30m1h",
					  "1m1m",
					  " 1m",
					  "1m ",
					  "-1",
					  "+1",
					  "1.5h",
					  "1 h",
					  "36526d",
					  "5219w",
					  "99999999999999999999",
					  "never",
					  "1hh"};
	const char *why;
	uint64_t seconds;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		if (duration_parse(good[i].text, &seconds, &why))
			fail_msg("'%s': %s", good[i].text, why);
		assert_int_equal(seconds, good[i].seconds);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		seconds = 77;
		why = NULL;
		if (duration_parse(bad[i], &seconds, &why) != -EINVAL)
			fail_msg("'%s' is taken for %llu", bad[i], (unsigned long long)seconds);
		assert_non_null(why);
		assert_int_equal(seconds, 77);
	}
}

static void formats(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} cases[] = {
		{0, "0s"},
		{9, "9s"},
		{60, "1m"},
		{598, "9m58s"},
		{3600, "1h"},
		{3601, "1h"},
		{5400, "1h30m"},
		{183600, "2d3h"},
		{86400, "1d"},
		{86460, "1d"},
		{2419200, "28d"},
		{UINT64_MAX, "never"},
		{UINT64_MAX - 1, "213503982334601d7h"},
	};
	char text[DURATION_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(duration_format(cases[i].seconds, text), cases[i].text);
}

/* In a time namespace CLOCK_BOOTTIME is shifted; ours is not. */
static void time_namespace(void **state)
{
	uint64_t before = clock_boot_ns();
	int fd, status;
	pid_t pid;

	(void)state;
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct timespec shifted;
		pid_t inner;

		if (unshare(CLONE_NEWTIME))
			_exit(77);
		fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
		if (fd < 0 || dprintf(fd, "boottime 1000000 5\n") < 0)
			_exit(78);
		inner = fork();
		if (!inner) {
			char *argv[] = {(char *)(uintptr_t) "test_clock", NULL};
			char text[32], *env[] = {text, NULL};

			snprintf(text, sizeof(text), "BEFORE=%llu", (unsigned long long)before);
			clock_gettime(CLOCK_BOOTTIME, &shifted);
			if ((uint64_t)shifted.tv_sec < 1000000 + before / NS_PER_S)
				_exit(79);
			execve("/proc/self/exe", argv, env);
			_exit(80);
		}
		if (inner < 0 || waitpid(inner, &status, 0) != inner)
			_exit(81);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 82);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip(); /* unshare(CLONE_NEWTIME) needs root and a kernel with time namespaces */
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The other end of time_namespace(), freshly executed inside. */
static int inside(const char *before)
{
	uint64_t then = strtoull(before, NULL, 10), now = clock_boot_ns();

	return now >= then && now - then < 60 * NS_PER_S ? 0 : 1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(until_and_left), cmocka_unit_test(wall_of_boot),
		cmocka_unit_test(durations),	  cmocka_unit_test(formats),
		cmocka_unit_test(time_namespace),
	};
	const char *before = getenv("BEFORE");

	if (before)
		return inside(before);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
