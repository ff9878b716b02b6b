/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/daemon/caps.h>

#include <errno.h>
#include <sys/prctl.h>

#include <cap-ng.h>

int caps_drop(void)
{
	const capng_type_t both = (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
	int r;

	capng_clear(CAPNG_SELECT_BOTH);
	r = capng_updatev(CAPNG_ADD, both, CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, CAP_SYS_ADMIN, -1);
	if (!r) /* the bounding set: what no exec may bring back */
		r = capng_updatev(CAPNG_ADD, CAPNG_BOUNDING_SET, CAP_BPF, CAP_NET_ADMIN,
				  CAP_PERFMON, CAP_SYS_ADMIN, -1);
	if (!r)
		r = capng_apply(CAPNG_SELECT_BOTH);
	if (r || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -EPERM;
	return 0;
}
