/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What strazh-fetch cannot do when it has been taken over, whether or not the kernel has Landlock;
 * each can be done before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/feed/fetch/confine.h>

#define NOT_ROOT 254

static char path[] = "/tmp/test_confine.XXXXXX";

static int write_file(void)
{
	return open(path, O_WRONLY | O_CLOEXEC);
}

static int empty_file(void)
{
	return open(path, O_RDONLY | O_TRUNC | O_CLOEXEC);
}

static int make_file(void)
{
	return open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static int ask_program(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* One of a pair of datagrams can be turned to any socket. */
static int turn_pair(void)
{
	int pair[2];

	return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
}

/* Any request will do; a terminal's are the ones that matter. */
static int ask_device(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return ioctl(fd, SIOCATMARK, &fd);
}

static int pair_of_streams(void)
{
	int pair[2];

	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
}

static int read_file(void)
{
	return open("/usr/lib/os-release", O_RDONLY | O_CLOEXEC);
}

static int connect_out(void)
{
	return socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* What a kernel without Landlock says, or a container that hides it. */
static int hide_landlock(int error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = filter ? seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)error),
					  SCMP_SYS(landlock_create_ruleset), 0)
		       : -ENOMEM;

	if (!r)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

/* Of a child: 0, or why not. `hidden`: how Landlock is; 0: as it is. */
static int tried_where(int (*act)(void), bool held, int hidden)
{
	const char *what;
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		if (hidden && hide_landlock(hidden))
			_exit(255);
		if (held && fetch_confine(1ULL << 40, 1U << 20, &what))
			_exit(255);
		_exit(act() < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 255);
	return WEXITSTATUS(status);
}

static int tried(int (*act)(void), bool held)
{
	return tried_where(act, held, 0);
}

/* Where distributions keep the certificates that /etc/ssl leads to: an /etc of our own has it. */
static int read_certificate(const char *folder)
{
	char at[64];
	const char *what;
	int fd;

	(void)snprintf(at, sizeof(at), "%s/tls.pem", folder);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/etc", "tmpfs", 0, NULL))
		return NOT_ROOT;
	fd = mkdir(folder, 0755) ? -1 : open(at, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0 || fetch_confine(1ULL << 40, 1U << 20, &what))
		return 255;
	return open(at, O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static void test_certificates(void **state)
{
	static const char *const folders[] = {"/etc/ssl", "/etc/pki", "/etc/ca-certificates"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		pid_t pid = fork();
		int status = 0;

		if (!pid)
			_exit(read_certificate(folders[i]));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == NOT_ROOT)
			skip();
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static void test_refused(void **state)
{
	static int (*const acts[])(void) = {write_file,	 empty_file, make_file,
					    ask_program, turn_pair,  ask_device};
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		assert_int_equal(tried(acts[i], false), 0);
		/* EPERM is the filter's; a file is not Landlock's to refuse, with EACCES. */
		assert_int_equal(tried(acts[i], true), EPERM);
	}
	close(fd);
	unlink(path);
}

static void test_its_work(void **state)
{
	(void)state;
	assert_int_equal(tried(read_file, true), 0);
	assert_int_equal(tried(connect_out, true), 0);
	assert_int_equal(tried(pair_of_streams, true), 0);
}

/* It works there, with what is left. */
static void test_no_landlock(void **state)
{
	static const int hidden[] = {ENOSYS, EOPNOTSUPP, EPERM};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
		assert_int_equal(tried_where(read_file, true, hidden[i]), 0);
		assert_int_equal(tried_where(make_file, true, hidden[i]), EPERM);
		assert_int_equal(tried_where(ask_program, true, hidden[i]), EPERM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_its_work),
		cmocka_unit_test(test_no_landlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
