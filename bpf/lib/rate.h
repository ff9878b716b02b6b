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
	__u32 at; /* SZ_RATE_WAYS: no slot */
	struct limit limit;
};

/* The load of its line is under way when this returns, and nothing has waited for it. */
static inlined void rate_place(struct rate_spot *spot, const struct meter_of *of, __u32 level,
			       __u32 class, __u32 port)
{
	struct sz_rate_key key = rate_key(of->p, level, class | port << SZ_RATE_PORT_SHIFT);
	__u32 hash = sz_rate_hash(of->seed, 0, key);
	__u32 host = hash % SZ_RHOST_LINES, net = hash % SZ_RNET_LINES;

	*spot = (struct rate_spot){.at = SZ_RATE_WAYS, .tag = sz_rate_tag(of->seed, key)};
	spot->line = level ? bpf_map_lookup_elem(&sz_rnet, &net)
			   : bpf_map_lookup_elem(&sz_rhost, &host);
	if (spot->line)
		(void)meter_read(&spot->line->packets[0]);
}

static inlined void rate_find(struct rate_spot *spot, const struct meter_of *of, __u32 level,
			      __u32 class)
{
	__u32 index = sz_limit_index(of->standing.tier[level], level, class);
	const struct sz_limit *set = bpf_map_lookup_elem(&sz_limit, &index);

	if (!spot->line || !set)
		return;
	spot->at = meter_find(spot->line, spot->tag, of->now_ns);
	spot->limit = limit_of(set, of->standing.slow[level], of->p->frame_len);
}

static inlined __u64 rate_is_over(const struct rate_spot *spot, __u64 now_ns)
{
	__u32 at = spot->at;
	__u64 packets, bytes;

	if (at >= SZ_RATE_WAYS)
		return 0;
	packets = meter_ahead_of(meter_read(&spot->line->packets[meter_slot(at)]), spot->tag,
				 now_ns);
	bytes = meter_ahead_of(meter_read(&spot->line->bytes[meter_slot(at)]), spot->tag, now_ns);
	return meter_over(packets, &spot->limit.packet) | meter_over(bytes, &spot->limit.bytes);
}

static inlined enum meter_answer rate_take(const struct rate_spot *spot, __u32 at, __u64 now_ns)
{
	enum meter_answer answer = METER_UNDER;

	if (at >= SZ_RATE_WAYS)
		return METER_FULL;
	if (spot->limit.packet.ns)
		answer = meter_charge(&spot->line->packets[meter_slot(at)], spot->tag, now_ns,
				      &spot->limit.packet);
	if (answer == METER_UNDER && spot->limit.bytes.ns)
		answer = meter_charge(&spot->line->bytes[meter_slot(at)], spot->tag, now_ns,
				      &spot->limit.bytes);
	return answer;
}

/* Non-zero: over after all, another CPU was faster. */
static inlined int rate_charge(const struct rate_spot *spot, __u64 now_ns)
{
	enum meter_answer answer = rate_take(spot, spot->at, now_ns);

	/* Its packets may have been charged and its bytes not: once more is at most a packet. */
	if (answer == METER_LOST)
		answer = rate_take(spot, meter_find(spot->line, spot->tag, now_ns), now_ns);
	if (answer == METER_FULL)
		stats_tally(SZ_TALLY_RATE_FULL);
	else if (answer == METER_LOST)
		stats_tally(SZ_TALLY_RATE_LOST);
	return answer == METER_OVER;
}

/* RATE_HOST, RATE_NET or PASS. */
static inlined int rate_source(const struct meter_of *of, __u32 class)
{
	struct rate_spot host, net;

	rate_place(&host, of, SZ_RATE_HOST, class, 0);
	rate_place(&net, of, SZ_RATE_NET, class, 0);
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
static inlined int rate_host_only(const struct meter_of *of, __u32 class)
{
	struct rate_spot host;

	rate_place(&host, of, SZ_RATE_HOST, class, class == SZ_RATE_FLOW ? of->p->sport : 0);
	rate_find(&host, of, SZ_RATE_HOST, class);
	return rate_is_over(&host, of->now_ns) || rate_charge(&host, of->now_ns);
}

#endif
