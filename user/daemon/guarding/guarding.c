/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Life of the guard and its food. It is there while its mode is not off: made by
 * guarding_prepare(), in use from guarding_take() on.
 *
 *	off -> others: an empty guard
 *	others -> off: everything taken back, and the guard is gone
 *	enforce -> learn: guard_withdraw(); what is held against whom stays
 *	learn  -> enforce: guard_begin()
 *	start in off or learn: what an enforcing one left in gate and store is taken back
 *	start in enforce: what an enforcing one left in the gate alone is known again
 */
#include <user/daemon/guarding/guarding.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/acts/rebuild.h>
#include <user/daemon/feeding/feeding.h>
#include <user/daemon/keeper.h>
#include <user/daemon/memory/remember.h>
#include <user/gate/act.h>
#include <user/gate/stats.h>
#include <user/net/conn.h>
#include <user/service/service.h>
#include <user/session/hs_condition.h>

#define TICK_MS 250U
#define SPARED_S 2U

static uint64_t now_ms(void)
{
	return clock_boot_ns() / 1000000;
}

/* ---- whom to spare ---- */

struct gathering {
	struct guarding *g;
	size_t len;
	uint32_t now_s;
};

static int gather(void *context, const struct entry *entry)
{
	struct gathering *all = context;

	if (!entry_live(entry, 0, all->now_s))
		return 0;
	all->g->spared[all->len++] = (struct guard_spared){
		entry->prefix,
		entry->table == SZ_TABLE_NEVER ? GUARD_SPARED_NEVER : GUARD_SPARED_ALLOW};
	return all->len > GUARD_SPARED_MAX;
}

/* Who brings the clients of many: a ban of one of them would be a ban of all that come by it. */
static size_t gather_proxies(const struct config *config, struct guard_spared *spared)
{
	size_t most = (size_t)config_number(config, CFG_SERVER_PROXIES), len = 0;
	const char *at = config_text(config, CFG_SERVER_PROXIES);
	char item[CONFIG_ITEM_LEN];

	while (len < most && config_item(&at, item)) {
		struct prefix prefix;

		if (!prefix_parse(item, strlen(item), &prefix))
			spared[len++] = (struct guard_spared){prefix, GUARD_SPARED_PROXY};
	}
	return len;
}

/* With too many the old ones hold, and the gate refuses what it has to by itself. */
static void refresh_spared(struct guarding *g)
{
	struct gathering all = {.g = g, .now_s = clock_boot_s()};
	int r;

	all.len = gather_proxies(g->keeper->options->config, g->spared);
	r = act_walk(g->keeper->gate, SZ_TABLE_NEVER, gather, &all);
	g->spared_s = all.now_s;
	g->spare_now = false;
	if (!r)
		r = act_walk(g->keeper->gate, SZ_TABLE_ALLOW, gather, &all);
	if (!r)
		r = guard_spare(g->guard, g->spared, all.len, now_ms());
	if (r && !g->spare_failing)
		log_warning("guard: whom to spare is not known anew: %s",
			    r < 0 ? gate_error() : "the never and allow lists are too long");
	g->spare_failing = r != 0;
}

/* ---- by the clock ---- */

/* False: they could not be read. */
static bool feed_counts(struct guarding *g, struct gate_stats *stats)
{
	struct sz_count sums[SZ_REASON_COUNT] = {0};
	int r = gate_stats_read(g->keeper->gate, stats);

	if (r && !g->counts_failing)
		log_warning("guard: the gate's counters are not read: %s", gate_error());
	g->counts_failing = r != 0;
	if (r)
		return false;
	for (size_t i = 0; i < SZ_REASON_COUNT; i++) {
		sums[i].packets = stats->reason[i].packets;
		sums[i].observed_packets = stats->reason[i].observed_packets;
	}
	guard_counts(g->guard, sums, now_ms());
	return true;
}

