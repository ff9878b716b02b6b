/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The list of system calls is that of libcurl with its resolver in a thread, of OpenSSL and of
 * malloc(). Programs cannot be started and processes not be made (clone() is for threads alone, and
 * clone3(), whose flags a filter cannot see, is not there, so libc takes the other). What is not on
 * the list is EPERM and no death: a library that tries something new goes on without it.
 */
#include <user/feed/fetch/confine.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cap-ng.h>

#include <strazh/base/own.h>
#include <user/base/sanitized.h>

/* ---- files ---- */

static const char *const readable[] = {
	"/etc/resolv.conf",
	"/etc/hosts",
	"/etc/host.conf",
	"/etc/nsswitch.conf",
	"/etc/gai.conf",
	"/etc/services",
	"/etc/protocols",
	"/etc/ssl",
	"/etc/pki",
	"/etc/ca-certificates",
	"/etc/localtime",
	"/usr",
	"/lib",
	"/lib64",
	"/dev/urandom",
	"/dev/null",
	"/etc/ld.so.cache",
	"/run/systemd/resolve",
};

static int allow_reading(int rules, const char *path)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE};
	own_fd int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	rule.parent_fd = fd;
	return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) ? -errno
											   : 0;
}

static int confine_files(void)
{
	/* All of the first version of Landlock. */
	const struct landlock_ruleset_attr all = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1,
	};
	own_fd int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);

	/* Not in the kernel, not switched on, or hidden by a container's filter. */
	if (rules < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? 0 : -errno;
	for (size_t i = 0; i < ARRAY_LEN(readable); i++) {
		int r = allow_reading(rules, readable[i]);

		if (r)
			return r;
	}
	return syscall(SYS_landlock_restrict_self, rules, 0) ? -errno : 0;
}

/* ---- system calls ---- */

static const int calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(statx),
	SCMP_SYS(lseek),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(fcntl),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(getdents64),
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(eventfd2),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mprotect),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(membarrier),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(getrandom),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(getcpu),
	SCMP_SYS(getcwd),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* Where an argument is `b`, or has `b` under the mask `a`. */
struct narrow {
	int call;
	struct scmp_arg_cmp arg;
};
#define EQUAL(n, value) SCMP_CMP((n), SCMP_CMP_EQ, (scmp_datum_t)(value), 0)
#define MASKED(n, mask, value)                                                                     \
	SCMP_CMP((n), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask), (scmp_datum_t)(value))

/*
 * Where there is no Landlock nothing but this stands between a file of root's and us, who are root
 * without his rights: files are read, none is written. No socket of this machine's programs is
 * spoken to: strazhd's takes us for root. What asks such a one for names goes on without it.
 */
#define WRITES (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY))
static int allow_narrow(scmp_filter_ctx filter)
{
	const struct narrow narrows[] = {
		{SCMP_SYS(open), MASKED(1, WRITES, O_RDONLY)},
		{SCMP_SYS(openat), MASKED(2, WRITES, O_RDONLY)},
		{SCMP_SYS(ioctl), EQUAL(1, FIONBIO)},
		{SCMP_SYS(ioctl), EQUAL(1, FIONREAD)},
		{SCMP_SYS(socket), EQUAL(0, AF_INET)},
		{SCMP_SYS(socket), EQUAL(0, AF_INET6)},
		{SCMP_SYS(socket), EQUAL(0, AF_NETLINK)},
		/* One of datagrams could be turned to another address. */
		{SCMP_SYS(socketpair), MASKED(1, SOCK_STREAM | SOCK_DGRAM | SOCK_RAW, SOCK_STREAM)},
		{SCMP_SYS(clone), MASKED(0, CLONE_THREAD, CLONE_THREAD)},
	};
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_LEN(narrows); i++)
		r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, narrows[i].call, 1,
					   &narrows[i].arg);
	return r;
}

static int allow_calls(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_LEN(calls); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	if (!r)
		r = allow_narrow(filter);
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return r;
}

static int confine_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter ? allow_calls(filter) : -ENOMEM;

	if (!r)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

/* ---- the rest ---- */

static int confine_size(uint64_t memory, uint64_t file)
{
	const struct rlimit space = {memory, memory}, written = {file, file}, none = {0, 0};

	/* Sanitizers reserve terabytes. */
	if (!SANITIZED && setrlimit(RLIMIT_AS, &space))
		return -errno;
	/* Without a core nothing of a key is left on the disk. */
	return setrlimit(RLIMIT_FSIZE, &written) || setrlimit(RLIMIT_CORE, &none) ? -errno : 0;
}

static int confine_rights(void)
{
	capng_clear(CAPNG_SELECT_CAPS);
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

int fetch_confine(uint64_t memory, uint64_t file, const char **ret_what)
{
	int r = confine_rights();

	sanitized_confine();
	*ret_what = "capabilities";
	if (!r) {
		*ret_what = "new privileges";
		r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
	}
	if (!r) {
		*ret_what = "being looked into";
		r = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? -errno : 0;
	}
	if (!r) {
		*ret_what = "limits of size";
		r = confine_size(memory, file);
	}
	if (!r) {
		*ret_what = "files";
		r = confine_files();
	}
	if (!r) {
		*ret_what = "system calls";
		r = confine_calls();
	}
	return r;
}
