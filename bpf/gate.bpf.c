// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The gate: the order of the verdict, and nothing else. What each step means is in bpf/lib, one
 * idea a file; what the maps hold is in include/strazh/abi.
 *
 *	standby	another program instance is in charge
 *	parse	frame to transport header; ARP and neighbour discovery leave here
 *	source	never, allow, deny: before anything of the transport header is looked at
 *	shape	what no honest stack sends; never and allow excuse from the ordinary bogons only
 *	policy	fragments for a service that takes none
 *	rate	of the source (never and allow excuse), of the service over all sources
 *	probe	a SYN to a port where nobody listens is told, and passes
 *	relief	over a limit, but of a proven flow, a connection, or with a valid SYN cookie
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

#include <bpf/lib/finish.h>
#include <bpf/lib/maps.h>
#include <bpf/lib/mode.h>
#include <bpf/lib/parse.h>
#include <bpf/lib/probe.h>
#include <bpf/lib/rate.h>
#include <bpf/lib/relief.h>
#include <bpf/lib/reput.h>
#include <bpf/lib/seed.h>
#include <bpf/lib/served.h>
#include <bpf/lib/service.h>
#include <bpf/lib/shape.h>
#include <bpf/lib/size.h>
#include <bpf/lib/source.h>
#include <bpf/lib/stats.h>
#include <bpf/lib/syn.h>

/*
 * The functions that are not inlined are global ones: the verifier walks each of them once, and not
 * once for every way that leads there. What they are handed is plain memory to it, so they look
 * maps up for themselves.
 */

/* From the transport header on: the reason for what happens to the packet. */
__attribute__((noinline)) int gate_rate(struct packet *p, struct verdict *v)
{
	struct meter_of of = {p, 0, STANDING_USUAL, bpf_ktime_get_coarse_ns()};
	const struct sz_service *config;
	__u32 first = 0, service, class;
	const struct sz_meta *meta = bpf_map_lookup_elem(&sz_meta, &first);
	const struct sz_settings *settings = bpf_map_lookup_elem(&sz_settings, &first);
	int reason = SZ_REASON_PASS;

	if (!p || !v || !meta || !settings)
		return SZ_REASON_PASS;
	of.seed = &meta->seed;
	service = service_of(p);
	config = bpf_map_lookup_elem(&sz_service, &service);
	if (!config)
		return v->listed;
	class = rate_class(p) & (SZ_RATE_CLASSES - 1);
	v->service = (__u8)service;
	if (p->flags & PACKET_FRAGMENT && config->flags & SZ_SERVICE_NO_FRAGMENTS)
		return SZ_REASON_FRAG_POLICY;
	v->service_flags = config->flags;
	if (v->present)
		reput_ask(p, &of.standing);
	v->tier = of.standing.tier[SZ_RATE_HOST];
	v->slow = of.standing.slow[SZ_RATE_HOST];
	/* Of lone packets only: what proves itself (v->slow, relief) keeps what it had. */
	if (settings->pace_until_ns > of.now_ns) {
		reput_pace(&of.standing, settings);
		v->probe = class == SZ_RATE_SYN && !service && !v->listed &&
			   settings->pace_flags & SZ_PACE_PROBES;
	}
	if (!v->listed)
		reason = rate_source(&of, class);
	if (service || config->limit[class].step_ns | config->limit[class].byte_step)
		reason = gate_service(p, v, class, reason, of.now_ns);
	if (!reason)
		return v->listed;
	v->rate_class = (__u8)(class + 1);
	stats_tally(SZ_TALLY_OVER_EST - 1 + v->rate_class);
	return reason;
}

/* Up to the transport header: a reason, or PASS and v->listed. */
__attribute__((noinline)) int gate_front(struct xdp_md *ctx, struct packet *p, struct verdict *v)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	struct cursor c = {data, data, (const __u8 *)(long)ctx->data_end, ctx};
	__u32 first = 0, bogons;
	const struct sz_settings *settings = bpf_map_lookup_elem(&sz_settings, &first);
	struct sz_meta *meta = bpf_map_lookup_elem(&sz_meta, &first);
	int reason, listed = SZ_REASON_PASS;

	if (!p || !v || !settings || !meta)
		return SZ_REASON_PASS;
	p->frame_len = cursor_linear(&c);
	if (meta->instance != sz_instance)
		return SZ_REASON_STANDBY;
	reason = parse(&c, p);
	if (reason)
		return reason;
	parse_forget(&c, p);
	if (source_present(p, settings, seed_get(meta))) {
		v->present = 1;
		listed = source_ask(p, settings, &meta->seed, &v->lists);
		if (listed == SZ_REASON_DENY_HOST || listed == SZ_REASON_DENY_NET)
			return listed;
		v->listed = (__u8)listed;
	}
	bogons = SZ_BOGON_DEFAULT ^ settings->bogon_flip;
	p->l4_at = (__u16)(c.pos - c.begin);
	return shape(&c, p, listed ? bogons & SZ_BOGON_MARTIAN : bogons);
}

/* The reason for what happens to the packet. */
static inlined int gate_judge(struct xdp_md *ctx, struct packet *p, struct verdict *v,
			      const struct sz_settings *settings)
{
	int reason = gate_front(ctx, p, v);

	if (reason)
		return reason;
	reason = gate_rate(p, v);
	if (v->cookie || (reason && v->cookies && sz_rates_drop(settings->flags))) {
		v->observe = (__u8)mode_observes(settings, SZ_REASON_SYN_COOKIE,
						 ctx->ingress_ifindex);
		return syn_answer(ctx, p, v, reason);
	}
	if (v->probe && !reason)
		return probe(ctx, p);
	if (v->odd)
		reason = size_judge(p, v);
	if (v->opening || mode_is_rate(reason))
		reason = relief(ctx, p, v, reason);
	if (reason == SZ_REASON_RATE_SERVICE && v->guards)
		stats_tally(SZ_TALLY_GUARD_OVER);
	return reason == SZ_REASON_SIZE ? size_over(p, v) : reason;
}

static inlined int gate(struct xdp_md *ctx)
{
	struct packet p = {};
	struct verdict v = {};
	__u32 first = 0;
	const struct sz_settings *settings = bpf_map_lookup_elem(&sz_settings, &first);

	if (!settings)
		return XDP_PASS;
	return finish(ctx, &p, &v, settings, gate_judge(ctx, &p, &v, settings));
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
