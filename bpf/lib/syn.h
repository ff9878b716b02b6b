/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A SYN answered in the kernel's stead with a SYN cookie (RFC 4987): the frame becomes the SYN-ACK
 * that the kernel would have sent, and the kernel takes the ACK that comes back as its own.
 *
 * bpf_tcp_gen_syncookie() gives a cookie whenever the kernel itself would answer with one: its SYN
 * queue is full, or net.ipv4.tcp_syncookies is 2. Else the SYN goes on to the kernel. It marks the
 * listener too, without which the kernel would not look for a cookie in the ACK; the raw helpers
 * do not.
 *
 * What a connection may use is what the cookie can carry back: four values of MSS in the sequence
 * number; window scale, SACK and ECN in the lower six bits of the timestamp, as
 * net/ipv4/syncookies.c has them. So without timestamps there is no scale and no SACK.
 */
#ifndef STRAZH_BPF_SYN_H
#define STRAZH_BPF_SYN_H

#include <linux/bpf.h>
#include <linux/tcp.h>

#include <bpf/lib/maps.h>
#include <bpf/lib/packet.h>
#include <bpf/lib/relief.h>
#include <bpf/lib/service.h>
#include <bpf/lib/shape.h>

#define SYN_OPTIONS_MAX 40U
#define SYN_MSS_LEAST 256U /* net.ipv4.route.min_adv_mss */
#define SYN_WINDOW_MOST 65535U
#define SYN_SPACE 65536U /* half of the usual net.ipv4.tcp_rmem */
#define SYN_HOPS 64U
#define SYN_SCALE_NONE 15U
#define SYN_STAMP_BITS 6
#define SYN_STAMP_SACK 16U
#define SYN_STAMP_ECN 32U
#define SYN_STAMP_LEN 12U
#define TCP_ECE 64
#define TCP_CWR 128

struct syn_options {
	__u8 bytes[64]; /* a mask keeps every index inside */
	__u32 at, len;
	__u32 stamp;
	__u8 scale; /* SYN_SCALE_NONE: not offered */
	__u8 stamps, sack, over;
};

static inlined void syn_take(struct syn_options *o, __u8 kind, __u8 len)
{
	__u32 at = o->at;

	if (kind == 3 && len == 3) {
		__u8 scale = o->bytes[(at + 2) & 63];

		o->scale = scale > 14 ? 14 : scale;
	} else if (kind == 4 && len == 2) {
		o->sack = 1;
	} else if (kind == 8 && len == 10) {
		o->stamps = 1;
		o->stamp = (__u32)o->bytes[(at + 2) & 63] << 24 |
			   (__u32)o->bytes[(at + 3) & 63] << 16 |
			   (__u32)o->bytes[(at + 4) & 63] << 8 | o->bytes[(at + 5) & 63];
	}
}

/* One option; non-zero: that was the last one, or nothing that can be read follows. */
static long syn_option(__u32 index, struct syn_options *o)
{
	__u8 kind, len = 1;

	if (o->at >= o->len)
		return 1;
	kind = o->bytes[o->at & 63];
	if (!kind)
		return 1;
	if (kind != 1) {
		len = o->at + 1 < o->len ? o->bytes[(o->at + 1) & 63] : 0;
		if (len < 2 || o->at + len > o->len)
			return 1;
		syn_take(o, kind, len);
	}
	o->at += len;
	return 0;
}

