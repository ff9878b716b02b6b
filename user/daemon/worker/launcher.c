/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One worker at a time: a start while there is one is refused. The worker is this program, executed
 * anew, so that each has its memory laid out by itself: who found out about one knows nothing of
 * the next, nor of the keeper.
 */
#include <user/daemon/worker/launcher.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>

#include <strazh/base/own.h>
#include <user/daemon/worker/control.h>
#include <user/daemon/worker/rights.h>

#define LEFT_ALONE_MS 2000 /* of a worker whose keeper is gone */
#define COMMAND_MAX 16384
#define WORDS_MAX 32
#define OOM_SCORE "500"

enum { ORDER_START = 100, ORDER_KILL };

struct launcher {
	int fd, signals;
	pid_t worker; /* 0: there is none */
};

/* The worker's command line, by launcher_note(). */
static struct {
	char text[COMMAND_MAX];
	char *words[WORDS_MAX + 2];
} command;

/* ---- the worker's command line ---- */

/*
 * "strazhd --worker". When a dynamic loader was called to run us (ld.so --library-path DIR strazhd
 * ...), it is /proc/self/exe, and its words stand before ours: they have to come again.
 */
int launcher_note(int argc)
{
	own_fd int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, command.text, sizeof(command.text) - 1);
	size_t all = 0, before, n = 0;
	char *at = command.text;

	if (len <= 0)
		return -EIO;
	for (ssize_t i = 0; i < len; i++)
		all += !command.text[i];
	before = all > (size_t)argc ? all - (size_t)argc : 0;
	/* Not all of it was read, and which words are a loader's cannot be told. */
	if (len == sizeof(command.text) - 1)
		before = 0;
	if (before + 1 > WORDS_MAX)
		return -E2BIG;
	while (n <= before) {
		command.words[n++] = at;
		at += strlen(at) + 1;
	}
	command.words[n++] = (char *)(uintptr_t)LAUNCHER_WORD;
	command.words[n] = NULL;
	return 0;
}

/* ---- the worker ---- */

/* To where the worker finds it; the others, and what else is open, end with exec. */
static int place(int fd, int at)
{
	if (fd == at)
		return fcntl(fd, F_SETFD, 0);
	return dup2(fd, at);
}

/*
 * Of our environment, which may hold what is not for strangers (PGPASSWORD), what a program needs
 * to be loaded, to tell the time, to write a log, and to be tested. Shorter than ours, in its
 * place.
 */
static void cut_environment(void)
{
	static const char *const kept[] = {
		"PATH=",
		"TZ=",
		"LANG=",
		"LC_",
		"LD_",
		"JOURNAL_STREAM=",
		"GLIBC_TUNABLES=",
		"ASAN_OPTIONS=",
		"UBSAN_OPTIONS=",
		"LSAN_",
		"TSAN_OPTIONS=",
		"OPENSSL_",
	};
	char **to = environ;

	for (char **from = environ; from && *from; from++)
		for (size_t i = 0; i < ARRAY_LEN(kept); i++)
			if (strncmp(*from, kept[i], strlen(kept[i])) == 0) {
				*to++ = *from;
				break;
			}
	if (to)
		*to = NULL;
}

/* Where memory is short, sessions end before the keeper does. A system that does not let us say so
 * has another order. */
static void be_first_to_go(void)
{
	own_fd int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, OOM_SCORE, strlen(OOM_SCORE));
}

/* In the child. */
static void become_worker(int control, int split, uid_t uid)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	cut_environment();
	be_first_to_go();
	/* Out of the way first: each may lie where the other belongs. */
	control = fcntl(control, F_DUPFD_CLOEXEC, LAUNCHER_SPLIT_FD + 1);
	split = fcntl(split, F_DUPFD_CLOEXEC, LAUNCHER_SPLIT_FD + 1);
	if (control < 0 || split < 0 || place(control, LAUNCHER_CONTROL_FD) < 0 ||
	    place(split, LAUNCHER_SPLIT_FD) < 0)
		_exit(126);
	/* Also what whoever started strazhd left open. */
	if (close_range(LAUNCHER_SPLIT_FD + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC) || rights_drop(uid))
		_exit(126);
	execv("/proc/self/exe", command.words);
	_exit(127);
}

static void say(const struct launcher *l, enum launcher_said said, int status, int error)
{
	const struct launcher_message message = {said, l->worker, status, error};

	(void)!send(l->fd, &message, sizeof(message), MSG_NOSIGNAL);
}