static void feed_load(struct guarding *g, const struct gate_stats *stats)
{
	uint64_t now = now_ms(), passed = MAX(now - MIN(g->loaded_ms, now), 1U);
	struct guard_load load;

	loading_take(&g->loading, stats, secured_figures(g->keeper), now, &load);
	load.proven_s = (uint32_t)(g->proven * 1000ULL / passed);
	load.failed_s = (uint32_t)(g->failed * 1000ULL / passed);
	g->loaded_ms = now;
	g->proven = g->failed = 0;
	guard_load(g->guard, &load, now);
}

static void on_tick(struct timer *timer)
{
	struct keeper *keeper = timer->context;
	struct guarding *g = keeper->guarding;
	struct gate_stats stats;

	if (g->spare_now || clock_boot_s() - g->spared_s >= SPARED_S)
		refresh_spared(g);
	feed_load(g, feed_counts(g, &stats) ? &stats : NULL);
	guard_tick(g->guard, now_ms());
	pacing_keep(g);
	protecting_keep(g);
	guarding_retry(g);
	guarding_say_unsaid(g);
	remember_tick(keeper);
}

/* ---- what goes in ---- */

void guarding_event(struct keeper *keeper, const struct sz_event *event)
{
	struct guarding *g = keeper->guarding;

	if (!g->guard)
		return;
	g->loading.events++;
	guard_event(g->guard, event, now_ms());
	feeding_met(keeper, event->family, event->saddr);
}

void guarding_listed(struct keeper *keeper, const struct prefix *host, float weight, uint32_t for_s)
{
	struct observation seen = {
		.family = host->family,
		.input = GUARD_IN_FEED_LISTED,
		.value = for_s,
		.weight = weight,
	};

	memcpy(seen.addr, host->addr, sizeof(seen.addr));
	if (keeper->guarding && keeper->guarding->guard)
		(void)guard_observe(keeper->guarding->guard, &seen, now_ms());
}

/* GUARD_INPUT_COUNT: no fact against anyone. */
static enum guard_input input_of(struct guarding *g, const struct split_message *m)
{
	switch (m->type) {
	case SPLIT_PROVEN:
		g->proven += !m->age_ms;
		return m->age_ms ? GUARD_INPUT_COUNT : GUARD_IN_SESSION_PROVEN;
	case SPLIT_GONE:
		return m->condition == CONN_DONE || m->condition == CONN_LINGERED ||
				       m->condition == CONN_LATE_IDLE ||
				       m->condition == CONN_NO_BUFFER ||
				       m->condition == CONN_STOPPED
			       ? GUARD_IN_SESSION_ENDED
			       : GUARD_IN_SESSION_LOST;
	case SPLIT_BAD_RECORD:
		return GUARD_IN_RECORD_BAD;
	case SPLIT_OPENED:
		return GUARD_IN_CONN_OPENED;
	case SPLIT_REFUSED:
		return m->condition ? GUARD_IN_CONN_WASTED : GUARD_IN_CONN_REFUSED;
	case SPLIT_BAD_QUERY:
		return m->condition == PEER_INJECTION ? GUARD_IN_SQL_INJECTION
						      : GUARD_IN_QUERY_FLOOD;
	case SPLIT_BAD_HANDSHAKE:
		/* Its ticket was good once: all come with such ones after a change of keys. */
		if (m->condition == HS_TICKET_KEY || m->condition == HS_TICKET_EXPIRED)
			return GUARD_INPUT_COUNT;
		g->failed++;
		switch (m->condition) {
		case HS_NONE:
			return GUARD_IN_CONN_WASTED;
		case HS_CLIENT:
			return GUARD_IN_AUTH_BAD;
		default:
			return GUARD_IN_HELLO_BAD;
		}
	default:
		return GUARD_INPUT_COUNT;
	}
}

