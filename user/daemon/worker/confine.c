/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The list is what sessions, the crypto pool, a reload and glibc's allocator and threads call, on
 * x86-64 and aarch64 (a name that an architecture has not is left out there), with glibc 2.36 and
 * 2.41. Three sorts:
 *   - allowed, whatever the arguments: nothing there reaches beyond what is open already;
 *   - allowed with some arguments: memory that is never executable, sockets of TCP, threads and no
 *     processes, reading of limits; options of sockets that end with the connection, for those that
 *     listen are the keeper's and outlive this process; sending without an address, which would be
 * a connection (MSG_FASTOPEN);
 *   - refused with an error: what libraries try and do without. clone3 has its flags in memory,
 *     where no filter sees them: with ENOSYS glibc takes clone.
 * Everything else ends the process. So does sendmsg(2), which alone can hand descriptors over: the
 * keeper is who closes what it did not ask for, and to close the last descriptor of a socket that
 * lingers waits as long as who opened it wants.
 */
#include <user/daemon/worker/confine.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <user/base/sanitized.h>
#include <user/daemon/worker/landlock.h>

#define THREADS_MAX 4096

static const char *const allowed[] = {
	/* connections, the split, the control socket */
	"read",
	"write",
	"readv",
	"writev",
	"pread64",
	"recvfrom",
	"recvmsg",
	"accept4",
	"shutdown",
	"close",
	"getsockopt",
	"getsockname",
	"getpeername",
	"lseek",
	"fstat",
	/* loops */
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"epoll_pwait",
	"epoll_pwait2",
	"eventfd2",
	"poll",
	"ppoll",
	"timerfd_create",
	"timerfd_settime",
	"timerfd_gettime",
	/* time and chance */
	"clock_gettime",
	"clock_getres",
	"clock_nanosleep",
	"nanosleep",
	"gettimeofday",
	"time",
	"getrandom",
	/* memory; shields of keys */
	"munmap",
	"mremap",
	"madvise",
	"brk",
	"mlock",
	"mlock2",
	"munlock",
	"memfd_secret",
	"ftruncate",
	"membarrier",
	/* threads */
	"futex",
	"set_robust_list",
	"rseq",
	"sched_yield",
	"sched_getaffinity",
	"sched_getscheduler",
	"sched_getparam",
	"getpriority",
	"gettid",
	"getpid",
	"getcpu",
	"exit",
	"exit_group",
	"restart_syscall",
	/* signals: what abort() does */
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigaltstack",
	/* who and where: qsort() and OpenSSL ask */
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"getppid",
	"uname",
	"sysinfo",
};

struct narrow {
	const char *name;
	unsigned len;
	struct scmp_arg_cmp args[3];
};

#define IS(n, value) SCMP_A##n(SCMP_CMP_EQ, (scmp_datum_t)(value), 0)
#define BITS(n, mask, value) SCMP_A##n(SCMP_CMP_MASKED_EQ, (mask), (value))

static const struct narrow narrows[] = {
	{"mmap", 1, {BITS(2, PROT_EXEC, 0)}},
	{"mprotect", 1, {BITS(2, PROT_EXEC, 0)}},
	{"clone", 1, {BITS(0, CLONE_THREAD, CLONE_THREAD)}},
	/* The address of what is to be set is none. */
	{"prlimit64", 1, {IS(2, 0)}},
	{"setpriority", 1, {IS(0, PRIO_PROCESS)}},
	{"sched_setscheduler", 2, {IS(0, 0), IS(1, SCHED_OTHER)}},
	{"sendto", 1, {IS(4, 0)}},
	{"setsockopt", 2, {IS(1, SOL_SOCKET), IS(2, SO_LINGER)}},
	{"setsockopt", 2, {IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)}},
	{"newfstatat", 1, {IS(3, AT_EMPTY_PATH)}},
	{"fcntl", 1, {IS(1, F_DUPFD_CLOEXEC)}},
	{"fcntl", 1, {IS(1, F_GETFD)}},
	{"fcntl", 1, {IS(1, F_GETFL)}},
	{"fcntl", 1, {IS(1, F_SETFL)}},
};

#define STREAM_MASK (~(scmp_datum_t)(SOCK_NONBLOCK | SOCK_CLOEXEC) & UINT32_MAX)
/* Of a tunnel. */
static const struct narrow outwards[] = {
	{"socket", 3, {IS(0, AF_INET), BITS(1, STREAM_MASK, SOCK_STREAM), IS(2, 0)}},
	{"socket", 3, {IS(0, AF_INET6), BITS(1, STREAM_MASK, SOCK_STREAM), IS(2, 0)}},
	{"connect", 0, {{0}}},
};

