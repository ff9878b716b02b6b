/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is a source over its limits? Its host and its prefix are asked at once. Which slots its meters
 * are in.
 */
#ifndef STRAZH_BPF_RATE_H
#define STRAZH_BPF_RATE_H

#include <bpf/lib/limit.h>
#include <bpf/lib/meter.h>
#include <bpf/lib/packet.h>
#include <bpf/lib/rate_key.h>
#include <bpf/lib/reput.h>
#include <bpf/lib/shape.h>
#include <bpf/lib/stats.h>

/* Whose meters, and when. */
struct meter_of {
	const struct packet *p;
	const struct sz_seed *seed;
	struct standing standing;
	__u64 now_ns; /* coarse */
};

/* Where its word is. Whole words: the verifier keeps the range of no others where they are spilled.
 */
struct rate_slot {
	__u64 at;
	__u64 full;
};

/* One source in one line. */
struct rate_spot {
	struct sz_meters *line;
	__u64 tag;
	struct rate_slot packets, bytes; /* bytes: only if they have a limit */
	struct limit limit;
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

static inlined struct rate_slot rate_slot(const __u64 *words, __u64 tag, __u64 now_ns)
{
	__u64 found = meter_find(words, tag, now_ns);

	asm("" : "+r"(found));
	return (struct rate_slot){found & (SZ_RATE_WAYS - 1), found & METER_FULL_LINE};
}

/*
 * Its tier may have wider limits than everybody's, which an operator made smaller. A function of
 * its own for the verifier, which else walks the rest once more for each level: 452,000
 * instructions in place of some 90,000.
 */
__attribute__((noinline)) int rate_strict(struct limit *limit, __u32 index, __u32 slow,
					  __u32 frame_len)
{
	const struct sz_limit *set = bpf_map_lookup_elem(&sz_limit, &index);
	struct limit other;

	if (!limit || !set)
		return 0;
	other = limit_of(set, slow, frame_len);
	limit_strict(limit, &other);
	return 0;
}

/* spot->line is there. */
static inlined void rate_find(struct rate_spot *spot, const struct meter_of *of, __u32 level,
			      __u32 class)
{
	__u32 index = sz_limit_index(of->standing.tier[level], level, class);
	const struct sz_limit *set = bpf_map_lookup_elem(&sz_limit, &index);

	spot->packets = rate_slot(spot->line->packets, spot->tag, of->now_ns);
	if (set)
		spot->limit = limit_of(set, of->standing.slow[level], of->p->frame_len);
	if (of->standing.tier[level] == SZ_TIER_LIMITED)
		rate_strict(&spot->limit, sz_limit_index(0, level, class), of->standing.slow[level],
			    of->p->frame_len);
	/* Else some slot: to the verifier both ways end alike, and it walks on once. */
	spot->bytes = spot->packets;
	if (spot->limit.bytes.ns)
		spot->bytes = rate_slot(spot->line->bytes, spot->tag, of->now_ns);
}

static inlined __u64 rate_word_over(const __u64 *words, const struct rate_slot *slot, __u64 tag,
				    const struct meter_cost *cost, __u64 now_ns)
{
	__u64 word = meter_read(&words[slot->at & (SZ_RATE_WAYS - 1)]);

	return meter_over(meter_ahead_of(word, tag, now_ns), cost);
}

static inlined __u64 rate_is_over(const struct rate_spot *spot, __u64 now_ns)
{
	__u64 over = rate_word_over(spot->line->packets, &spot->packets, spot->tag,
				    &spot->limit.packet, now_ns);

	if (spot->limit.bytes.ns)
		over |= rate_word_over(spot->line->bytes, &spot->bytes, spot->tag,
				       &spot->limit.bytes, now_ns);
	return over;
}

/*
 * Twice: by then two other CPUs were faster, or the word is somebody else's. Non-zero: over. Once
 * is likely, so that the way back is a jump: Linux 6.1 refuses a loop that is entered by a jump and
 * goes on by falling through ("back-edge").
 */
static inlined int rate_word_charge(__u64 *words, const struct rate_slot *slot, __u64 tag,
				    const struct meter_cost *cost, __u64 now_ns)
{
	enum meter_answer answer;
	int tries = 2;

	if (slot->full) {
		stats_tally(SZ_TALLY_RATE_FULL);
		return 0;
	}
#pragma clang loop unroll(disable)
	do
		answer = meter_charge(&words[slot->at & (SZ_RATE_WAYS - 1)], tag, now_ns, cost);
	while (__builtin_expect(answer == METER_LOST, 0) && --tries);
	if (answer == METER_LOST)
		stats_tally(SZ_TALLY_RATE_LOST);
	return answer == METER_OVER;
}

/* Non-zero: over after all, another CPU was faster. */
static inlined int rate_charge(struct rate_spot *spot, __u64 now_ns)
{
	if (spot->limit.packet.ns && rate_word_charge(spot->line->packets, &spot->packets,
						      spot->tag, &spot->limit.packet, now_ns))
		return 1;
	return spot->limit.bytes.ns && rate_word_charge(spot->line->bytes, &spot->bytes, spot->tag,
							&spot->limit.bytes, now_ns);
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
