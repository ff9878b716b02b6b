/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Taps: samples of packets with their verdict, for somebody who looks on (top, capture).
 *
 *   sz_tap     ARRAY of SZ_TAPS, mmapable  struct sz_tap   what a reader wants
 *   sz_tap0..3 RINGBUF of SZ_TAP_BYTES     struct sz_sample, then `caplen` bytes of the frame
 *
 * A reader holds its tap by a lock on a file, fills in sz_tap, then sets its bit in
 * settings.tap_on. Every tap ends by itself: a reader that died stops costing when until_s is past.
 */
#ifndef STRAZH_ABI_TAP_H
#define STRAZH_ABI_TAP_H

#include <linux/types.h>

#include <strazh/abi/event.h>
#include <strazh/abi/limits.h>

struct sz_tap {
	__u64 reasons;	/* bit per enum sz_reason; 0: none */
	__u32 one_in;	/* each packet with probability 1 / one_in; 0 as 1 */
	__u32 snap;	/* bytes of the frame, at most SZ_SNAP_MAX; 0: none */
	__u32 until_s;	/* boot time: nothing is written from then on */
	__u32 per_tick; /* about so many samples in 10 ms, over all CPUs; 0 as 1 */
	/* The gate adds, without atomics: CPUs that race lose some. */
	__u64 lost; /* no room in the ring buffer */
	__u64 held; /* above per_tick */
	__u64 tick_ns;
	__u32 in_tick;
	__u32 room[3];
};

#define SZ_TAP_TICK_NS 10000000ULL

/* What passed is an event as well; its reason tells. */
struct sz_sample {
	struct sz_event event;
	__u32 caplen; /* of the frame: behind this struct, 0 without */
	__u32 weight; /* how many packets it stands for: one_in */
};

_Static_assert(sizeof(struct sz_tap) == 64, "layout: one cache line");
_Static_assert(sizeof(struct sz_sample) == 80, "layout");

#endif
