/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Protected services: which one a packet is for, what it gets from all sources together, and
 * whether it is under such pressure that SYNs are answered with cookies.
 */
#ifndef STRAZH_BPF_SERVICE_H
#define STRAZH_BPF_SERVICE_H

#include <strazh/abi/service.h>

#include <bpf/lib/limit.h>
#include <bpf/lib/maps.h>
#include <bpf/lib/packet.h>
#include <bpf/lib/stats.h>

/* 0: no service. */
static inlined __u32 service_of(const struct packet *p)
{
	__u32 line = sz_port_line(p->proto == PROTO_UDP, p->dport);
	const struct sz_port *port;

	if (!(p->flags & PACKET_PORTS))
		return 0;
	port = bpf_map_lookup_elem(&sz_port, &line);
	return port ? port->service[p->dport & 63] & (SZ_SERVICES - 1) : 0;
}

/* ---- rates over all sources ---- */

struct service_spend {
	__u64 *word;
	__u32 *credit;
	__u32 amount, lump;
	__u64 amount_ns, lump_ns, burst_ns;
};

/* Take a lump in advance where that is a small part of the burst, else the amount. */
static inlined enum meter_answer service_take(const struct service_spend *spend, __u64 now_ns)
{
	__u64 old = meter_read(spend->word), ahead = meter_ahead(old, now_ns), next;
	__u64 cost_ns = spend->lump_ns;
	__u32 taken = spend->lump;

	if (cost_ns > spend->burst_ns / 8 || ahead + cost_ns > spend->burst_ns) {
		cost_ns = spend->amount_ns;
		taken = spend->amount;
	}
	if (ahead && ahead + cost_ns > spend->burst_ns)
		return METER_OVER;
	next = (now_ns + ahead + cost_ns) & SZ_RATE_TIME;
	if (__sync_val_compare_and_swap(spend->word, old, next) != old)
		return METER_LOST;
	*spend->credit += taken - spend->amount;
	return METER_UNDER;
}

static inlined int service_spend(const struct service_spend *spend, __u64 now_ns)
{
	enum meter_answer answer;

	if (*spend->credit >= spend->amount) {
		*spend->credit -= spend->amount;
		return 0;
	}
	answer = service_take(spend, now_ns);
	if (answer == METER_LOST)
		answer = service_take(spend, now_ns);
	if (answer == METER_LOST)
		stats_tally(SZ_TALLY_RATE_LOST);
	return answer == METER_OVER;
}

/* Non-zero: the service gets more of this class than `set`. */
static inlined int service_over(__u32 service, const struct sz_limit *set, __u32 class, __u32 len,
				__u64 now_ns)
{
	struct service_spend packets, bytes;
	struct sz_credit *credit;
	struct sz_rsvc *rsvc;
	struct limit limit;

	if (!(set->step_ns | set->byte_step))
		return 0;
	limit = limit_of(set, SZ_SLOW_ONE, len);
	credit = bpf_map_lookup_elem(&sz_credit, &service);
	rsvc = bpf_map_lookup_elem(&sz_rsvc, &service);
	if (!credit || !rsvc)
		return 0;
	packets = (struct service_spend){
		.word = &rsvc->word[class].packets,
		.credit = &credit->packets[class],
		.amount = 1,
		.lump = SZ_CREDIT,
		.amount_ns = limit.packet.ns,
		.lump_ns = (__u64)limit.packet.ns * SZ_CREDIT,
		.burst_ns = limit.packet.burst_ns,
	};
	bytes = (struct service_spend){
		.word = &rsvc->word[class].bytes,
		.credit = &credit->bytes[class],
		.amount = len,
		.lump = len + SZ_CREDIT_BYTES,
		.amount_ns = limit.bytes.ns,
		.lump_ns = (__u64)(len + SZ_CREDIT_BYTES) * set->byte_step >> SZ_RATE_BYTE_SHIFT,
		.burst_ns = limit.bytes.burst_ns,
	};
	return (limit.packet.ns && service_spend(&packets, now_ns)) ||
	       (limit.bytes.ns && service_spend(&bytes, now_ns));
}

