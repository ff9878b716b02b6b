/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Is a datagram the answer to one of ours? The kernel's sockets of UDP tell. */
#ifndef STRAZH_BPF_ANSWER_H
#define STRAZH_BPF_ANSWER_H

#include <linux/bpf.h>

#include <bpf/lib/maps.h>
#include <bpf/lib/packet.h>
#include <bpf/lib/tuple.h>

static inlined struct bpf_sock *answer_lookup(struct xdp_md *ctx, const struct packet *p)
{
	struct bpf_sock_tuple tuple = {};
	__u32 len = tuple_of(p, &tuple);

	return bpf_sk_lookup_udp(ctx, &tuple, len, BPF_F_CURRENT_NETNS, 0);
}

/*
 * For a socket that was connected to just this peer and port, as those of resolvers and of clocks
 * are: what was asked for is answered. One that takes what comes from anybody says nothing.
 */
static inlined int answer_is(struct xdp_md *ctx, const struct packet *p)
{
	struct bpf_sock *sk = answer_lookup(ctx, p);
	int connected;

	if (!sk)
		return 0;
	connected = sk->state == BPF_TCP_ESTABLISHED;
	bpf_sk_release(sk);
	return connected;
}

#endif
