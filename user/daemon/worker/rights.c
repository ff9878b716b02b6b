/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/daemon/worker/rights.h>

#include <errno.h>
#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cap-ng.h>

static void become(uid_t uid)
{
	const gid_t gid = RIGHTS_GROUP;

	/* Without CAP_SETUID and CAP_SETGID it stays who it is, which the status shows. */
	if (uid == geteuid() || setgroups(0, NULL) || setresgid(gid, gid, gid))
		return;
	(void)!setresuid(uid, uid, uid);
}

int rights_drop(uid_t uid)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -EPERM;
	capng_clear(CAPNG_SELECT_BOTH);
	/* The bounding set first: that takes CAP_SETPCAP. Nobody without it can use it, either. */
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	become(uid);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
	    capng_apply(CAPNG_SELECT_CAPS))
		return -EPERM;
	return rights_gone() ? 0 : -EPERM;
}

bool rights_gone(void)
{
	return !capng_get_caps_process() &&
	       capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE &&
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}