/* ---- cookies ---- */

#define SERVICE_RENEW_NS 1000000000ULL

/*
 * A SYN for a service whose cookies are AUTO: is it time for them? On above the limit; off when
 * the hold is over in which not even half of the limit was passed.
 */
static inlined int service_pressed(__u32 service, const struct sz_service *config, __u32 len,
				   __u64 now_ns)
{
	struct sz_limit limit = {
		.step_ns = config->limit[SZ_RATE_SYN].step_ns ?: SZ_COOKIE_STEP_NS,
		.burst_ns = config->limit[SZ_RATE_SYN].burst_ns ?: SZ_COOKIE_BURST_NS,
	};
	struct sz_rsvc *rsvc = bpf_map_lookup_elem(&sz_rsvc, &service);
	__u64 until_ns;

	if (!rsvc)
		return 0;
	until_ns = *(volatile __u64 *)&rsvc->cookies_until_ns;
	if (until_ns > now_ns)
		limit.step_ns = limit.step_ns > SZ_RATE_NS_MAX / 2 ? SZ_RATE_NS_MAX
								   : limit.step_ns * 2;
	if (!service_over(service, &limit, SZ_RATE_SYN, len, now_ns))
		return until_ns > now_ns;
	if (until_ns <= now_ns)
		rsvc->cookies_since_ns = now_ns;
	/* Not with every packet: the line is shared. */
	if (until_ns < now_ns + SZ_COOKIE_HOLD_NS - SERVICE_RENEW_NS)
		*(volatile __u64 *)&rsvc->cookies_until_ns = now_ns + SZ_COOKIE_HOLD_NS;
	return 1;
}

/*
 * What the load asks for, SZ_PACE_*; < 0: nothing, or nobody is there to say it again. The settings
 * are looked up again though gate_rate() has them: handed over in struct verdict they save 41 of
 * 8,825 instructions (clang 14), and the verifier of Linux 6.1 refuses the gate.
 */
static inlined __s64 service_pace(__u64 now_ns)
{
	__u32 first = 0;
	const struct sz_settings *settings = bpf_map_lookup_elem(&sz_settings, &first);

	return settings && settings->pace_until_ns > now_ns ? (__s64)settings->pace_flags : -1;
}

/* Does the load ask for cookies, though this service is not pressed itself? */
static inlined int service_paced(__u64 now_ns)
{
	__s64 pace = service_pace(now_ns);

	return pace >= 0 && pace & SZ_PACE_COOKIES;
}

/* A limit of the guard's over everything that is no service, and the guard is gone. */
static inlined int service_lapsed(const struct sz_service *config, __u32 class, __u64 now_ns)
{
	return config->totals_guard >> class & 1 && service_pace(now_ns) < 0;
}

/* Did cookies go out lately, so that ACKs may bring some back? */
static inlined int service_expects(__u32 service, __u64 now_ns)
{
	const struct sz_rsvc *rsvc = bpf_map_lookup_elem(&sz_rsvc, &service);
	__u64 sent_ns = rsvc ? *(const volatile __u64 *)&rsvc->cookie_sent_ns : 0;

	/* Another CPU may be a tick ahead of us. */
	return sent_ns && now_ns < sent_ns + SZ_COOKIE_WATCH_NS;
}

static inlined void service_sent_cookie(__u32 service, __u64 now_ns)
{
	struct sz_rsvc *rsvc = bpf_map_lookup_elem(&sz_rsvc, &service);

	if (rsvc && now_ns >= *(volatile __u64 *)&rsvc->cookie_sent_ns + SERVICE_RENEW_NS)
		*(volatile __u64 *)&rsvc->cookie_sent_ns = now_ns;
}

#endif