static void start_worker(struct launcher *l, const int *fds, size_t fds_len)
{
	const struct passwd *user = getpwnam(RIGHTS_USER);
	uid_t uid = user && user->pw_uid ? user->pw_uid : geteuid();
	pid_t pid;

	if (l->worker || fds_len != 2) {
		say(l, LAUNCHER_STARTED, 0, l->worker ? -EBUSY : -EBADMSG);
		return;
	}
	pid = fork();
	if (!pid)
		become_worker(fds[0], fds[1], uid);
	if (pid > 0)
		l->worker = pid;
	say(l, LAUNCHER_STARTED, 0, pid < 0 ? -errno : 0);
}

static void reap(struct launcher *l)
{
	struct signalfd_siginfo info;
	int status;

	(void)!read(l->signals, &info, sizeof(info));
	if (!l->worker || waitpid(l->worker, &status, WNOHANG) != l->worker)
		return;
	say(l, LAUNCHER_ENDED, status, 0);
	l->worker = 0;
}

/* False: the keeper is gone. */
static bool obey(struct launcher *l)
{
	struct control_message order;
	int fds[CONTROL_FDS_MAX];
	size_t len = 0;

	if (control_receive(l->fd, &order, fds, &len))
		return false;
	if (order.type == ORDER_START)
		start_worker(l, fds, len);
	else if (order.type == ORDER_KILL && l->worker)
		(void)kill(l->worker, SIGKILL);
	for (size_t i = 0; i < len; i++)
		close(fds[i]);
	return true;
}

/* Its end of the control socket has told it already. */
static void end_worker(struct launcher *l)
{
	struct pollfd wait = {.fd = l->signals, .events = POLLIN};

	if (l->worker && poll(&wait, 1, LEFT_ALONE_MS) > 0)
		reap(l);
	if (l->worker)
		(void)kill(l->worker, SIGKILL);
}

/* ---- life ---- */

static bool is_wanted(int cap)
{
	return cap == CAP_SETUID || cap == CAP_SETGID || cap == CAP_KILL || cap == CAP_SETPCAP;
}

static int keep_rights(void)
{
	const capng_type_t both = (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
	bool had[CAP_LAST_CAP + 1];

	if (capng_get_caps_process())
		return -EPERM;
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		had[cap] = capng_have_capability(CAPNG_PERMITTED, (unsigned)cap);
	capng_clear(CAPNG_SELECT_CAPS);
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (is_wanted(cap) && had[cap])
			(void)capng_update(CAPNG_ADD, both, (unsigned)cap);
		else if (!is_wanted(cap)) /* without CAP_SETPCAP it stays, and is of no use */
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	}
	return capng_apply(CAPNG_SELECT_CAPS) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -EPERM
											: 0;
}

static void run(struct launcher *l)
{
	struct pollfd waits[2] = {{.fd = l->fd, .events = POLLIN},
				  {.fd = l->signals, .events = POLLIN}};

	for (;;) {
		if (poll(waits, 2, -1) < 0 && errno != EINTR)
			return;
		if (waits[1].revents)
			reap(l);
		if (waits[0].revents && !obey(l))
			return;
	}
}

static void be_launcher(int fd)
{
	struct launcher *l = calloc(1, sizeof(*l));
	sigset_t set;

	(void)prctl(PR_SET_NAME, "strazhd-launch");
	/* Of the others, also those that whoever started strazhd left open, it needs none. */
	if (fd > STDERR_FILENO + 1)
		(void)close_range(STDERR_FILENO + 1, (unsigned)fd - 1, 0);
	(void)close_range((unsigned)fd + 1, UINT_MAX, 0);
	/* Ctrl-C goes to all; the keeper decides. The worker inherits it. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (!l || sigprocmask(SIG_BLOCK, &set, NULL) || keep_rights())
		_exit(1);
	l->fd = fd;
	l->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->signals < 0)
		_exit(1);
	run(l);
	end_worker(l);
	_exit(0);
}

int launcher_new(int *ret_fd, pid_t *ret_pid)
{
	int fds[2], r = control_pair(fds);
	pid_t pid;

	if (r)
		return r;
	pid = fork();
	if (!pid) {
		close(fds[0]);
		be_launcher(fds[1]);
	}
	r = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (r) {
		close(fds[0]);
		return r;
	}
	*ret_fd = fds[0];
	*ret_pid = pid;
	return 0;
}

/* ---- the keeper's side ---- */

int launcher_start(int fd, int control, int split)
{
	const int fds[2] = {control, split};

	return control_send(fd, &(struct control_message){.type = ORDER_START}, fds, 2);
}

int launcher_kill(int fd)
{
	return control_send(fd, &(struct control_message){.type = ORDER_KILL}, NULL, 0);
}

int launcher_hear(int fd, struct launcher_message *ret_message)
{
	struct launcher_message message;
	ssize_t n = recv(fd, &message, sizeof(message), MSG_DONTWAIT);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n != sizeof(message))
		return -EPIPE;
	*ret_message = message;
	return 0;
}