static const struct {
	const char *name;
	int error;
} refused[] = {
	{"clone3", ENOSYS}, {"open", EACCES},	   {"openat", EACCES},	   {"openat2", EACCES},
	{"access", EACCES}, {"faccessat", EACCES}, {"faccessat2", EACCES}, {"stat", EACCES},
	{"lstat", EACCES},  {"statx", ENOSYS},	   {"readlink", EACCES},   {"readlinkat", EACCES},
	{"ioctl", ENOTTY},  {"prctl", EINVAL},	   {"statfs", EACCES},	   {"getcwd", EACCES},
};

/* 0 also for a name that this architecture or this libseccomp has not. */
static int rule(scmp_filter_ctx filter, uint32_t action, const struct narrow *what)
{
	int call = seccomp_syscall_resolve_name(what->name), r;

	if (call < 0)
		return 0;
	r = seccomp_rule_add_array(filter, action, call, what->len, what->args);
	return r == -EDOM ? 0 : r;
}

static int add_all(scmp_filter_ctx filter, const struct narrow *list, size_t len)
{
	int r = 0;

	for (size_t i = 0; i < len && !r; i++)
		r = rule(filter, SCMP_ACT_ALLOW, &list[i]);
	return r;
}

#define OWN_SIGNALS "tgkill"

static int add_own_signals(scmp_filter_ctx filter)
{
	const struct narrow raise = {OWN_SIGNALS, 1, {IS(0, getpid())}};

	return rule(filter, SCMP_ACT_ALLOW, &raise);
}

static int fill(scmp_filter_ctx filter, bool connects)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	/* A tree: some ten comparisons a call where a list has eighty. */
	if (!r)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < ARRAY_LEN(allowed) && !r; i++)
		r = rule(filter, SCMP_ACT_ALLOW, &(struct narrow){.name = allowed[i]});
	if (!r)
		r = add_all(filter, narrows, ARRAY_LEN(narrows));
	if (!r)
		r = add_own_signals(filter);
	if (!r && connects)
		r = add_all(filter, outwards, ARRAY_LEN(outwards));
	for (size_t i = 0; i < ARRAY_LEN(refused) && !r; i++)
		r = rule(filter, SCMP_ACT_ERRNO((uint32_t)refused[i].error),
			 &(struct narrow){.name = refused[i].name});
	return r;
}

static unsigned add_name(const char *call, unsigned n, const char *ret_names[CONFINE_NAMES_MAX])
{
	if (seccomp_syscall_resolve_name(call) < 0 || n == CONFINE_NAMES_MAX)
		return n;
	/* One call of several sorts of arguments: they are in a row. */
	if (n && strcmp(ret_names[n - 1], call) == 0)
		return n;
	ret_names[n] = call;
	return n + 1;
}

_Static_assert(ARRAY_LEN(allowed) + ARRAY_LEN(narrows) + ARRAY_LEN(outwards) < CONFINE_NAMES_MAX,
	       "all of them are named");

unsigned confine_names(bool connects, const char *ret_names[CONFINE_NAMES_MAX])
{
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		n = add_name(allowed[i], n, ret_names);
	for (size_t i = 0; i < ARRAY_LEN(narrows); i++)
		n = add_name(narrows[i].name, n, ret_names);
	n = add_name(OWN_SIGNALS, n, ret_names);
	for (size_t i = 0; connects && i < ARRAY_LEN(outwards); i++)
		n = add_name(outwards[i].name, n, ret_names);
	return n;
}

static int filter_calls(bool connects)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = filter ? fill(filter, connects) : -ENOMEM;

	if (!r)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

/*
 * As many descriptors as it has now are the most that it can ever have. Threads that it may make
 * are far fewer than a unit's, so that the keeper can fork. Keys are not left on a disk by a crash:
 * a program that takes cores heeds no limit, so it is not to be looked into at all.
 */
static int fix_limits(void)
{
	const struct rlimit none = {0};
	struct rlimit files, threads;

	if (getrlimit(RLIMIT_NOFILE, &files) || getrlimit(RLIMIT_NPROC, &threads))
		return -errno;
	files.rlim_max = files.rlim_cur;
	threads.rlim_cur = threads.rlim_max = MIN(threads.rlim_cur, (rlim_t)THREADS_MAX);
	return setrlimit(RLIMIT_NOFILE, &files) || setrlimit(RLIMIT_NPROC, &threads) ||
			       setrlimit(RLIMIT_MSGQUEUE, &none) || setrlimit(RLIMIT_CORE, &none) ||
			       prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
		       ? -errno
		       : 0;
}

int confine(const uint16_t *ports, size_t ports_len, struct confine_report *ret_report)
{
	const char *names[CONFINE_NAMES_MAX];
	struct confine_report report = {.calls = confine_names(ports_len, names)};
	int r = fix_limits();

	sanitized_confine();
	if (!r)
		r = landlock_close(ports, ports_len, &report.landlock);
	if (!r)
		r = filter_calls(ports_len);
	if (!r)
		*ret_report = report;
	return r;
}
