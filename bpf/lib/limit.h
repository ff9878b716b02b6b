/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a class of packets may, of a host and of its prefix. */
#ifndef STRAZH_BPF_LIMIT_H
#define STRAZH_BPF_LIMIT_H

#include <bpf/lib/maps.h>
#include <bpf/lib/meter.h>

/* Of packets and of bytes. */
struct limit {
	struct meter_cost packet, bytes;
};

static inlined __u32 limit_at_most(__u64 ns)
{
	return ns > SZ_RATE_NS_MAX ? SZ_RATE_NS_MAX : (__u32)ns;
}

/* slow: sz_reput.slow. */
static inlined struct limit limit_of(const struct sz_limit *set, __u32 slow, __u32 len)
{
	struct limit limit = {};
	__u64 bytes_ns = (__u64)len * set->byte_step >> SZ_RATE_BYTE_SHIFT;

	limit.packet.ns = limit_at_most((__u64)set->step_ns * slow / SZ_SLOW_ONE);
	limit.packet.burst_ns = set->burst_ns;
	limit.bytes.ns = limit_at_most(bytes_ns * slow / SZ_SLOW_ONE);
	limit.bytes.burst_ns = set->byte_burst_ns;
	return limit;
}

/* Of both what costs more; no limit costs nothing. */
static inlined void limit_strict(struct limit *limit, const struct limit *other)
{
	if (other->packet.ns > limit->packet.ns)
		limit->packet = other->packet;
	if (other->bytes.ns > limit->bytes.ns)
		limit->bytes = other->bytes;
}

#endif
