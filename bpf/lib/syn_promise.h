/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the answer to a SYN may promise: MSS, window, and the options that a cookie can carry. */
#ifndef STRAZH_BPF_SYN_PROMISE_H
#define STRAZH_BPF_SYN_PROMISE_H

#include <strazh/abi/service.h>
#include <strazh/abi/settings.h>

#include <bpf/lib/packet.h>
#include <bpf/lib/shape.h>
#include <bpf/lib/syn_options.h>

#define SYN_MSS_LEAST 256U /* net.ipv4.route.min_adv_mss */
#define SYN_WINDOW_MOST 65535U
#define SYN_SPACE 65536U /* half of the usual net.ipv4.tcp_rmem */
#define SYN_STAMP_BITS 6
#define SYN_STAMP_SACK 16U
#define SYN_STAMP_ECN 32U
#define SYN_STAMP_LEN 12U
#define TCP_ECE 64
#define TCP_CWR 128

/* What the answer says. */
struct syn_answer {
	__u32 options[5];  /* network order */
	__u32 words, room; /* of options: how many there are, how many the frame has room for */
	__u32 seq, ack;
	__u16 window, mss;
	__u8 flags;
};

static inlined __u16 syn_mss(struct xdp_md *ctx, const struct packet *p,
			     const struct sz_service *config)
{
	__u32 head = p->family == 4 ? 40 : 60, mtu = 0;

	if (config->mss)
		return config->mss;
	/* Fails for a frame longer than it: the MTU is told all the same. */
	bpf_check_mtu(ctx, 0, &mtu, 0, 0);
	if (mtu < SYN_MSS_LEAST + head)
		return SYN_MSS_LEAST;
	return (__u16)(mtu - head > 0xffff ? 0xffff : mtu - head);
}

/* The six bits of a cookie, and the scale of our own windows. */
static inlined __u32 syn_bits(const struct syn_options *o, __u32 tcp, __u8 flags, __u8 *ret_flags)
{
	__u32 bits = tcp & SZ_TCP_WINDOWS ? o->scale : SYN_SCALE_NONE;

	if (o->sack && tcp & SZ_TCP_SACK)
		bits |= SYN_STAMP_SACK;
	if ((flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR) && tcp & SZ_TCP_ECN) {
		bits |= SYN_STAMP_ECN;
		*ret_flags |= TCP_ECE;
	}
	return bits;
}

/* The clock of timestamps, ms, with the six bits in its place, not in the future. */
static inlined __u32 syn_stamp(__u32 bits)
{
	__u32 now = (__u32)(bpf_ktime_get_ns() / 1000000);
	__u32 stamp = now >> SYN_STAMP_BITS << SYN_STAMP_BITS | bits;

	return (__s32)(stamp - now) > 0 ? stamp - (1U << SYN_STAMP_BITS) : stamp;
}

/* Options in the kernel's order: MSS, then SACK permitted and timestamps, then the scale. */
static inlined void syn_promise_all(struct syn_answer *a, const struct syn_options *o, __u32 tcp,
				    __u32 scale, __u8 flags)
{
	__u32 bits;

	a->options[0] = swap32(0x02040000 | a->mss);
	a->words = 1;
	if (!o->stamps || !(tcp & SZ_TCP_TIMESTAMPS))
		return;
	bits = syn_bits(o, tcp, flags, &a->flags);
	a->options[1] = swap32(bits & SYN_STAMP_SACK ? 0x0402080a : 0x0101080a);
	a->options[2] = swap32(syn_stamp(bits));
	a->options[3] = swap32(o->stamp);
	a->words = 4;
	if ((bits & 15) == SYN_SCALE_NONE)
		return;
	a->options[4] = swap32(0x01030300 | (scale & 15));
	a->words = 5;
}

/*
 * What the SYN offered has room in its frame. If the MSS has not, since the SYN named none, it is
 * left out, and the client keeps to the least (RFC 9293, 3.7.1).
 */
static inlined void syn_promise(struct syn_answer *a, const struct syn_options *o, __u32 tcp,
				__u32 scale, __u8 flags)
{
	syn_promise_all(a, o, tcp, scale, flags);
	if (a->words <= a->room)
		return;
	for (int i = 0; i < 4; i++)
		a->options[i] = a->options[i + 1];
	a->options[4] = 0;
	a->words--;
}

static inlined __u16 syn_window(const struct syn_answer *a)
{
	__u32 mss = a->words > 1 && a->mss > SYN_STAMP_LEN ? a->mss - SYN_STAMP_LEN : a->mss;
	__u32 window = mss ? SYN_SPACE / mss * mss : SYN_WINDOW_MOST;

	return (__u16)(window > SYN_WINDOW_MOST ? SYN_WINDOW_MOST : window);
}

#endif