void guarding_sign(struct keeper *keeper, const struct split_message *m)
{
	struct guarding *g = keeper->guarding;
	struct observation seen = {.family = m->family, .port = m->dport, .value = m->age_ms};
	enum guard_input input;

	if (!g->guard)
		return;
	input = input_of(g, m);
	if (input == GUARD_INPUT_COUNT)
		return;
	seen.input = (uint8_t)input;
	memcpy(seen.addr, m->addr, sizeof(seen.addr));
	remember_seen(keeper, m->family, m->addr);
	(void)guard_observe(g->guard, &seen, now_ms()); /* split_receive() checked the family */
	feeding_met(keeper, m->family, m->addr);
}

/* ---- life ---- */

static int make(struct guarding *g, const struct config *config)
{
	struct guard_config guard = config_guard(config);

	if (getrandom(guard.seed, sizeof(guard.seed), 0) != sizeof(guard.seed))
		return -EIO;
	return guard_new(&guard, &guarding_ops, g, now_ms(), &g->next);
}

int guarding_prepare(struct keeper *keeper, const struct config *config)
{
	struct guarding *g = keeper->guarding;

	if (!g)
		return 0;
	/* Made for a configuration that was refused after all. */
	guard_free(g->next);
	g->next = NULL;
	return config_guard_mode(config) == GUARDING_OFF || g->guard ? 0 : make(g, config);
}

static void begin(struct guarding *g)
{
	g->guard = g->next;
	g->next = NULL;
	g->loaded_ms = now_ms();
	g->proven = g->failed = 0;
	refresh_spared(g);
	remember_begin(g->keeper);
	if (timer_start(&g->tick, TICK_MS, TICK_MS))
		log_error("guard: there is no timer: bans are not lifted before their time");
}

/* Nothing is done from now on: gate and store keep no ban of the guard's. */
static void take_all_back(struct guarding *g)
{
	pacing_end(g);
	g->deeds_len = 0;
	g->failing = false;
	leavings_begin(&g->leavings);
	remember_withdrawn(g->keeper);
}

static void end(struct guarding *g)
{
	(void)!timer_stop(&g->tick);
	if (g->mode == GUARDING_ENFORCE)
		guard_withdraw(g->guard, now_ms());
	remember_end(g->keeper, false);
	if (g->mode == GUARDING_ENFORCE)
		take_all_back(g);
	guard_free(g->guard);
	g->guard = NULL;
}

static void change(struct guarding *g, const struct config *config, enum guarding_mode mode)
{
	struct guard_config guard = config_guard(config);

	if (guard_configure(g->guard, &guard))
		log_error("guard: its configuration is not taken");
	if (mode == g->mode)
		return;
	if (mode == GUARDING_ENFORCE) {
		leavings_stop(&g->leavings);
		guard_begin(g->guard, now_ms());
		return;
	}
	guard_withdraw(g->guard, now_ms());
	take_all_back(g);
}

void guarding_take(struct keeper *keeper)
{
	struct guarding *g = keeper->guarding;
	const struct config *config = keeper->options->config;
	enum guarding_mode mode = config_guard_mode(config);

	if (!g)
		return;
	if (mode == GUARDING_OFF && g->guard)
		end(g);
	else if (mode != GUARDING_OFF && g->guard)
		change(g, config, mode);
	else if (mode != GUARDING_OFF)
		begin(g);
	if (mode == GUARDING_ENFORCE)
		leavings_stop(&g->leavings);
	g->mode = mode;
	/* Also at the start: a strazhd that was killed may have left it. */
	if (mode != GUARDING_ENFORCE)
		protecting_end(g);
}

/* A guard that enforced may have been here before this start. */
static void begin_mode(struct guarding *g)
{
	guarding_take(g->keeper);
	if (g->mode != GUARDING_ENFORCE)
		leavings_begin(&g->leavings);
	if (!g->guard)
		remember_check(g->keeper);
}

