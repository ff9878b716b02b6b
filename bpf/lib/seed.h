/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The secret of the keyed hash. Loaders such as ip and xdp-loader run none of our code, so the
 * program draws it itself, on the first packet that finds it missing.
 */
#ifndef STRAZH_BPF_SEED_H
#define STRAZH_BPF_SEED_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <strazh/abi/meta.h>

#include <bpf/lib/cursor.h>
#include <bpf/lib/maps.h>

/* Volatile: mergeable constants would go to a section that the type information has not. */
static const volatile __u32 seed_steps[SZ_RATE_CLASSES] = {
#define X(code, name, pps, burst, text) 1000000000U / (pps),
	SZ_RATE_CLASSES_OF(X)
#undef X
};

static const volatile __u32 seed_bursts[SZ_RATE_CLASSES] = {
#define X(code, name, pps, burst, text) 1000000000U / (pps) * (burst),
	SZ_RATE_CLASSES_OF(X)
#undef X
};

/* The limits of a gate whose loader ran none of our code. */
static inlined void seed_limits(void)
{
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < SZ_LIMITS; i++) {
		__u32 at = i; /* not the counter: what has an address, the verifier forgets */
		struct sz_limit *limit = bpf_map_lookup_elem(&sz_limit, &at);
		__u32 class = i % SZ_RATE_CLASSES, level = i / SZ_RATE_CLASSES % SZ_RATE_LEVELS;

		if (!limit || limit->step_ns | limit->byte_step)
			continue;
		limit->burst_ns = seed_bursts[class];
		limit->byte_burst_ns = SZ_RATE_BYTE_BURST_NS;
		limit->step_ns = seed_steps[class] / (level ? SZ_RATE_NET_SHARE : 1);
	}
}

static inlined void seed_draw(struct sz_meta *meta)
{
#pragma clang loop unroll(disable)
	for (int i = 0; i < 8; i++) {
		__u64 word = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32() | 1;

		__sync_val_compare_and_swap(&meta->seed.word[i], 0, word);
	}
	if (!meta->layout)
		seed_limits();
	__sync_val_compare_and_swap(&meta->layout, 0, SZ_LAYOUT);
}

/* Words are odd once they are drawn. */
static inlined const struct sz_seed *seed_get(struct sz_meta *meta)
{
	const __u64 *w = meta->seed.word;

	if (!(w[0] & w[1] & w[2] & w[3] & w[4] & w[5] & w[6] & w[7] & 1) || !meta->layout)
		seed_draw(meta);
	return &meta->seed;
}

#endif
