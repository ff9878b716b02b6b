/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A program that does not end, though it was killed, keeps nobody waiting: here it is one whose end
 * its tracer has to hear first, elsewhere one whose disk does not answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/daemon/feeding/feed_child.h>

static char program[PATH_MAX], copy[64];

static void on_done(void *context, const struct feed_answer *answer)
{
	(void)answer;
	++*(unsigned *)context;
}

/* Beside this test, where strazhd would look. */
static int set_up(void **state)
{
	static const char text[] = "#!/bin/sh\nexec /bin/sleep 600\n";
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 32);
	int fd;

	(void)state;
	if (len < 0)
		return -1;
	program[len] = '\0';
	memcpy(strrchr(program, '/') + 1, "strazh-fetch", sizeof("strazh-fetch"));
	fd = open(program, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd))
		return -1;
	snprintf(copy, sizeof(copy), "/tmp/test_feed_child.%d", (int)getpid());
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(program);
	(void)unlink(copy);
	return 0;
}

/* A process that traces `pid` and hears nothing; -1: that is not allowed here. */
static pid_t trace(pid_t pid)
{
	int ready[2];
	char said = 0;
	pid_t tracer;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	tracer = fork();
	if (!tracer) {
		said = ptrace(PTRACE_SEIZE, pid, NULL, NULL) ? 'n' : 'y';
		(void)!write(ready[1], &said, 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &said, 1), 1);
	close(ready[0]);
	close(ready[1]);
	if (said == 'y')
		return tracer;
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	return -1;
}

static bool is_there(pid_t pid)
{
	return kill(pid, 0) == 0;
}

static void test_no_end(void **state)
{
	const struct feed_request request = {.magic = FEED_MAGIC, .seconds = 60};
	struct feed_child child = {0};
	char why[FEED_TEXT_LEN] = "";
	unsigned done = 0;
	pid_t tracer, pid;

	(void)state;
	assert_int_equal(loop_new(&child.loop), 0);
	child.on_done = on_done;
	child.context = &done;
	assert_int_equal(feed_child_start(&child, &request, copy, why), 0);
	pid = child.pid;
	tracer = trace(pid);
	if (tracer < 0) {
		feed_child_kill(&child);
		loop_free(child.loop);
		skip();
	}
	alarm(60); /* of what waited */
	feed_child_tick(&child, UINT64_MAX);
	alarm(0);
	assert_int_equal(done, 1);
	assert_int_equal(child.pid, 0);
	assert_true(is_there(pid));
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	while (is_there(pid)) {
		feed_child_reap();
		usleep(1000);
	}
	loop_free(child.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_end, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
