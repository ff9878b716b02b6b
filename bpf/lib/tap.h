/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Samples for somebody who looks on: top, capture. Asked only while settings.tap_on has a bit; how
 * many samples there may be is decided before a ring buffer is touched.
 */
#ifndef STRAZH_BPF_TAP_H
#define STRAZH_BPF_TAP_H

#include <strazh/abi/tap.h>

#include <bpf/lib/lists.h>
#include <bpf/lib/maps.h>
#include <bpf/lib/packet.h>
#include <bpf/lib/report.h>

/* The reason, and SZ_EVENT_OBSERVED above it: what global functions are handed is a number. */
#define TAP_OBSERVED 0x100U

static inlined int tap_is_due(struct sz_tap *tap, __u32 reason)
{
	__u64 now_ns;

	if (!(tap->reasons >> (reason & 63) & 1) ||
	    lists_over(tap->until_s ?: 1, bpf_ktime_get_boot_ns()))
		return 0;
	if (tap->one_in > 1 && bpf_get_prandom_u32() % tap->one_in)
		return 0;
	now_ns = bpf_ktime_get_coarse_ns();
	if (now_ns - tap->tick_ns >= SZ_TAP_TICK_NS) {
		tap->tick_ns = now_ns;
		tap->in_tick = 0;
	}
	if (tap->in_tick >= (tap->per_tick ?: 1)) {
		tap->held++;
		return 0;
	}
	tap->in_tick++;
	return 1;
}

struct tap_record {
	struct sz_sample sample;
	__u8 frame[SZ_SNAP_MAX];
};

static inlined void tap_fill(struct sz_sample *sample, const struct packet *p,
			     const struct verdict *v, const struct sz_tap *tap, __u32 facts,
			     __u32 ifindex)
{
	sample->event.at_ns = bpf_ktime_get_boot_ns();
	sample->event.ifindex = ifindex;
	sample->event.reason = facts & 63;
	report_fill(&sample->event, p, v);
	if (facts & TAP_OBSERVED)
		sample->event.flags |= SZ_EVENT_OBSERVED;
	sample->caplen = 0;
	sample->weight = tap->one_in ?: 1;
}

/* `ring` is one of sz_tap0..3. */
static inlined void tap_write(struct xdp_md *ctx, void *ring, const struct packet *p,
			      const struct verdict *v, struct sz_tap *tap, __u32 facts)
{
	__u32 len = (__u32)bpf_xdp_get_buff_len(ctx), snap = tap->snap;
	struct tap_record *record;
	struct sz_sample *sample;

	if (!snap) {
		sample = bpf_ringbuf_reserve(ring, sizeof(*sample), 0);
		if (!sample) {
			tap->lost++;
			return;
		}
		tap_fill(sample, p, v, tap, facts, ctx->ingress_ifindex);
		bpf_ringbuf_submit(sample, 0);
		return;
	}
	record = bpf_ringbuf_reserve(ring, sizeof(*record), 0);
	if (!record) {
		tap->lost++;
		return;
	}
	tap_fill(&record->sample, p, v, tap, facts, ctx->ingress_ifindex);
	record->sample.event.frame_len = len;
	if (len > snap)
		len = snap;
	if (len > SZ_SNAP_MAX)
		len = SZ_SNAP_MAX;
	/* No frame is empty; the verifier takes no comparison for it. */
	len--;
	asm("" : "+r"(len));
	len = (len & (SZ_SNAP_MAX - 1)) + 1;
	if (!bpf_xdp_load_bytes(ctx, 0, record->frame, len))
		record->sample.caplen = len;
	bpf_ringbuf_submit(record, 0);
}

static inlined void tap_one(struct xdp_md *ctx, __u32 index, void *ring, const struct packet *p,
			    const struct verdict *v, __u32 facts)
{
	struct sz_tap *tap = bpf_map_lookup_elem(&sz_tap, &index);

	if (tap && tap_is_due(tap, facts & 63))
		tap_write(ctx, ring, p, v, tap, facts);
}

/* on: settings.tap_on. */
__attribute__((noinline)) int tap(struct xdp_md *ctx, struct packet *p, struct verdict *v,
				  __u32 facts, __u32 on)
{
	if (!p || !v)
		return 0;
	if (on & 1)
		tap_one(ctx, 0, &sz_tap0, p, v, facts);
	if (on & 2)
		tap_one(ctx, 1, &sz_tap1, p, v, facts);
	if (on & 4)
		tap_one(ctx, 2, &sz_tap2, p, v, facts);
	if (on & 8)
		tap_one(ctx, 3, &sz_tap3, p, v, facts);
	return 0;
}

_Static_assert(SZ_TAPS == 4, "tap()");

#endif
