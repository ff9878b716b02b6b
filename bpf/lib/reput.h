/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who gets other limits than everybody: sz_reput4/6, asked only where presence says so. */
#ifndef STRAZH_BPF_REPUT_H
#define STRAZH_BPF_REPUT_H

#include <bpf/lib/lists.h>
#include <bpf/lib/maps.h>
#include <bpf/lib/packet.h>

struct standing {
	__u16 slow[SZ_RATE_LEVELS];
	__u8 tier[SZ_RATE_LEVELS];
};

#define STANDING_USUAL                                                                             \
	{                                                                                          \
		.slow = { SZ_SLOW_ONE, SZ_SLOW_ONE }                                               \
	}

static inlined int reput_live(const struct sz_reput *reput)
{
	return reput && !lists_over(reput->until_s, reput->until_s ? bpf_ktime_get_boot_ns() : 0);
}

static inlined const struct sz_reput *reput_ask4(const struct packet *p, __u32 len, __u32 mask)
{
	struct sz_net4 key = {len, p->net4.addr & swap32(mask)};

	return bpf_map_lookup_elem(&sz_reput4, &key);
}

static inlined const struct sz_reput *reput_ask6(const struct packet *p, __u32 len, __u32 mask)
{
	struct {
		__u32 len;
		__u32 addr[4];
	} key = {len, {p->src.addr[0], p->src.addr[1] & swap32(mask)}};

	return bpf_map_lookup_elem(&sz_reput6, &key);
}

static inlined void reput_set(struct standing *standing, int level, const struct sz_reput *reput)
{
	if (!reput_live(reput))
		return;
	standing->tier[level] = reput->tier;
	standing->slow[level] = reput->slow ?: SZ_SLOW_ONE;
}

/* What the load asks for, on top. A pace has eight bits, so nothing overflows. */
static inlined void reput_pace(struct standing *standing, const struct sz_settings *settings)
{
	for (int level = 0; level < SZ_RATE_LEVELS; level++) {
		__u32 pace = settings->pace[standing->tier[level] & (SZ_TIERS - 1)] ?: SZ_PACE_ONE;
		__u32 slow = standing->slow[level] * pace / SZ_PACE_ONE;

		standing->slow[level] = slow > 0xffff ? 0xffff : (__u16)slow;
	}
}

/* A host without an entry takes the standing of its prefix. */
static inlined void reput_ask(const struct packet *p, struct standing *standing)
{
	int v4 = p->family == 4;
	const struct sz_reput *net = v4 ? reput_ask4(p, 24, 0xffffff00)
					: reput_ask6(p, 48, 0xffff0000);
	const struct sz_reput *host = v4 ? reput_ask4(p, 32, 0xffffffff)
					 : reput_ask6(p, 64, 0xffffffff);

	reput_set(standing, SZ_RATE_NET, net);
	reput_set(standing, SZ_RATE_HOST, net);
	reput_set(standing, SZ_RATE_HOST, host);
}

#endif
