/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/daemon/guarding/protecting.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>

#include <strazh/abi/settings.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/guarding/guarding.h>
#include <user/daemon/keeper.h>
#include <user/daemon/memory/memory.h>
#include <user/gate/kerneltcp.h>
#include <user/gate/profile.h>
#include <user/gate/services.h>

#define LOOK_MS 1000U
#define PROCESSORS_LEAST 2U
#define STORE_MS 3600000U
#define STORE_SOON_MS 60000U

static const struct {
	enum sz_rate_class class_;
	uint32_t pps;
} totals[] = {
	{SZ_RATE_UDP, PROTECT_UDP_PPS},
	{SZ_RATE_OTHER, PROTECT_OTHER_PPS},
	{SZ_RATE_FRAG, PROTECT_FRAG_PPS},
};

static uint32_t processors(void)
{
	return (uint32_t)MAX(get_nprocs(), (int)PROCESSORS_LEAST);
}

/* Another process, a command without strazhd, may write other bits. */
static void set_flag(struct gate *gate, uint32_t flag, bool on)
{
	if (on)
		__atomic_fetch_or(&gate->settings->flags, flag, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&gate->settings->flags, ~flag, __ATOMIC_SEQ_CST);
}

/* ---- the ports of the secured server ---- */

static uint16_t port_of(int fd)
{
	struct sockaddr_storage at = {0};
	socklen_t len = sizeof(at);

	if (getsockname(fd, (struct sockaddr *)&at, &len))
		return 0;
	if (at.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)&at)->sin6_port);
	return at.ss_family == AF_INET ? ntohs(((const struct sockaddr_in *)&at)->sin_port) : 0;
}

static size_t find_ports(const struct worker_ports *from, uint16_t ports[WORKER_ADDRESSES_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < from->len && len < WORKER_ADDRESSES_MAX; i++) {
		uint16_t port = port_of(from->fds[i]);
		bool known = !port;

		for (size_t j = 0; j < len; j++)
			known |= ports[j] == port;
		if (!known)
			ports[len++] = port;
	}
	return len;
}

static void keep_ports(struct guarding *g)
{
	struct protecting *p = &g->protecting;
	struct gate *gate = g->keeper->gate;
	uint16_t ports[WORKER_ADDRESSES_MAX];
	size_t len = find_ports(&g->keeper->secured.ports, ports);
	bool failing = false;
	struct kernel_tcp tcp;

	kernel_tcp_read(NULL, &tcp);
	service_unguard(gate, ports, len);
	for (size_t i = 0; i < len; i++)
		failing |= service_guard(gate, ports[i], PROTECT_EST_PPS * processors(),
					 tcp.syncookies > 0) != 0;
	if (failing && !p->failing)
		log_warning("guard: a port of the secured server is not protected: %s",
			    gate_error());
	p->failing = failing;
}

/* ---- totals ---- */

/*
 * The gate counts by class what was over the limit, and in one sum what of that it dropped: what
 * goes to connected sockets is no flood, however much it is.
 */
static uint64_t dropped(struct protecting *p, size_t class_, uint64_t over, uint64_t most)
{
	uint64_t more = over - MIN(p->over[class_], over);

	p->over[class_] = over;
	p->dropped[class_] += MIN(more, most);
	return p->dropped[class_];
}

/* What a predecessor that was killed had learned: more than what is let in anyway. */
static void adopt_total(struct gate *gate, struct total *total, enum sz_rate_class class_,
			uint32_t least)
{
	uint32_t pps = service_pps_of(&gate->services[0].limit[class_]);

	if (!total->at_ms && service_total_is_guards(gate, 0, class_) && pps > least &&
	    pps < TOTAL_MOST)
		total_know(total, (float)pps / TOTAL_ROOM);
}

