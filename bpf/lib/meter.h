/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A line of the rate tables: four meters of packets and four of bytes, each of one source for one
 * class of packets. See abi/rate.h. No packet costs more because there are many sources, and none
 * evicts another.
 *
 * Whether a source is over is looked at in every line before any of them is charged: a packet that
 * is dropped costs nobody anything, and the loads of all lines are under way before the first
 * compare-and-swap, which lets no load pass it.
 *
 * Without branches up to there, by sign bits: the verifier would walk every combination of busy and
 * idle words in two lines, and so would the branch predictor under a flood of random sources:
 * asking for free words only where none is the source's own, a packet of 10,000 sources took 16 %
 * longer. A clean one of them spends two thirds of its time here, most of it on its two lines.
 */
#ifndef STRAZH_BPF_METER_H
#define STRAZH_BPF_METER_H

#include <strazh/abi/rate.h>

#include <bpf/lib/cursor.h>

enum meter_answer {
	METER_UNDER,
	METER_OVER,
	METER_FULL, /* four busy sources in the line: this one is not metered here */
	METER_LOST, /* others were faster, twice: this packet is not metered */
};

/* What a packet costs and how far ahead its source may be. A cost of 0 is no limit. */
struct meter_cost {
	__u32 ns, burst_ns;
};

static inlined __u64 meter_read(const __u64 *word)
{
	return *(const volatile __u64 *)word;
}

/* The compiler would make a comparison, and a branch, of a sign. */
static inlined __u64 meter_sign(__u64 value)
{
	asm("" : "+r"(value));
	return value >> 63;
}

/*
 * A word against a moment: where its time is, in the upper 48 bits, modulo wrap as it should be.
 * Past, or further ahead than the horizon, leaves something in the upper 15 bits.
 */
static inlined __u64 meter_diff(__u64 word, __u64 now_ns)
{
	return (word << 16) - (now_ns << 16);
}

#define METER_IDLE_SHIFT (16 + SZ_RATE_HORIZON_SHIFT)

/*
 * 0: in use. A word that was never written is not, though its time of 0 comes once in 3.2 days: all
 * of them at once would fill the table.
 */
static inlined __u64 meter_idle(__u64 word, __u64 diff)
{
	return (diff - 1) >> METER_IDLE_SHIFT | (~word & (word - 1)) >> 63;
}

/* The same of a word with a tag, for less. */
#define METER_TAG_LEAST (1ULL << 48)

static inlined __u64 meter_free(__u64 word, __u64 diff)
{
	return (diff - 1) >> METER_IDLE_SHIFT | (word - METER_TAG_LEAST) >> 63;
}

/* 0: in use by the owner of `tag`, which is never 0: no unwritten word is anybody's. */
static inlined __u64 meter_not_of(__u64 word, __u64 diff, __u64 tag)
{
	return (diff - 1) >> METER_IDLE_SHIFT | (word ^ tag) >> 48;
}

static inlined __u64 meter_is_zero(__u64 value)
{
	return meter_sign(value - 1);
}

/* How far ahead of now; 0: idle. */
static inlined __u64 meter_ahead(__u64 word, __u64 now_ns)
{
	__u64 diff = meter_diff(word, now_ns);

	return diff >> 16 & (0 - meter_is_zero(meter_idle(word, diff)));
}

/* The same, of the owner of `tag`; 0 for everybody else. */
static inlined __u64 meter_ahead_of(__u64 word, __u64 tag, __u64 now_ns)
{
	__u64 diff = meter_diff(word, now_ns);

	return diff >> 16 & (0 - meter_is_zero(meter_not_of(word, diff, tag)));
}

/* An idle source may always send one packet, be it longer than its burst of bytes. */
static inlined __u64 meter_over(__u64 ahead, const struct meter_cost *cost)
{
	return meter_sign((__u64)cost->burst_ns - ahead - cost->ns) & ~meter_is_zero(ahead) &
	       ~meter_is_zero(cost->ns);
}

/* Lowest bit of four that is set, 4 for none: sixteen answers of four bits each. */
static inlined __u64 meter_lowest(__u64 bits)
{
	return 0x0102010301020104ULL >> (bits * 4) & 15;
}

/*
 * Of four words the one in use by `tag`, else the first free one, in the lower two bits;
 * METER_FULL_LINE: none. The bits are masked where the word is used: kernel 6.1 loses a comparison
 * of a spilled number.
 */
#define METER_FULL_LINE 4U

static inlined __u64 meter_find(const __u64 *words, __u64 tag, __u64 now_ns)
{
	__u64 own = 0, used = 0;
	__u64 at, vacant;

	for (__u32 i = 0; i < SZ_RATE_WAYS; i++) {
		__u64 word = meter_read(&words[i]), diff = meter_diff(word, now_ns);

		own |= meter_is_zero(meter_not_of(word, diff, tag)) << i;
		used |= meter_is_zero(meter_free(word, diff)) << i;
	}
	at = meter_lowest(own);
	vacant = meter_lowest(used ^ 15);
	return at + (at >> 2) * (vacant - SZ_RATE_WAYS);
}

/* One attempt on one word. */
static inlined enum meter_answer meter_charge(__u64 *word, __u64 tag, __u64 now_ns,
					      const struct meter_cost *cost)
{
	__u64 old = meter_read(word), ahead = meter_ahead_of(old, tag, now_ns), next;

	if (meter_over(ahead, cost))
		return METER_OVER;
	/* Somebody took the word since it was found. */
	if (!ahead && meter_ahead(old, now_ns))
		return METER_LOST;
	next = tag | ((now_ns + ahead + cost->ns) & SZ_RATE_TIME);
	return __sync_val_compare_and_swap(word, old, next) == old ? METER_UNDER : METER_LOST;
}

_Static_assert(SZ_RATE_WAYS == 4, "meter_lowest()");

#endif
