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

static inlined void seed_draw(struct sz_meta *meta)
{
#pragma clang loop unroll(disable)
	for (int i = 0; i < 8; i++) {
		__u64 word = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32() | 1;

		__sync_val_compare_and_swap(&meta->seed.word[i], 0, word);
	}
	__sync_val_compare_and_swap(&meta->layout, 0, SZ_LAYOUT);
}

/* Words are odd once they are drawn. */
static inlined const struct sz_seed *seed_get(struct sz_meta *meta)
{
	const __u64 *w = meta->seed.word;

	if (!(w[0] & w[1] & w[2] & w[4] & w[5] & w[6] & 1) || !meta->layout)
		seed_draw(meta);
	return &meta->seed;
}

#endif
