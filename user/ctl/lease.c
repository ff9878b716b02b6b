/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The two fields are two stores; the gate looks at ifindex first, so that one is last and first. */
#include <user/ctl/lease.h>

#include <errno.h>

#include <user/base/clock.h>
#include <user/gate/attach.h>

void lease_begin(struct gate *gate, uint32_t ifindex, uint32_t until_s)
{
	gate->settings->lease_ifindex = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	gate->settings->lease_until_s = until_s;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	gate->settings->lease_ifindex = ifindex;
}

void lease_end(struct gate *gate)
{
	gate->settings->lease_ifindex = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	gate->settings->lease_until_s = 0;
}

bool lease_get(const struct gate *gate, uint32_t *ret_ifindex, uint32_t *ret_until_s)
{
	uint32_t ifindex = gate->settings->lease_ifindex;

	if (!ifindex)
		return false;
	*ret_ifindex = ifindex;
	*ret_until_s = gate->settings->lease_until_s;
	return true;
}

int lease_expire(struct gate *gate, uint32_t *ret_ifindex)
{
	uint32_t ifindex, until_s;
	int r;

	if (!lease_get(gate, &ifindex, &until_s) || clock_boot_s() < until_s)
		return LEASE_NOT_DUE;
	r = attach_remove(gate, ifindex);
	if (r && r != ATTACH_NOT_THERE && r != ATTACH_NO_SUCH_IF)
		return r < 0 ? r : -EBUSY;
	lease_end(gate);
	*ret_ifindex = ifindex;
	return 0;
}
