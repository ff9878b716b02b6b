/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Capabilities are each thread's own, and a new thread has those of the one that starts it: so they
 * are dropped while there is one thread alone.
 */
#include <user/daemon/caps.h>

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cap-ng.h>

#define BOTH ((capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED))

int caps_drop(bool ports)
{
	bool may_bind = ports && capng_have_capability(CAPNG_PERMITTED, CAP_NET_BIND_SERVICE);
	int r;

	capng_clear(CAPNG_SELECT_BOTH);
	r = capng_updatev(CAPNG_ADD, BOTH, CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, CAP_SYS_ADMIN, -1);
	if (!r && may_bind)
		r = capng_update(CAPNG_ADD, BOTH, CAP_NET_BIND_SERVICE);
	if (!r) /* the bounding set: what no exec may bring back */
		r = capng_updatev(CAPNG_ADD, CAPNG_BOUNDING_SET, CAP_BPF, CAP_NET_ADMIN,
				  CAP_PERFMON, CAP_SYS_ADMIN, -1);
	if (!r)
		r = capng_apply(CAPNG_SELECT_BOTH);
	if (r || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -EPERM;
	return 0;
}

int caps_drop_ports(void)
{
	if (capng_get_caps_process())
		return -EPERM;
	if (!capng_have_capability(CAPNG_PERMITTED, CAP_NET_BIND_SERVICE))
		return 0;
	if (capng_update(CAPNG_DROP, BOTH, CAP_NET_BIND_SERVICE) || capng_apply(CAPNG_SELECT_CAPS))
		return -EPERM;
	return 0;
}

/* Past libcap-ng, which remembers what the process has. */
int caps_drop_thread(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return syscall(SYS_capset, &header, none) ? -EPERM : 0;
}
