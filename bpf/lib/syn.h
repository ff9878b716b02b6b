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
 * The frame keeps its length: a program that changes it (bpf_xdp_adjust_tail) is refused below the
 * dispatcher of libxdp 1.3 by Debian's 6.12.117, not yet by its 6.1. A SYN that brings much more
 * than a header is not answered, so an answer is never much of an echo.
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
#include <bpf/lib/syn_options.h>
#include <bpf/lib/syn_promise.h>
#include <bpf/lib/syn_write.h>

/* The header of the SYN with its options, as the helper wants it. */
struct syn_head {
	struct tcphdr tcp;
	__u8 options[SYN_OPTIONS_MAX];
};

/* Kernel 6.1 has lost by now that the length was compared. */
static inlined long syn_cookie(const struct packet *p, struct bpf_sock *sk, struct syn_head *head,
			       __u64 head_len)
{
	__u32 ip[10] = {}, ip_len = relief_ip(p, ip);

	asm("" : "+r"(head_len));
	if (head_len < sizeof(head->tcp) || head_len > sizeof(*head))
		return -1;
	return bpf_tcp_gen_syncookie(sk, ip, ip_len, &head->tcp, head_len);
}

enum syn_asked {
	SYN_NOBODY,  /* no socket, or one that is not listening: the kernel's business */
	SYN_COOKIED, /* here it is */
	SYN_REFUSED, /* the kernel would not answer with a cookie now */
};

static inlined enum syn_asked syn_ask(struct xdp_md *ctx, const struct packet *p,
				      struct syn_head *head, __u64 head_len, __u32 *ret_seq)
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

/* From the TCP header to the end of the frame: a header, some data or padding. */
#define SYN_ROOM_MOST 104U

static inlined __u32 syn_room(struct xdp_md *ctx, const struct packet *p)
{
	return (__u32)bpf_xdp_get_buff_len(ctx) - p->l4_at;
}

/* The header at the cursor: its length, 0 when it is not one that we answer. */
static inlined __u32 syn_read(struct xdp_md *ctx, const struct packet *p, struct syn_head *head)
{
	__u32 len;

	if (p->flags & PACKET_FRAGMENT || p->headers || syn_room(ctx, p) > SYN_ROOM_MOST ||
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
	answer.room = (syn_room(ctx, p) - sizeof(head.tcp)) / 4;
	answer.ack = swap32(head.tcp.seq) + 1;
	answer.mss = syn_mss(ctx, p, config);
	syn_promise(&answer, &options, settings->tcp,
		    config->wscale_plus ? config->wscale_plus - 1U : SZ_TCP_WSCALE(settings->tcp),
		    p->tcp_flags);
	answer.window = syn_window(&answer);
	if (syn_write(ctx, p, &answer, settings->tcp))
		return SZ_REASON_L4_SHORT; /* half written: must not pass, rates enforced or not */
	service_sent_cookie(service, bpf_ktime_get_coarse_ns());
	return SZ_REASON_SYN_COOKIE;
}

#endif
