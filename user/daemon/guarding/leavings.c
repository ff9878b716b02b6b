/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * NONE -> HOSTS4 -> HOSTS6 -> NETS4 -> NETS6 -> LIMITS -> NONE, a slice at each turn of the timer.
 * A slice collects what is the guard's, then takes it back: the maps do not change under the walk.
 * Only the guard's bit goes, and only limits that are its own. Where bans are made known instead,
 * limits are let be.
 */
#include <user/daemon/guarding/leavings.h>

#include <string.h>

#include <user/base/log.h>
#include <user/daemon/guarding/guarding.h>
#include <user/daemon/keeper.h>
#include <user/daemon/memory/remember.h>
#include <user/gate/act.h>
#include <user/gate/nets.h>

#define BIT (1ULL << SZ_LIST_GUARD)
#define PAUSE_MS 5U
#define RETRY_MS 1000U

static void put(struct leavings *l, const struct prefix *prefix)
{
	if (l->len < LEAVINGS_MAX)
		l->found[l->len++] = *prefix;
	else
		l->missed = true;
}

/* ---- looking ---- */

static enum host_fate see_host(void *context, const struct prefix *host, struct sz_rule *rule)
{
	if (host_say(rule).lists & BIT)
		put(context, host);
	return HOST_KEEP;
}

static int look_hosts(struct leavings *l, uint8_t family, bool *ret_done)
{
	int r = 0;

	if (!l->scan)
		r = host_scan_new(l->keeper->gate, family, &l->scan);
	if (!r)
		r = host_scan_step(l->scan, LEAVINGS_MAX / 2, see_host, l, ret_done);
	if (!r && *ret_done) {
		host_scan_free(l->scan);
		l->scan = NULL;
	}
	return r;
}

/* What is taken back is gone at the next turn; what is made known stays, and is walked past. */
static int look_nets(struct leavings *l, uint8_t family, bool *ret_done)
{
	struct net_table *t;
	int r = nets_table(l->keeper->gate, SZ_TABLE_DENY, family, &t);
	size_t i = l->adopting ? l->net : 0;

	if (r)
		return r;
	for (; i < t->count && l->len < LEAVINGS_MAX; i++)
		if (t->at[i].own.lists & BIT)
			put(l, &t->at[i].prefix);
	l->net = i;
	*ret_done = l->len < LEAVINGS_MAX;
	return 0;
}

static int see_limit(void *context, const struct prefix *prefix, const struct sz_reput *reput)
{
	if (reput->origin == SZ_ORIGIN_GUARD)
		put(context, prefix);
	return 0;
}

static int look(struct leavings *l, bool *ret_done)
{
	switch (l->stage) {
	case LEAVINGS_HOSTS4:
	case LEAVINGS_HOSTS6:
		return look_hosts(l, l->stage == LEAVINGS_HOSTS4 ? 4 : 6, ret_done);
	case LEAVINGS_NETS4:
	case LEAVINGS_NETS6:
		return look_nets(l, l->stage == LEAVINGS_NETS4 ? 4 : 6, ret_done);
	case LEAVINGS_LIMITS:
		return reput_walk(l->keeper->gate, &l->cursor, LEAVINGS_MAX / 2, see_limit, l,
				  ret_done);
	case LEAVINGS_NONE:
		break;
	}
	*ret_done = true;
	return 0;
}

/* ---- taking back ---- */

static int take_back(struct leavings *l, const struct prefix *prefix)
{
	struct act_answer answer;
	int r;

	if (l->stage == LEAVINGS_LIMITS) {
		r = reput_drop(l->keeper->gate, prefix, SZ_ORIGIN_GUARD);
		l->limits += !r;
		return r == REPUT_ABSENT || r == REPUT_FOREIGN ? 0 : r;
	}
	r = act_remove(l->keeper->gate, SZ_TABLE_DENY, prefix, SZ_LIST_GUARD, &answer);
	l->bans += !r;
	return r == ACT_NOT_FOUND ? 0 : r;
}

static int slice(struct leavings *l, bool *ret_done)
{
	int r;

	l->len = 0;
	r = look(l, ret_done);
	for (size_t i = 0; !r && i < l->len; i++) {
		if (l->adopting)
			l->bans += remember_adopt(l->keeper, &l->found[i]);
		else
			r = take_back(l, &l->found[i]);
	}
	/* The walk of limits begins anew behind one that is gone, and may end too early. */
	if (!r && l->stage == LEAVINGS_LIMITS)
		l->missed |= l->len > 0;
	return r;
}

static void restart_stage(struct leavings *l)
{
	host_scan_free(l->scan);
	l->scan = NULL;
	l->cursor = (struct reput_cursor){0};
	l->net = 0;
	l->missed = false;
}

static enum leavings_stage next_stage(const struct leavings *l)
{
	enum leavings_stage last = l->adopting ? LEAVINGS_NETS6 : LEAVINGS_LIMITS;

	return l->stage == last ? LEAVINGS_NONE : (enum leavings_stage)(l->stage + 1);
}

static void report(const struct leavings *l)
{
	if (l->adopting && l->bans)
		log_info("guard: %llu bans of before, which the store did not have, are known "
			 "again",
			 (unsigned long long)l->bans);
	else if (l->bans || l->limits)
		log_info("guard: %llu bans and %llu limits of before are taken back",
			 (unsigned long long)l->bans, (unsigned long long)l->limits);
}

/* What is not lifted yet in the gate is no ban that the guard does not know. */
static bool is_too_early(const struct leavings *l)
{
	return l->adopting && (!remember_knows(l->keeper) || l->keeper->guarding->deeds_len);
}

static void on_time(struct timer *timer)
{
	struct leavings *l = timer->context;
	uint64_t pause_ms = PAUSE_MS;
	bool done = false;
	int r = 0;

	if (is_too_early(l)) {
		(void)!timer_start(timer, RETRY_MS, 0);
		return;
	}
	r = slice(l, &done);
	if (r) {
		if (!l->said)
			log_error("guard: what it did before is not looked for: %s; it is tried "
				  "again",
				  gate_error());
		l->said = true;
		restart_stage(l);
		pause_ms = RETRY_MS;
	} else if (done) {
		if (!l->missed)
			l->stage = next_stage(l);
		restart_stage(l);
	}
	if (l->stage != LEAVINGS_NONE) {
		(void)!timer_start(timer, pause_ms, 0);
		return;
	}
	l->said = false;
	report(l);
}

/* ---- life ---- */

int leavings_open(struct leavings *l, struct keeper *keeper)
{
	l->keeper = keeper;
	return timer_open(keeper->loop, &l->timer, on_time, l);
}

void leavings_close(struct leavings *l)
{
	leavings_stop(l);
	timer_close(&l->timer);
}

static void begin(struct leavings *l, bool adopting)
{
	restart_stage(l);
	l->stage = LEAVINGS_HOSTS4;
	l->adopting = adopting;
	l->bans = l->limits = 0;
	if (timer_start(&l->timer, PAUSE_MS, 0))
		log_error("guard: there is no timer: what it did before stays until its time");
}

void leavings_begin(struct leavings *l)
{
	begin(l, false);
}

void leavings_adopt(struct leavings *l)
{
	begin(l, true);
}

void leavings_stop(struct leavings *l)
{
	if (l->stage != LEAVINGS_NONE)
		(void)!timer_stop(&l->timer);
	l->stage = LEAVINGS_NONE;
	restart_stage(l);
}