/* The gate counts what has a limit: while the guard only learns, one that nothing reaches. */
static void keep_totals(struct guarding *g, bool limits)
{
	const struct guard_figures figures = guard_figures(g->guard);
	const bool paces = config_number(g->keeper->options->config, CFG_GUARD_PACE) > 0;
	const float scale = paces ? attack_scales[figures.state].limits : 1;
	const float share = paces ? figures.pace.tiers[GUARD_TIER_ALL] : 1;
	struct protecting *p = &g->protecting;
	struct total_seen seen = {
		.state = figures.state,
		.hostile = figures.hostility >= attack_config_usual().hostile,
		.short_ = share < 1,
	};
	uint64_t guards = g->loading.guards - MIN(p->guards, g->loading.guards);
	struct gate *gate = g->keeper->gate;
	struct sz_size counted;

	if (profile_sizes(gate, 0, &counted))
		return;
	p->guards = g->loading.guards;
	for (size_t i = 0; i < ARRAY_LEN(totals); i++) {
		enum sz_rate_class class_ = totals[i].class_;
		struct total *total = &p->totals[class_];
		uint32_t least = totals[i].pps * processors();

		adopt_total(gate, total, class_, least);
		seen.passed = counted.bin[class_];
		seen.dropped = dropped(p, class_, counted.over[class_], guards);
		total_take(total, &seen, clock_boot_ns() / 1000000);
		(void)service_total(gate, class_,
				    limits ? total_limit(total, least, scale, share) : TOTAL_MOST);
	}
}

/* ---- what is normal, over restarts ---- */

/* What is within a quarter of what is stored, or within that of nothing, need not be stored again.
 */
#define PARTS 4
#define NOTHING_PPS 1000

static bool is_news(const struct protecting *p, uint64_t since_ms)
{
	bool any = !p->stored && since_ms >= STORE_SOON_MS;

	for (size_t i = 0; i < ARRAY_LEN(totals); i++) {
		float stored = p->stored_pps[totals[i].class_];
		float away = p->totals[totals[i].class_].normal_pps - stored;

		any |= MAX(away, -away) > stored / PARTS + NOTHING_PPS && since_ms >= STORE_MS;
		any |= away > stored + NOTHING_PPS && since_ms >= STORE_SOON_MS;
	}
	return any;
}

static void store_normal(struct guarding *g, uint64_t now_ms)
{
	struct protecting *p = &g->protecting;
	char value[80];
	const struct store_act act = {
		.verb = STORE_SETTING_PUT,
		.at_ms = (int64_t)clock_wall_s() * 1000,
		.actor = "strazhd",
		.cause = "packets a second that are normal here",
		.setting = {.name = PROTECT_STORED, .value = value},
	};

	if (p->totals[SZ_RATE_UDP].learned_ms < TOTAL_OPEN_MS ||
	    !is_news(p, p->stored_ms ? now_ms - p->stored_ms : UINT64_MAX))
		return;
	(void)snprintf(value, sizeof(value), "%.0f %.0f %.0f",
		       (double)p->totals[SZ_RATE_UDP].normal_pps,
		       (double)p->totals[SZ_RATE_OTHER].normal_pps,
		       (double)p->totals[SZ_RATE_FRAG].normal_pps);
	p->stored_ms = MAX(now_ms, 1U);
	/* Without a store, or while it is away, it is learned anew after a restart. */
	if (memory_act(g->keeper, &act, NULL, NULL))
		return;
	p->stored = true;
	for (size_t i = 0; i < ARRAY_LEN(totals); i++)
		p->stored_pps[totals[i].class_] = p->totals[totals[i].class_].normal_pps;
}

void protecting_know(struct keeper *keeper, const char *value)
{
	struct protecting *p = keeper->guarding ? &keeper->guarding->protecting : NULL;
	unsigned int pps[ARRAY_LEN(totals)];

	if (!p || p->known)
		return;
	p->known = true;
	if (sscanf(value, "%9u %9u %9u", &pps[0], &pps[1], &pps[2]) != 3)
		return;
	p->stored = true;
	for (size_t i = 0; i < ARRAY_LEN(totals); i++) {
		total_know(&p->totals[totals[i].class_], (float)pps[i]);
		p->stored_pps[totals[i].class_] = (float)pps[i];
	}
}

/* ---- all of it ---- */

void protecting_keep(struct guarding *g)
{
	struct protecting *p = &g->protecting;
	uint64_t now_ms = clock_boot_ns() / 1000000;

	keep_totals(g, g->mode == GUARDING_ENFORCE);
	store_normal(g, now_ms);
	if (g->mode != GUARDING_ENFORCE)
		return;
	if (p->looked_ms && now_ms - p->looked_ms < LOOK_MS)
		return;
	p->looked_ms = MAX(now_ms, 1U);
	keep_ports(g);
	set_flag(g->keeper->gate, SZ_SET_RATE_GUARD, true);
}

void protecting_end(struct guarding *g)
{
	struct gate *gate = g->keeper->gate;

	g->protecting.looked_ms = 0;
	set_flag(gate, SZ_SET_RATE_GUARD, false);
	service_total_drop(gate);
	service_unguard(gate, NULL, 0);
}
