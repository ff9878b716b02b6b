/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is a source over its limits? Its host and its prefix are asked at once. What class a packet is
 * of, and which slots its meters are in.
 */
#ifndef STRAZH_BPF_RATE_H
#define STRAZH_BPF_RATE_H

#include <bpf/lib/limit.h>
#include <bpf/lib/meter.h>
#include <bpf/lib/packet.h>
#include <bpf/lib/reput.h>
#include <bpf/lib/shape.h>
#include <bpf/lib/stats.h>

static inlined __u32 rate_class(const struct packet *p)
{
	if (p->flags & PACKET_FRAGMENT)
		return SZ_RATE_FRAG;
	if (p->proto == PROTO_TCP)
		return (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN ? SZ_RATE_SYN : SZ_RATE_EST;
	return p->proto == PROTO_UDP ? SZ_RATE_UDP : SZ_RATE_OTHER;
}

static inlined struct sz_rate_key rate_key(const struct packet *p, __u32 level, __u32 kind)
{
	struct sz_rate_key key = {.kind = kind};

	if (p->family == 4) {
		key.hi = SZ_RATE_IP4;
		key.lo = swap32(p->net4.addr) & (level ? 0xffffff00 : 0xffffffff);
	} else {
		key.hi = swap32(p->src.addr[0]);
		key.lo = swap32(p->src.addr[1]) & (level ? 0xffff0000 : 0xffffffff);
	}
	return key;
}

/* Whose meters, and when. */
struct meter_of {
	const struct packet *p;
	const struct sz_seed *seed;
	struct standing standing;
	__u64 now_ns; /* coarse */
};

/* One source in one line. */
struct rate_spot {
	struct sz_meters *line;
	__u64 tag;
	/* Whole words: the verifier keeps the range of no others where they are spilled. */
	__u64 at; /* its slot */
	__u64 full;
	__u32 index;	    /* of the line */
	struct limit limit; /* none where the line is full */
};

/* The load of its line is under way when this returns, and nothing has waited for it. */
static inlined void rate_place(struct rate_spot *spot, const struct meter_of *of, __u32 level,
			       __u32 kind)
{
	struct sz_rate_key key = rate_key(of->p, level, kind);
	__u32 hash = sz_rate_hash(of->seed, 0, key);
	__u32 host = hash % SZ_RHOST_LINES, net = hash % SZ_RNET_LINES;

	*spot = (struct rate_spot){.tag = sz_rate_tag(of->seed, key)};
	spot->line = level ? bpf_map_lookup_elem(&sz_rnet, &net)
			   : bpf_map_lookup_elem(&sz_rhost, &host);
	if (spot->line)
		(void)meter_read(&spot->line->packets[0]);
}

static inlined void rate_slot(struct rate_spot *spot, __u64 now_ns)
{
	__u64 found = meter_find(spot->line, spot->tag, now_ns);

	asm("" : "+r"(found));
	spot->at = found & (SZ_RATE_WAYS - 1);
	spot->full = found & METER_FULL_LINE;
}

/* spot->line is there. */
static inlined void rate_find(struct rate_spot *spot, const struct meter_of *of, __u32 level,
			      __u32 class)
{
	__u32 index = sz_limit_index(of->standing.tier[level], level, class);
	const struct sz_limit *set = bpf_map_lookup_elem(&sz_limit, &index);

	rate_slot(spot, of->now_ns);
	if (set)
		spot->limit = limit_of(set, of->standing.slow[level], of->p->frame_len);
}

static inlined __u64 rate_is_over(const struct rate_spot *spot, __u64 now_ns)
{
	__u64 packets = meter_ahead_of(meter_read(&spot->line->packets[spot->at]), spot->tag,
				       now_ns);
	__u64 bytes = meter_ahead_of(meter_read(&spot->line->bytes[spot->at]), spot->tag, now_ns);

	return meter_over(packets, &spot->limit.packet) | meter_over(bytes, &spot->limit.bytes);
}

/* Twice: by then two other CPUs were faster, or the slot is somebody else's. */
static inlined enum meter_answer rate_word(__u64 *word, const struct rate_spot *spot,
					   const struct meter_cost *cost, __u64 now_ns)
{
	enum meter_answer answer = METER_LOST;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 2 && answer == METER_LOST; i++)
		answer = meter_charge(word, spot->tag, now_ns, cost);
	return answer;
}

/* Non-zero: over after all, another CPU was faster. */
static inlined int rate_charge(struct rate_spot *spot, __u64 now_ns)
{
	enum meter_answer answer = METER_UNDER;

	if (spot->full) {
		stats_tally(SZ_TALLY_RATE_FULL);
		return 0;
	}
	if (spot->limit.packet.ns)
		answer = rate_word(&spot->line->packets[spot->at], spot, &spot->limit.packet,
				   now_ns);
	if (answer == METER_UNDER && spot->limit.bytes.ns)
		answer = rate_word(&spot->line->bytes[spot->at], spot, &spot->limit.bytes, now_ns);
	if (answer == METER_LOST)
		stats_tally(SZ_TALLY_RATE_LOST);
	return answer == METER_OVER;
}

/* RATE_HOST, RATE_NET or PASS. */
static inlined int rate_source(const struct meter_of *of, __u32 class)
{
	struct rate_spot host, net;

	rate_place(&host, of, SZ_RATE_HOST, class);
	rate_place(&net, of, SZ_RATE_NET, class);
	if (!host.line || !net.line)
		return SZ_REASON_PASS;
	rate_find(&host, of, SZ_RATE_HOST, class);
	rate_find(&net, of, SZ_RATE_NET, class);
	if (rate_is_over(&host, of->now_ns))
		return SZ_REASON_RATE_HOST;
	if (rate_is_over(&net, of->now_ns))
		return SZ_REASON_RATE_NET;
	if (rate_charge(&host, of->now_ns))
		return SZ_REASON_RATE_HOST;
	return rate_charge(&net, of->now_ns) ? SZ_REASON_RATE_NET : SZ_REASON_PASS;
}

/* One meter of the host only: ODD, CONN, and FLOW with its port. Non-zero: over. */
__attribute__((noinline)) int rate_one(struct packet *p, __u32 class, __u32 tier, __u32 slow)
{
	struct meter_of of = {p, 0, {{(__u16)slow}, {(__u8)tier}}, bpf_ktime_get_coarse_ns()};
	__u32 first = 0;
	const struct sz_meta *meta = bpf_map_lookup_elem(&sz_meta, &first);
	struct rate_spot host;

	if (!p || !meta)
		return 0;
	of.seed = &meta->seed;
	class &= SZ_RATE_CLASSES - 1;
	rate_place(&host, &of, SZ_RATE_HOST,
		   class | (class == SZ_RATE_FLOW ? p->sport << SZ_RATE_PORT_SHIFT : 0));
	if (!host.line)
		return 0;
	rate_find(&host, &of, SZ_RATE_HOST, class);
	if (rate_is_over(&host, of.now_ns))
		return 1;
	return rate_charge(&host, of.now_ns);
}

#endif
