/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May any list say anything about this source? See abi/present.h. An honest packet of IPv4 pays
 * one load here, one of IPv6 a load for each level in use; they do not wait for each other.
 */
#ifndef STRAZH_BPF_PRESENCE_H
#define STRAZH_BPF_PRESENCE_H

#include <bpf/lib/cursor.h>
#include <bpf/lib/maps.h>
#include <bpf/lib/packet.h>

static inlined __u64 presence_ip4(const struct packet *p)
{
	__u32 bit = sz_present4_bit(swap32(p->net4.addr)), line = bit >> 8;
	const struct sz_present4 *present = bpf_map_lookup_elem(&sz_present4, &line);

	return present ? present->bits[bit >> 6 & 3] >> (bit & 63) & 1 : 1;
}

static inlined __u64 presence_bit6(__u32 bit)
{
	__u32 line = bit >> 9;
	const struct sz_present6 *present = bpf_map_lookup_elem(&sz_present6, &line);

	return present ? present->bits[bit >> 6 & 7] >> (bit & 63) & 1 : 1;
}

static inlined __u64 presence_ip6(const struct packet *p, const struct sz_seed *seed, __u32 levels)
{
	__u32 hi = swap32(p->src.addr[0]), lo = swap32(p->src.addr[1]);
	__u64 found = 0;

	if (levels & SZ_LEVEL6_16)
		found |= presence_bit6(sz_present6_bit16(hi));
	if (levels & SZ_LEVEL6_32)
		found |= presence_bit6(sz_present6_bit(seed, hi, 0));
	if (levels & SZ_LEVEL6_48)
		found |= presence_bit6(sz_present6_bit(seed, hi, lo & 0xffff0000));
	if (levels & SZ_LEVEL6_64)
		found |= presence_bit6(sz_present6_bit(seed, hi, lo));
	return found;
}

#endif
