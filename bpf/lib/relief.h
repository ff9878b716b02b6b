/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A limit is passed, but whose packet is it? A flood under somebody's address must not cut off its
 * owner. So before a packet is dropped: is it of a flow that the server has marked as proven, of a
 * connection that the kernel has (or for a socket of UDP that is connected to its source), or does
 * it bring back a valid SYN cookie? All have meters of their own. Asked for packets over a limit
 * only: the clean path pays nothing, a flood a fixed price.
 */
#ifndef STRAZH_BPF_RELIEF_H
#define STRAZH_BPF_RELIEF_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include <bpf/lib/answer.h>
#include <bpf/lib/lists.h>
#include <bpf/lib/maps.h>
#include <bpf/lib/packet.h>
#include <bpf/lib/rate.h>
#include <bpf/lib/service.h>
#include <bpf/lib/tuple.h>

static inlined void relief_hit(struct sz_proven *proven)
{
	if (!sz_dry)
		__sync_fetch_and_add(&proven->hits, 1);
}

static inlined int relief_is_proven(const struct packet *p)
{
	struct {
		__u32 addr[4];
		__u16 sport, dport;
		__u8 family, proto, zero[2];
	} key = {
		.sport = swap16(p->sport),
		.dport = swap16(p->dport),
		.family = p->family,
		.proto = p->proto,
	};
	struct sz_proven *proven;

	key.addr[0] = p->family == 4 ? p->net4.addr : p->src.addr[0];
	for (int i = 1; i < 4; i++)
		key.addr[i] = p->family == 4 ? 0 : p->src.addr[i];
	proven = bpf_map_lookup_elem(&sz_proven, &key);
	if (!proven || lists_over(proven->until_s, proven->until_s ? bpf_ktime_get_boot_ns() : 0))
		return 0;
	relief_hit(proven);
	return 1;
}

enum relief_socket {
	RELIEF_NONE,
	RELIEF_CONNECTION,
	RELIEF_COOKIE, /* a listener, and a valid cookie for it */
	RELIEF_LISTENER,
};

static inlined struct bpf_sock *relief_lookup(struct xdp_md *ctx, const struct packet *p)
{
	struct bpf_sock_tuple tuple = {};
	__u32 len = tuple_of(p, &tuple);

	return bpf_skc_lookup_tcp(ctx, &tuple, len, BPF_F_CURRENT_NETNS, 0);
}

/* As much of an IP header as the helpers for cookies read; ip[] is zero before. Its length. */
static inlined __u32 relief_ip(const struct packet *p, __u32 ip[10])
{
	if (p->family == 4) {
		ip[0] = swap32(0x45000000);
		ip[3] = p->net4.addr;
		ip[4] = p->dst[0];
		return sizeof(struct iphdr);
	}
	ip[0] = swap32(0x60000000);
	for (int i = 0; i < 4; i++) {
		ip[2 + i] = p->src.addr[i];
		ip[6 + i] = p->dst[i];
	}
	return sizeof(struct ipv6hdr);
}

/* The cookie in an ACK, checked by the listener that would take it. */
static inlined int relief_cookie_ok(struct xdp_md *ctx, const struct packet *p, struct bpf_sock *sk)
{
	__u32 ip[10] = {}, ip_len;
	struct tcphdr tcp;

	if (bpf_xdp_load_bytes(ctx, p->l4_at, &tcp, sizeof(tcp)))
		return 0;
	ip_len = relief_ip(p, ip);
	return !bpf_tcp_check_syncookie(sk, ip, ip_len, &tcp, sizeof(tcp));
}

static inlined enum relief_socket relief_ask_kernel(struct xdp_md *ctx, const struct packet *p)
{
	struct bpf_sock *sk = relief_lookup(ctx, p);
	enum relief_socket found = RELIEF_CONNECTION;

	if (!sk)
		return RELIEF_NONE;
	if (sk->state == BPF_TCP_LISTEN)
		found = relief_cookie_ok(ctx, p, sk) ? RELIEF_COOKIE : RELIEF_LISTENER;
	bpf_sk_release(sk);
	return found;
}

static inlined __u32 relief_slow(const struct verdict *v)
{
	return v->slow < SZ_SLOW_PROVEN_MAX ? v->slow : SZ_SLOW_PROVEN_MAX;
}

/* An ACK with a valid cookie: from here on the address of the source is proven. */
static inlined int relief_open(struct packet *p, struct verdict *v)
{
	if (v->listed || !rate_one(p, SZ_RATE_CONN, v->tier, relief_slow(v)))
		return SZ_REASON_COOKIE_ACK;
	v->rate_class = SZ_RATE_CONN + 1;
	stats_tally(SZ_TALLY_OVER_CONN);
	return SZ_REASON_RATE_HOST;
}

static inlined int relief_flow(struct packet *p, struct verdict *v, int relieved)
{
	if (!rate_one(p, SZ_RATE_FLOW, v->tier, relief_slow(v)))
		return relieved;
	v->rate_class = SZ_RATE_FLOW + 1;
	stats_tally(SZ_TALLY_OVER_FLOW);
	return SZ_REASON_RATE_FLOW;
}

/*
 * `reason` stands, or what it becomes. It is a limit that is passed; or none is and v->opening.
 * What the kernel says of a packet that is within its limits decides only about cookies.
 */
__attribute__((noinline)) int relief(struct xdp_md *ctx, struct packet *p, struct verdict *v,
				     int reason)
{
	enum relief_socket found;

	if (!p || !v || !(p->flags & PACKET_PORTS) || p->flags & PACKET_FRAGMENT)
		return reason;
	if (!v->opening && relief_is_proven(p))
		return relief_flow(p, v, SZ_REASON_PROVEN);
	if (!(v->service_flags & SZ_SERVICE_LOCAL))
		return reason;
	if (rate_class(p) == SZ_RATE_UDP && answer_is(ctx, p))
		return relief_flow(p, v, SZ_REASON_SOCKET);
	if (rate_class(p) != SZ_RATE_EST)
		return reason;
	found = relief_ask_kernel(ctx, p);
	if (found == RELIEF_COOKIE)
		return relief_open(p, v);
	if (found == RELIEF_CONNECTION && !v->opening)
		return relief_flow(p, v, SZ_REASON_SOCKET);
	if (found == RELIEF_LISTENER)
		stats_tally(SZ_TALLY_COOKIE_BAD);
	return reason;
}

#endif
