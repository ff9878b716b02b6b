/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From the reason to the verdict: counted, sampled, and dropped, passed or sent back. */
#ifndef STRAZH_BPF_FINISH_H
#define STRAZH_BPF_FINISH_H

#include <bpf/lib/maps.h>
#include <bpf/lib/mode.h>
#include <bpf/lib/report.h>
#include <bpf/lib/stats.h>
#include <bpf/lib/tap.h>

/* What becomes of a frame whose reason is no drop. */
static inlined int finish_pass(struct sz_count *count, __u32 len, __u32 reason)
{
	stats_done(count, len);
	return mode_is_answer(reason) ? XDP_TX : XDP_PASS;
}

static inlined int finish(struct xdp_md *ctx, struct packet *p, struct verdict *v,
			  const struct sz_settings *settings, __u32 reason)
{
	struct sz_count *count = bpf_map_lookup_elem(&sz_count, &reason);
	int pass = mode_is_pass(reason), observed;

	if (!count)
		return XDP_PASS;
	observed = !pass && mode_observes(settings, reason, ctx->ingress_ifindex);
	if (settings->tap_on && !sz_dry)
		tap(ctx, p, v, reason | (observed ? TAP_OBSERVED : 0), settings->tap_on);
	if (reason == SZ_REASON_PROBE)
		report_drop(count, settings, p, v, reason, ctx->ingress_ifindex, 1);
	if (pass || (mode_is_answer(reason) && !observed))
		return finish_pass(count, p->frame_len, reason);
	if (observed)
		stats_observed(count, p->frame_len);
	else
		stats_done(count, p->frame_len);
	report_drop(count, settings, p, v, reason, ctx->ingress_ifindex, observed);
	return observed ? XDP_PASS : XDP_DROP;
}

#endif
