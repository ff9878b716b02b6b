// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The gate: the order of the verdict, and nothing else. What each step means is in bpf/lib, one
 * idea a file; what the maps hold is in include/strazh/abi.
 *
 *	standby	another program instance is in charge
 *	parse	frame to transport header; ARP and neighbour discovery leave here
 *	source	never, allow, deny: before anything of the transport header is looked at
 *	shape	what no honest stack sends; never and allow excuse from the ordinary bogons only
 *	rate	packets/s of the source; never and allow excuse
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

#include <bpf/lib/maps.h>
#include <bpf/lib/mode.h>
#include <bpf/lib/parse.h>
#include <bpf/lib/rate.h>
#include <bpf/lib/report.h>
#include <bpf/lib/seed.h>
#include <bpf/lib/shape.h>
#include <bpf/lib/source.h>
#include <bpf/lib/stats.h>

/* Set by the loader before it loads; see struct sz_meta. */
const volatile __u32 sz_instance = 0;

/* RATE_HOST, or PASS. */
static inlined int gate_rate(const struct packet *p, const struct sz_settings *settings,
			     const struct sz_seed *seed)
{
	__u32 hi = p->family == 4 ? SZ_RHOST_IP4 : swap32(p->src.addr[0]);
	__u32 lo = swap32(p->family == 4 ? p->net4.addr : p->src.addr[1]);
	__u32 at = sz_rhost_line(seed, hi, lo);
	struct sz_rhost *line = bpf_map_lookup_elem(&sz_rhost, &at);
	enum rate_answer answer;

	if (!line)
		return SZ_REASON_PASS;
	answer = rate_take(line, sz_rhost_tag(seed, hi, lo), bpf_ktime_get_coarse_ns(),
			   rate_limit_of(settings));
	if (answer == RATE_FULL)
		stats_tally(SZ_TALLY_RATE_FULL);
	else if (answer == RATE_LOST)
		stats_tally(SZ_TALLY_RATE_LOST);
	return answer == RATE_OVER ? SZ_REASON_RATE_HOST : SZ_REASON_PASS;
}

/* The reason for what happens to the packet. *ret_lists: who denied it. */
static inlined int gate_judge(struct cursor *c, struct packet *p,
			      const struct sz_settings *settings, struct sz_meta *meta,
			      __u64 *ret_lists)
{
	__u32 bogons = SZ_BOGON_DEFAULT ^ settings->bogon_flip;
	const struct sz_seed *seed;
	int reason, listed;

	reason = parse(c, p);
	if (reason)
		return reason;
	parse_forget(c, p);
	seed = seed_get(meta);
	listed = source_ask(p, settings, seed, ret_lists);
	if (listed == SZ_REASON_DENY_HOST || listed == SZ_REASON_DENY_NET)
		return listed;
	reason = shape(c, p, listed ? bogons & SZ_BOGON_MARTIAN : bogons);
	if (reason)
		return reason;
	return listed ? listed : gate_rate(p, settings, seed);
}

static inlined int gate_finish(struct xdp_md *ctx, const struct packet *p,
			       const struct sz_settings *settings, __u32 reason, __u64 lists)
{
	struct sz_count *count = bpf_map_lookup_elem(&sz_count, &reason);
	int observed;

	if (!count)
		return XDP_PASS;
	if (mode_is_pass(reason)) {
		stats_done(count, p->frame_len);
		return XDP_PASS;
	}
	observed = mode_observes(settings, reason, ctx->ingress_ifindex);
	if (observed)
		stats_observed(count, p->frame_len);
	else
		stats_done(count, p->frame_len);
	report_drop(count, settings, p, reason, lists, ctx->ingress_ifindex, observed);
	return observed ? XDP_PASS : XDP_DROP;
}

static inlined int gate(struct xdp_md *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	struct cursor c = {data, data, (const __u8 *)(long)ctx->data_end, ctx};
	struct packet p = {};
	__u32 first = 0;
	__u64 lists = 0;
	int reason = SZ_REASON_STANDBY;
	struct sz_settings *settings = bpf_map_lookup_elem(&sz_settings, &first);
	struct sz_meta *meta = bpf_map_lookup_elem(&sz_meta, &first);

	if (!settings || !meta)
		return XDP_PASS;
	p.frame_len = cursor_linear(&c);
	if (meta->instance == sz_instance)
		reason = gate_judge(&c, &p, settings, meta, &lists);
	return gate_finish(ctx, &p, settings, reason, lists);
}

SEC("xdp")
int sz_gate(struct xdp_md *ctx)
{
	return gate(ctx);
}

/* The same for drivers that spread a frame over several buffers. */
SEC("xdp.frags")
int sz_gate_frags(struct xdp_md *ctx)
{
	return gate(ctx);
}

/* libxdp: ahead of programs of the default priority (50); what passes here goes on to them. */
struct {
	__uint(priority, 10);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(sz_gate);

struct {
	__uint(priority, 10);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(sz_gate_frags);

char sz_license[] SEC("license") = "Dual BSD/GPL";
