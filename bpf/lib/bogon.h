/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which group of special addresses a source belongs to (SZ_BOGON_*), 0 for an ordinary one. After
 * the IANA registries of special-purpose addresses, RFC 6890 and its updates.
 */
#ifndef STRAZH_BPF_BOGON_H
#define STRAZH_BPF_BOGON_H

#include <strazh/abi/settings.h>

#include <bpf/lib/cursor.h>
#include <bpf/lib/packet.h>

/* Inside 192/8, 198/8 and 203/8. */
static inlined __u32 bogon_ip4_test(__u32 addr)
{
	__u32 net24 = addr >> 8;

	if (net24 == 0xc00000 || net24 == 0xc00002) /* 192.0.0, 192.0.2 */
		return SZ_BOGON_RESERVED;
	if (addr >> 16 == 0xc0a8) /* 192.168 */
		return SZ_BOGON_PRIVATE;
	if (addr >> 17 == 0xc612 >> 1 || net24 == 0xc63364) /* 198.18/15, 198.51.100 */
		return SZ_BOGON_RESERVED;
	return net24 == 0xcb0071 ? SZ_BOGON_RESERVED : 0; /* 203.0.113 */
}

static inlined __u32 bogon_ip4(__u32 addr)
{
	__u32 top = addr >> 24;

	if (top >= 224 || top == 127)
		return SZ_BOGON_MARTIAN;
	if (top >= 192)
		return bogon_ip4_test(addr);
	if (top == 10 || addr >> 20 == 0xac1 || addr >> 22 == 0x6440 >> 6) /* 172.16, 100.64 */
		return SZ_BOGON_PRIVATE;
	if (top == 0)
		return SZ_BOGON_UNSPECIFIED;
	return addr >> 16 == 0xa9fe ? SZ_BOGON_LINKLOCAL : 0;
}

/* Inside 2000::/3. */
static inlined __u32 bogon_ip6_global(__u32 w0, __u32 w1)
{
	if (w0 == 0x20010db8 || w0 >> 12 == 0x3fff0) /* documentation */
		return SZ_BOGON_RESERVED;
	if (w0 == 0x20010002 && w1 >> 16 == 0) /* benchmarks */
		return SZ_BOGON_RESERVED;
	return w0 >> 4 == 0x2001001 ? SZ_BOGON_RESERVED : 0; /* old ORCHID */
}

/* Inside ::/64. */
static inlined __u32 bogon_ip6_zero(__u32 w2, __u32 w3)
{
	if (w2 == 0xffff)
		return SZ_BOGON_MARTIAN; /* IPv4-mapped */
	if (w2)
		return 0;
	if (w3 == 1)
		return SZ_BOGON_MARTIAN;
	return w3 ? SZ_BOGON_RESERVED : SZ_BOGON_UNSPECIFIED; /* old IPv4-compatible, :: */
}

static inlined __u32 bogon_ip6(__u32 w0, __u32 w1, __u32 w2, __u32 w3)
{
	if (w0 >> 29 == 1)
		return bogon_ip6_global(w0, w1);
	if (w0 >> 24 == 0xff)
		return SZ_BOGON_MARTIAN;
	if (w0 >> 25 == 0xfc >> 1)
		return SZ_BOGON_PRIVATE;
	if (w0 >> 22 == 0xfe80 >> 6)
		return SZ_BOGON_LINKLOCAL;
	if (w0 >> 22 == 0xfec0 >> 6 || (w0 == 0x01000000 && !w1)) /* site-local, discard */
		return SZ_BOGON_RESERVED;
	return w0 || w1 ? 0 : bogon_ip6_zero(w2, w3);
}

static inlined __u32 bogon_group(const struct packet *p)
{
	if (p->family == 4)
		return bogon_ip4(swap32(p->net4.addr));
	return bogon_ip6(swap32(p->src.addr[0]), swap32(p->src.addr[1]), swap32(p->src.addr[2]),
			 swap32(p->src.addr[3]));
}

#endif
