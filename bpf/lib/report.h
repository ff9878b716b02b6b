/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Samples of drops for the daemon. So many per reason, CPU and second; whether a drop is one of
 * them is decided before the ring buffer is touched, so a flood costs a comparison.
 */
#ifndef STRAZH_BPF_REPORT_H
#define STRAZH_BPF_REPORT_H

#include <bpf/lib/maps.h>
#include <bpf/lib/packet.h>
#include <bpf/lib/stats.h>

#define REPORT_WINDOW_NS 1000000000ULL

/* One of `most` in this second and on this CPU. */
static inlined int report_is_in_time(struct sz_count *count, __u32 most)
{
	__u64 now = bpf_ktime_get_coarse_ns();

	if (now - count->sample_begin_ns >= REPORT_WINDOW_NS) {
		count->sample_begin_ns = now;
		count->sample_count = 0;
	}
	if (count->sample_count >= most)
		return 0;
	count->sample_count++;
	return 1;
}

static inlined int report_is_due(struct sz_count *count, const struct sz_settings *settings)
{
	return report_is_in_time(count, settings->events_per_s ?: SZ_EVENTS_PER_S);
}

static inlined void report_addresses(struct sz_event *event, const struct packet *p)
{
	__be32 *s = (__be32 *)event->saddr, *d = (__be32 *)event->daddr;
	int v6 = p->family == 6;

	s[0] = p->family == 4 ? p->net4.addr : v6 ? p->src.addr[0] : 0;
	d[0] = p->family ? p->dst[0] : 0;
	for (int i = 1; i < 4; i++) {
		s[i] = v6 ? p->src.addr[i] : 0;
		d[i] = v6 ? p->dst[i] : 0;
	}
}

static inlined void report_fill(struct sz_event *event, const struct packet *p,
				const struct verdict *verdict)
{
	event->lists = verdict->lists;
	event->rate_class = verdict->rate_class;
	event->service = verdict->service;
	event->frame_len = p->frame_len;
	event->flags = p->flags & PACKET_FRAGMENT ? SZ_EVENT_FRAGMENT : 0;
	event->flags |= p->flags & PACKET_PORTS ? SZ_EVENT_PORTS : 0;
	event->family = p->family;
	event->proto = p->proto;
	event->tcp_flags = p->tcp_flags;
	event->sport = swap16(p->sport);
	event->dport = swap16(p->dport);
	event->vlan = p->vlan;
	__builtin_memset(event->zero, 0, sizeof(event->zero));
	report_addresses(event, p);
}

static inlined void report_drop(struct sz_count *count, const struct sz_settings *settings,
				const struct packet *p, const struct verdict *verdict, __u32 reason,
				__u32 ifindex, int observed)
{
	struct sz_event *event;

	if (!report_is_due(count, settings)) {
		stats_tally(SZ_TALLY_EVENT_HELD);
		return;
	}
	event = bpf_ringbuf_reserve(&sz_event, sizeof(*event), 0);
	if (!event) {
		stats_tally(SZ_TALLY_EVENT_LOST);
		return;
	}
	event->at_ns = bpf_ktime_get_boot_ns();
	event->ifindex = ifindex;
	event->reason = (__u16)reason;
	report_fill(event, p, verdict);
	if (observed)
		event->flags |= SZ_EVENT_OBSERVED;
	bpf_ringbuf_submit(event, 0);
}

#endif