int guarding_open(struct keeper *keeper)
{
	struct guarding *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	g->keeper = keeper;
	keeper->guarding = g;
	loading_open(&g->loading);
	r = timer_open(keeper->loop, &g->tick, on_tick, keeper);
	if (!r)
		r = leavings_open(&g->leavings, keeper);
	if (!r)
		r = guarding_prepare(keeper, keeper->options->config);
	if (r) {
		log_error("the guard cannot start: %s", strerror(-r));
		return r;
	}
	begin_mode(g);
	/* The first pass was made before there was a guard. */
	if (rebuild_normal(keeper))
		protecting_know(keeper, rebuild_normal(keeper));
	if (g->guard)
		remember_wait(keeper);
	if (g->guard && g->mode == GUARDING_ENFORCE)
		leavings_adopt(&g->leavings);
	if (g->guard)
		log_info("guard: %s", config_text(keeper->options->config, CFG_GUARD_MODE));
	return 0;
}

void guarding_close(struct keeper *keeper)
{
	struct guarding *g = keeper->guarding;

	if (!g)
		return;
	timer_close(&g->tick);
	leavings_close(&g->leavings);
	remember_end(keeper, true);
	pacing_end(g);
	loading_close(&g->loading);
	guard_free(g->guard);
	guard_free(g->next);
	free(g);
	keeper->guarding = NULL;
}

/* ---- for commands ---- */

const struct host_guard *guarding_show(void *context)
{
	struct keeper *keeper = context;
	struct guarding *g = keeper->guarding;
	struct guard_figures figures = {0};

	if (g->guard)
		figures = guard_figures(g->guard);
	g->shown = (struct host_guard){
		.mode = config_text(keeper->options->config, CFG_GUARD_MODE),
		.state = attack_scales[figures.state].name,
		.known = (uint64_t)figures.strangers + figures.proven,
		.limited = figures.limited,
		.banned = figures.banned,
		.prefixes_banned = figures.prefixes_banned,
		.undone = g->deeds_len,
		.lost = g->deeds_lost + g->limits_lost,
		.unheard = keeper->secured.figures.bad_unsaid + keeper->secured.unheard,
	};
	pacing_show(g, &figures, &g->shown);
	return &g->shown;
}

int guarding_why(void *context, const struct prefix *host, char *text, size_t size)
{
	struct keeper *keeper = context;
	struct guarding *g = keeper->guarding;

	return g->guard ? guard_why(g->guard, host, now_ms(), text, size) : 0;
}

enum host_reported guarding_report(void *context, const struct prefix *host, unsigned weight,
				   uint64_t for_s)
{
	static const enum host_reported says[] = {
		[GUARD_FREE] = HOST_REPORTED_HELD,
		[GUARD_LIMITED] = HOST_REPORTED_LIMITED,
		[GUARD_BANNED] = HOST_REPORTED_BANNED,
	};
	struct keeper *keeper = context;
	struct guarding *g = keeper->guarding;
	struct observation seen = {
		.family = host->family,
		.input = GUARD_IN_REPORTED,
		.value = (uint32_t)MIN(for_s, SCORE_HOLD_MOST_S),
		.weight = (float)weight / 100,
	};
	int level;

	if (!g->guard)
		return HOST_REPORTED_OFF;
	memcpy(seen.addr, host->addr, sizeof(seen.addr));
	remember_seen(keeper, host->family, host->addr);
	level = guard_observe(g->guard, &seen, now_ms());
	return level < 0 ? HOST_REPORTED_HELD : says[level];
}

/* Of its own lengths only: what an operator said of others is no word about the guard's. */
static bool is_guards(const struct prefix *prefix)
{
	return prefix->len == prefix_one_len(prefix->family) ||
	       prefix->len == prefix_net_len(prefix->family);
}

void guarding_forgive(void *context, const struct prefix *prefix)
{
	struct keeper *keeper = context;
	struct guarding *g = keeper->guarding;

	if (!prefix && g->guard)
		guard_forgive_all(g->guard, now_ms());
	if (!prefix)
		remember_forgiven_all(keeper);
	else if (is_guards(prefix))
		remember_forgiven(keeper, prefix,
				  g->guard && guard_forgive(g->guard, prefix, now_ms()));
}
