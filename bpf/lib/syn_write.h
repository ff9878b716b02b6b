/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The frame of a SYN becomes the SYN-ACK: everything swapped, checksums made, the tail cut. */
#ifndef STRAZH_BPF_SYN_WRITE_H
#define STRAZH_BPF_SYN_WRITE_H

#include <bpf/lib/packet.h>
#include <bpf/lib/syn_promise.h>

#define SYN_HOPS 64U

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
	if (tcp_len < 20 || tcp_len > 40)
		return -1;
	return (int)bpf_xdp_store_bytes(ctx, p->l4_at, head, tcp_len);
}

/* What is left of the SYN behind the answer is padding of the frame, which the IP length ends. */
static inlined int syn_write(struct xdp_md *ctx, const struct packet *p, const struct syn_answer *a,
			     __u32 tcp)
{
	__u32 tcp_len = (20 + a->words * 4) & 63;

	if (a->words > a->room)
		return -1;
	return syn_write_link(ctx) | syn_write_ip(ctx, p, tcp, tcp_len) |
	       syn_write_tcp(ctx, p, a, tcp_len);
}

#endif
