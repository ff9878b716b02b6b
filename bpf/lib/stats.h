/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counters: a cache line per reason and CPU, so no atomics. */
#ifndef STRAZH_BPF_STATS_H
#define STRAZH_BPF_STATS_H

#include <bpf/lib/cursor.h>
#include <bpf/lib/maps.h>

static inlined void stats_tally(__u32 tally)
{
	struct sz_count *count = bpf_map_lookup_elem(&sz_count, &tally);

	if (count)
		count->packets++;
}

static inlined void stats_done(struct sz_count *count, __u32 bytes)
{
	count->packets++;
	count->bytes += bytes;
}

static inlined void stats_observed(struct sz_count *count, __u32 bytes)
{
	count->observed_packets++;
	count->observed_bytes += bytes;
}

#endif
