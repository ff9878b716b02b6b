/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The end of its stdout is the end of its work: with a whole answer in hand, or without, it is
 * killed (it may be dead already). Its end is not waited for, which a disk that does not answer its
 * fsync() could put off for long: it is collected with the next SIGCHLD. The request fits into a
 * pipe, so writing it does not wait.
 *
 * The program lies beside strazhd, or where it is installed relative to it.
 */
#include <user/daemon/feeding/feed_child.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>

#define GRACE_MS 10000U /* beyond its own limit */
#define FD_LEAST 10	/* above those that it gets */
#define LEFT_MAX 12U	/* that do not end */
#define RUNNING_MAX 4U	/* see feeding.c: two of feeds, one of CrowdSec */

_Static_assert(sizeof(struct feed_request) <= PIPE_BUF, "written at once");

/* ---- the program ---- */

static int find_program(char path[PATH_MAX])
{
	static const char *const places[] = {"strazh-fetch", "../lib/strazh/strazh-fetch"};
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (len < 0)
		return -errno;
	self[len] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return -ENOENT;
	slash[1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		int n = snprintf(path, PATH_MAX, "%s%s", self, places[i]);

		if (n > 0 && n < PATH_MAX && access(path, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

/* A pipe whose ends are out of the way of the descriptors that the child gets. */
static int open_pipe(int ends[2])
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC))
		return -errno;
	for (int i = 0; i < 2; i++)
		ends[i] = fcntl(pair[i], F_DUPFD_CLOEXEC, FD_LEAST);
	close(pair[0]);
	close(pair[1]);
	return ends[0] < 0 || ends[1] < 0 ? -EMFILE : 0;
}

static int open_copy(const char *path)
{
	own_fd int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FD_LEAST);

	return high < 0 ? -errno : high;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, usual;
	int r;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	r = posix_spawnattr_setsigmask(attributes, &none);
	if (!r)
		r = posix_spawnattr_setsigdefault(attributes, &usual);
	if (!r)
		r = posix_spawnattr_setflags(attributes,
					     POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return r;
}

static int spawn(pid_t *ret_pid, const char *program, int in, int out, int copy)
{
	/* Nothing of our environment: no proxy, no library to be loaded first. */
	char *const environment[] = {NULL};
	char name[] = "strazh-fetch";
	char *const arguments[] = {name, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r = posix_spawn_file_actions_init(&actions);

	if (r)
		return -r;
	r = posix_spawnattr_init(&attributes);
	if (r) {
		posix_spawn_file_actions_destroy(&actions);
		return -r;
	}
	r = set_attributes(&attributes);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&actions, copy, FEED_COPY_FD);
	/* Also what whoever started strazhd left open. */
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(&actions, FEED_COPY_FD + 1);
	if (!r)
		r = posix_spawn(ret_pid, program, &actions, &attributes, arguments, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* ---- its end ---- */

/* Killed, and not collected yet. There is room for all that may run when no more are started. */
static struct {
	pid_t list[LEFT_MAX + RUNNING_MAX];
	size_t len;
} left;

void feed_child_reap(void)
{
	for (size_t i = 0; i < left.len;)
		if (waitpid(left.list[i], NULL, WNOHANG))
			left.list[i] = left.list[--left.len];
		else
			i++;
}

static void collect(struct feed_child *child)
{
	loop_remove(child->loop, &child->watch);
	close(child->watch.fd);
	(void)kill(child->pid, SIGKILL);
	left.list[left.len++] = child->pid;
	child->pid = 0;
	feed_child_reap();
}

void feed_child_kill(struct feed_child *child)
{
	if (child->pid)
		collect(child);
}

static void finish(struct feed_child *child, const char *why)
{
	struct feed_answer answer = child->answer;

	collect(child);
	if (why || child->got != sizeof(answer) || !feed_answer_right(&answer)) {
		answer = (struct feed_answer){.magic = FEED_MAGIC, .outcome = FEED_BROKEN};
		(void)snprintf(answer.text, sizeof(answer.text), "%s",
			       why ? why : "it ended without an answer");
	}
	child->on_done(child->context, &answer);
}

static void on_ready(struct watch *watch, uint32_t events)
{
	struct feed_child *child = watch->context;
	ssize_t n = read(watch->fd, (char *)&child->answer + child->got,
			 sizeof(child->answer) - child->got);

	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0)
		child->got += (size_t)n;
	if (n <= 0 || child->got == sizeof(child->answer))
		finish(child, NULL);
}

void feed_child_tick(struct feed_child *child, uint64_t now_ms)
{
	if (child->pid && now_ms >= child->until_ms)
		finish(child, "it did not end in time");
}

/* ---- its beginning ---- */

static int start(struct feed_child *child, const struct feed_request *request, const char *program)
{
	own_fd int copy = open_copy(child->copy);
	int in[2] = {-1, -1}, out[2] = {-1, -1};
	int r = copy < 0 ? copy : open_pipe(in);

	if (!r)
		r = open_pipe(out);
	if (!r && write(in[1], request, sizeof(*request)) != sizeof(*request))
		r = -EIO;
	if (!r)
		r = spawn(&child->pid, program, in[0], out[1], copy);
	if (!r) {
		child->watch = (struct watch){
			.fd = take_fd(&out[0]), .on_ready = on_ready, .context = child};
		r = loop_add(child->loop, &child->watch, EPOLLIN);
		if (r)
			collect(child);
	}
	for (int i = 0; i < 2; i++) {
		if (in[i] >= 0)
			close(in[i]);
		if (out[i] >= 0)
			close(out[i]);
	}
	return r;
}

int feed_child_start(struct feed_child *child, const struct feed_request *request, const char *copy,
		     char why[FEED_TEXT_LEN])
{
	char program[PATH_MAX];
	int r = find_program(program);

	feed_child_reap();
	if (left.len >= LEFT_MAX) {
		(void)snprintf(why, FEED_TEXT_LEN,
			       "those before do not end: does the disk answer?");
		return -EBUSY;
	}
	if (r) {
		(void)snprintf(why, FEED_TEXT_LEN, "strazh-fetch is not installed beside strazhd");
		return r;
	}
	child->pid = 0;
	child->got = 0;
	child->until_ms = clock_boot_ns() / 1000000 + request->seconds * 1000ULL + GRACE_MS;
	(void)snprintf(child->copy, sizeof(child->copy), "%s", copy);
	r = start(child, request, program);
	if (r)
		(void)snprintf(why, FEED_TEXT_LEN, "strazh-fetch cannot be started: %s",
			       strerror(-r));
	return r;
}
