/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets/s of a source, in a table of fixed size: no packet costs more because there are many
 * sources, and none evicts another. A line has four slots; see struct sz_rhost.
 *
 * GCRA: a slot holds the time at which its source will have spent all it was given. Each packet
 * moves it by one step; a packet that would move it further than the burst ahead of now is over
 * the limit and moves nothing. A time that is past means an idle source: its slot is free, and
 * nothing needs to be cleaned up. The tag is short, so one source in 2^16 of the same line shares
 * the slot of another.
 */
#ifndef STRAZH_BPF_RATE_H
#define STRAZH_BPF_RATE_H

#include <strazh/abi/limits.h>
#include <strazh/abi/settings.h>
#include <strazh/abi/stats.h>

#include <bpf/lib/cursor.h>

/* The coarse clock moves once a tick: 10 ms where HZ is 100. A burst below would starve. */
#define RATE_TICK_NS 10000000U

enum rate_answer {
	RATE_UNDER,
	RATE_OVER,
	RATE_FULL, /* four busy sources in the line: this one is not metered */
	RATE_LOST, /* others were faster, twice */
};

struct rate_limit {
	__u64 step_ns, burst_ns;
};

static inlined struct rate_limit rate_limit_of(const struct sz_settings *settings)
{
	struct rate_limit limit = {
		.step_ns = settings->rate_step_ns ?: SZ_RATE_STEP_NS,
		.burst_ns = settings->rate_burst_ns ?: SZ_RATE_BURST_NS,
	};

	if (limit.burst_ns < RATE_TICK_NS)
		limit.burst_ns = RATE_TICK_NS;
	if (limit.burst_ns < limit.step_ns)
		limit.burst_ns = limit.step_ns;
	return limit;
}

/* How far the time of a slot is ahead of now; 0: free. */
static inlined __u64 rate_ahead(__u64 word, __u64 now_ns, __u64 burst_ns)
{
	__u64 ahead = (word - now_ns) & SZ_RHOST_TIME;

	return ahead > burst_ns ? 0 : ahead;
}

struct rate_slot {
	__u64 word;  /* what stood there */
	__u64 ahead; /* 0 unless the slot is the source's own and in use */
	__u32 at;    /* SZ_RHOST_WAYS: none */
};

/* The slot in use by `tag`, else the first free one. */
static inlined struct rate_slot rate_find(const struct sz_rhost *line, __u64 tag, __u64 now_ns,
					  __u64 burst_ns)
{
	struct rate_slot found = {.at = SZ_RHOST_WAYS};

	for (__u32 i = 0; i < SZ_RHOST_WAYS; i++) {
		__u64 word = *(const volatile __u64 *)&line->packets[i];
		__u64 ahead = rate_ahead(word, now_ns, burst_ns);

		if (ahead && !((word ^ tag) & ~SZ_RHOST_TIME))
			return (struct rate_slot){word, ahead, i};
		if (!ahead && found.at == SZ_RHOST_WAYS)
			found = (struct rate_slot){word, 0, i};
	}
	return found;
}

static inlined enum rate_answer rate_take(struct sz_rhost *line, __u64 tag, __u64 now_ns,
					  struct rate_limit limit)
{
	for (int i = 0; i < 2; i++) {
		struct rate_slot slot = rate_find(line, tag, now_ns, limit.burst_ns);
		__u64 ahead = slot.ahead + limit.step_ns, next;

		if (slot.at >= SZ_RHOST_WAYS)
			return RATE_FULL;
		if (ahead > limit.burst_ns)
			return RATE_OVER;
		next = tag | ((now_ns + ahead) & SZ_RHOST_TIME);
		if (__sync_val_compare_and_swap(&line->packets[slot.at], slot.word, next) ==
		    slot.word)
			return RATE_UNDER;
	}
	return RATE_LOST;
}

#endif