/* What the answer says. */
struct syn_answer {
	__u32 options[5]; /* network order */
	__u32 words;
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
static inlined void syn_promise(struct syn_answer *a, const struct syn_options *o, __u32 tcp,
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

static inlined __u16 syn_window(const struct syn_answer *a)
{
	__u32 mss = a->words > 1 && a->mss > SYN_STAMP_LEN ? a->mss - SYN_STAMP_LEN : a->mss;
	__u32 window = mss ? SYN_SPACE / mss * mss : SYN_WINDOW_MOST;

	return (__u16)(window > SYN_WINDOW_MOST ? SYN_WINDOW_MOST : window);
}

static inlined __u16 syn_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/* The addresses of the pseudo header, whichever way round. */
static inlined __u64 syn_sum_addresses(const struct packet *p)
{
	__u64 sum;

	if (p->family == 4)
		return (__u64)p->net4.addr + p->dst[0];
	sum = 0;
	for (int i = 0; i < 4; i++)
		sum += (__u64)p->src.addr[i] + p->dst[i];
	return sum;
}

static inlined int syn_write_link(struct xdp_md *ctx)
{
	__u8 link[12], swapped[12];

	if (bpf_xdp_load_bytes(ctx, 0, link, sizeof(link)))
		return -1;
	for (int i = 0; i < 6; i++) {
		swapped[i] = link[i + 6];
		swapped[i + 6] = link[i];
	}
	return (int)bpf_xdp_store_bytes(ctx, 0, swapped, sizeof(swapped));
}

static inlined int syn_write_ip(struct xdp_md *ctx, const struct packet *p, __u32 tcp,
				__u32 tcp_len)
{
	__u32 head[10] = {};
	__u64 sum = 0;

	if (p->family == 4) {
		head[0] = swap32(0x45000000 | (20 + tcp_len));
		head[1] = swap32(0x4000); /* do not fragment */
		head[2] = swap32((SZ_TCP_TTL(tcp) ?: SYN_HOPS) << 24 | PROTO_TCP << 16);
		head[3] = p->dst[0];
		head[4] = p->net4.addr;
		for (int i = 0; i < 5; i++)
			sum += head[i];
		*(__u16 *)((__u8 *)head + 10) = syn_fold(sum);
		return (int)bpf_xdp_store_bytes(ctx, p->l4_at - 20, head, 20);
	}
	head[0] = swap32(0x60000000);
	head[1] = swap32(tcp_len << 16 | PROTO_TCP << 8 | (SZ_TCP_HOPS(tcp) ?: SYN_HOPS));
	for (int i = 0; i < 4; i++) {
		head[2 + i] = p->dst[i];
		head[6 + i] = p->src.addr[i];
	}
	return (int)bpf_xdp_store_bytes(ctx, p->l4_at - 40, head, 40);
}

static inlined int syn_write_tcp(struct xdp_md *ctx, const struct packet *p,
				 const struct syn_answer *a, __u32 tcp_len)
{
	__u32 head[10] = {};
	__u64 sum = syn_sum_addresses(p) + swap32(PROTO_TCP << 16 | tcp_len);

	head[0] = swap32((__u32)p->dport << 16 | p->sport);
	head[1] = swap32(a->seq);
	head[2] = swap32(a->ack);
	head[3] = swap32(tcp_len / 4 << 28 | (__u32)a->flags << 16 | a->window);
	for (int i = 0; i < 5; i++)
		head[5 + i] = a->options[i];
	for (int i = 0; i < 10; i++)
		sum += head[i];
	*(__u16 *)((__u8 *)head + 16) = syn_fold(sum);
	if (tcp_len < 24 || tcp_len > 40)
		return -1;
	return (int)bpf_xdp_store_bytes(ctx, p->l4_at, head, tcp_len);
}

static inlined int syn_write(struct xdp_md *ctx, const struct packet *p, const struct syn_answer *a,
			     __u32 tcp)
{
	__u32 tcp_len = (20 + a->words * 4) & 63;
	__u32 len = p->l4_at + tcp_len, now = (__u32)bpf_xdp_get_buff_len(ctx);

	if (bpf_xdp_adjust_tail(ctx, (int)(len - now)))
		return -1;
	return syn_write_link(ctx) | syn_write_ip(ctx, p, tcp, tcp_len) |
	       syn_write_tcp(ctx, p, a, tcp_len);
}

/* The header of the SYN with its options, as the helper wants it. */
struct syn_head {
	struct tcphdr tcp;
	__u8 options[SYN_OPTIONS_MAX];
};

static inlined long syn_cookie(const struct packet *p, struct bpf_sock *sk, struct syn_head *head,
			       __u32 head_len)
{
	__u32 ip[10] = {};

	if (p->family == 4) {
		ip[0] = swap32(0x45000000);
		ip[3] = p->net4.addr;
		ip[4] = p->dst[0];
		return bpf_tcp_gen_syncookie(sk, ip, 20, &head->tcp, head_len);
	}
	ip[0] = swap32(0x60000000);
	for (int i = 0; i < 4; i++) {
		ip[2 + i] = p->src.addr[i];
		ip[6 + i] = p->dst[i];
	}
	return bpf_tcp_gen_syncookie(sk, ip, 40, &head->tcp, head_len);
}

enum syn_asked {
	SYN_NOBODY,  /* no socket, or one that is not listening: the kernel's business */
	SYN_COOKIED, /* here it is */
	SYN_REFUSED, /* the kernel would not answer with a cookie now */
};

static inlined enum syn_asked syn_ask(struct xdp_md *ctx, const struct packet *p,
				      struct syn_head *head, __u32 head_len, __u32 *ret_seq)
{
	struct bpf_sock *sk = relief_lookup(ctx, p);
	enum syn_asked asked = SYN_NOBODY;
	long cookie;

	if (!sk)
		return SYN_NOBODY;
	if (sk->state == BPF_TCP_LISTEN) {
		cookie = sz_dry ? 0 : syn_cookie(p, sk, head, head_len);
		asked = cookie < 0 ? SYN_REFUSED : SYN_COOKIED;
		*ret_seq = (__u32)cookie;
	}
	bpf_sk_release(sk);
	return asked;
}

/* The header at the cursor: its length, 0 when it is not one that we answer. */
static inlined __u32 syn_read(struct xdp_md *ctx, const struct packet *p, struct syn_head *head)
{
	__u32 len;

	if (p->flags & PACKET_FRAGMENT || p->headers ||
	    bpf_xdp_load_bytes(ctx, p->l4_at, &head->tcp, sizeof(head->tcp)))
		return 0;
	len = head->tcp.doff * 4U;
	if (len <= sizeof(head->tcp))
		return len;
	if (len > sizeof(*head) || bpf_xdp_load_bytes(ctx, p->l4_at + sizeof(head->tcp),
						      head->options, len - sizeof(head->tcp)))
		return 0;
	return len;
}

/*
 * SYN_COOKIE: the frame is the answer now. Else `reason` stands; a SYN that the kernel takes
 * without a cookie is within its means and passes, whatever limit it is over: its queue is not
 * full.
 */
__attribute__((noinline)) int syn_answer(struct xdp_md *ctx, struct packet *p, struct verdict *v,
					 int reason)
{
	struct syn_options options = {.scale = SYN_SCALE_NONE};
	struct syn_answer answer = {.flags = TCP_SYN | TCP_ACK};
	struct syn_head head = {};
	const struct sz_settings *settings;
	const struct sz_service *config;
	__u32 first = 0, service, len;
	enum syn_asked asked;

	if (!p || !v)
		return reason;
	service = v->service;
	settings = bpf_map_lookup_elem(&sz_settings, &first);
	config = bpf_map_lookup_elem(&sz_service, &service);
	len = settings && config ? syn_read(ctx, p, &head) : 0;
	if (!len || !settings || !config)
		return reason;
	asked = syn_ask(ctx, p, &head, len, &answer.seq);
	if (asked == SYN_NOBODY)
		return reason;
	if (asked == SYN_REFUSED) {
		stats_tally(SZ_TALLY_COOKIE_FAILED);
		return v->listed;
	}
	if (sz_dry || v->observe)
		return SZ_REASON_SYN_COOKIE;
	__builtin_memcpy(options.bytes, head.options, sizeof(head.options));
	options.len = len - sizeof(head.tcp);
	bpf_loop(SYN_OPTIONS_MAX, syn_option, &options, 0);
	answer.ack = swap32(head.tcp.seq) + 1;
	answer.mss = syn_mss(ctx, p, config);
	syn_promise(&answer, &options, settings->tcp,
		    config->wscale_plus ? config->wscale_plus - 1U : SZ_TCP_WSCALE(settings->tcp),
		    p->tcp_flags);
	answer.window = syn_window(&answer);
	if (syn_write(ctx, p, &answer, settings->tcp))
		return SZ_REASON_RATE_SERVICE; /* half written: it must not pass */
	service_sent_cookie(service, bpf_ktime_get_coarse_ns());
	return SZ_REASON_SYN_COOKIE;
}

#endif
