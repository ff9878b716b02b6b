/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet for a protected service: its limits over all sources, its cookies, its sizes. */
#ifndef STRAZH_BPF_SERVED_H
#define STRAZH_BPF_SERVED_H

#include <bpf/lib/packet.h>
#include <bpf/lib/service.h>
#include <bpf/lib/size.h>

/*
 * Whose word of service 0 a packet is charged to. A flood of strangers is not to drown who is on
 * the never or allow list (resolvers, monitors), nor what the network itself says: beside a total
 * of the guard they have as much again for themselves, in words that service 0 has no other use
 * for.
 */
static inlined __u32 served_word(const struct sz_service *config, const struct packet *p,
				 const struct verdict *v, __u32 class)
{
	if (!(config->totals_guard >> class & 1))
		return class;
	if (p->flags & PACKET_VITAL)
		return SZ_RSVC_VITAL;
	return v->listed ? SZ_RSVC_LISTED : class;
}

/* Everything that is no service: its limits of a class, and what came of it. */
static inlined int served_total(const struct sz_service *config, const struct packet *p,
				struct verdict *v, __u32 class, __u32 reason, __u64 now_ns)
{
	if (reason || service_lapsed(config, class, now_ns))
		return reason;
	if (service_over(0, &config->limit[class], served_word(config, p, v, class), p->frame_len,
			 now_ns)) {
		v->guards = config->totals_guard >> class & 1;
		reason = SZ_REASON_RATE_SERVICE;
	}
	size_count(0, class, reason ? SIZE_OVER : SIZE_PASSED);
	return reason;
}

/*
 * What a protected service has to say: `reason`, or one of its own. Service 0, everything else, has
 * but limits, mostly none: its packets do not come here, and take 4 % less time.
 */
__attribute__((noinline)) int gate_service(struct packet *p, struct verdict *v, __u32 class,
					   __u32 reason, __u64 now_ns)
{
	const struct sz_service *config;
	__u32 service;

	if (!p || !v)
		return reason;
	service = v->service;
	config = bpf_map_lookup_elem(&sz_service, &service);
	if (!config)
		return reason;
	class &= SZ_RATE_CLASSES - 1;
	if (!service)
		return served_total(config, p, v, class, reason, now_ns);
	/* Pressure is measured over all SYNs, and answered instead of dropped. */
	if (class == SZ_RATE_SYN && config->cookies) {
		v->cookies = 1;
		v->cookie = config->cookies == SZ_COOKIES_ALWAYS ||
			    service_pressed(service, config, p->frame_len, now_ns) ||
			    service_paced(now_ns);
	} else if (!reason &&
		   service_over(service, &config->limit[class], class, p->frame_len, now_ns)) {
		v->guards = !!(config->flags & SZ_SERVICE_GUARD);
		return SZ_REASON_RATE_SERVICE;
	}
	if (reason)
		return reason;
	v->odd = !v->listed && size_is_odd(config, size_bin(p->left));
	if (!v->odd)
		size_count(service, size_bin(p->left), SIZE_PASSED);
	v->opening = class == SZ_RATE_EST && config->cookies && service_expects(service, now_ns);
	return SZ_REASON_PASS;
}

#endif
