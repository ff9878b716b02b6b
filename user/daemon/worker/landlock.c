/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * By system calls: glibc has no functions for them, and the header of Debian 12 knows ABI 2. The
 * numbers are the kernel's, include/uapi/linux/landlock.h: they never change.
 */
#include <user/daemon/worker/landlock.h>

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <strazh/base/own.h>

#define CREATE_VERSION 1U
#define RULE_NET_PORT 2

struct ruleset {
	uint64_t files; /* ABI 1 */
	uint64_t net;	/* ABI 4 */
	uint64_t scope; /* ABI 6 */
};
struct port_rule {
	uint64_t access, port;
};

#define FILES_1 ((1ULL << 13) - 1)
#define FILES_REFER (1ULL << 13)     /* ABI 2 */
#define FILES_TRUNCATE (1ULL << 14)  /* ABI 3 */
#define FILES_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#define NET_BIND 1ULL
#define NET_CONNECT 2ULL
#define SCOPE_ABSTRACT 1ULL
#define SCOPE_SIGNAL 2ULL

static size_t fill(struct ruleset *set, int abi)
{
	set->files = FILES_1;
	if (abi >= 2)
		set->files |= FILES_REFER;
	if (abi >= 3)
		set->files |= FILES_TRUNCATE;
	if (abi >= 5)
		set->files |= FILES_IOCTL_DEV;
	if (abi < 4)
		return offsetof(struct ruleset, net);
	set->net = NET_BIND | NET_CONNECT;
	if (abi < 6)
		return offsetof(struct ruleset, scope);
	set->scope = SCOPE_ABSTRACT | SCOPE_SIGNAL;
	return sizeof(*set);
}

int landlock_close(const uint16_t *ports, size_t ports_len, int *ret_abi)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
	struct ruleset set = {0};
	own_fd int fd = -1;
	size_t size;

	if (abi <= 0) { /* not in the kernel, not switched on, or hidden by a container's filter */
		*ret_abi = 0;
		return 0;
	}
	size = fill(&set, (int)abi);
	fd = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; abi >= 4 && i < ports_len; i++) {
		const struct port_rule rule = {NET_CONNECT, ports[i]};

		if (syscall(SYS_landlock_add_rule, fd, RULE_NET_PORT, &rule, 0))
			return -errno;
	}
	if (syscall(SYS_landlock_restrict_self, fd, 0))
		return -errno;
	*ret_abi = (int)abi;
	return 0;
}
