/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the guard decided, in the gate. A ban is the guard's bit of a deny entry, and nothing but
 * that bit is ever taken back; limits that an operator set are left alone. What the gate refuses
 * (never, allow) is not done, and the guard hears at the next tick whom to spare.
 *
 * A change of the deny table that fails is kept and tried again at each tick, the latest for its
 * prefix only. Limits are not kept: the guard renews them every few seconds by itself.
 */
#include <user/daemon/guarding/guarding.h>

#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/keeper.h>
#include <user/daemon/memory/remember.h>
#include <user/gate/act.h>
#include <user/gate/reput.h>

/* Lines in a second: how many are banned is what strangers choose. */
#define SAY_MOST 20U
#define RECORD_LEN 600

static uint32_t seconds(uint64_t ms)
{
	return (uint32_t)((ms + 999) / 1000);
}

/* ---- bans ---- */

static int carry_out(struct guarding *g, const struct deed *deed)
{
	struct gate *gate = g->keeper->gate;
	struct act act = {
		.table = SZ_TABLE_DENY,
		.prefix = deed->prefix,
		.bit = SZ_LIST_GUARD,
		.origin = SZ_ORIGIN_GUARD,
		.until_s = deed->until_s,
	};
	struct act_answer answer;
	int r;

	if (!deed->until_s) {
		r = act_remove(gate, SZ_TABLE_DENY, &deed->prefix, SZ_LIST_GUARD, &answer);
		return r == ACT_NOT_FOUND ? 0 : r;
	}
	r = act_add(gate, &act, &answer);
	if (r != ACT_REFUSED_NEVER && r != ACT_REFUSED_ALLOW)
		return r;
	g->spare_now = true;
	return 0;
}

static void forget(struct guarding *g, const struct prefix *prefix)
{
	for (size_t i = 0; i < g->deeds_len; i++) {
		if (prefix_compare(&g->deeds[i].prefix, prefix) != 0)
			continue;
		g->deeds[i] = g->deeds[--g->deeds_len];
		return;
	}
}

static void keep(struct guarding *g, const struct deed *deed, int r)
{
	char text[PREFIX_TEXT_LEN];

	if (!g->failing)
		log_error("guard: %s cannot be %s: %s; it is tried again",
			  prefix_format(&deed->prefix, text), deed->until_s ? "banned" : "unbanned",
			  r == ACT_FULL ? "the table of denied hosts or prefixes is full"
					: gate_error());
	g->failing = true;
	if (g->deeds_len < DEEDS_MAX)
		g->deeds[g->deeds_len++] = *deed;
	else
		g->deeds_lost++;
}

static void act_on(struct guarding *g, const struct prefix *prefix, uint32_t until_s)
{
	const struct deed deed = {*prefix, until_s};
	int r;

	forget(g, prefix);
	r = carry_out(g, &deed);
	if (r)
		keep(g, &deed, r);
}

void guarding_retry(struct guarding *g)
{
	uint32_t now_s = clock_boot_s();
	size_t kept = 0;

	for (size_t i = 0; i < g->deeds_len; i++) {
		const struct deed deed = g->deeds[i];
		bool over = deed.until_s && deed.until_s <= now_s;

		if (!over && carry_out(g, &deed))
			g->deeds[kept++] = deed;
	}
	g->deeds_len = kept;
	if (!g->failing || kept)
		return;
	g->failing = false;
	log_info("guard: the gate takes bans again");
}

static void on_ban(void *owner, const struct guard_ban *ban)
{
	act_on(owner, &ban->prefix, seconds(ban->until_ms));
}

/* ---- limits ---- */

static void limit_failed(struct guarding *g)
{
	g->limits_lost++;
	if (!g->limits_failing)
		log_error("guard: a limit is not in the gate: %s", gate_error());
	g->limits_failing = true;
}

static uint16_t thousandths(float part)
{
	return (uint16_t)(part * 1000 + 0.5F);
}

static void on_limit(void *owner, const struct guard_limit *limit)
{
	struct guarding *g = owner;
	struct gate *gate = g->keeper->gate;
	const struct sz_reput reput = {
		.score = thousandths(limit->score),
		.pressure = thousandths(limit->pressure),
		.tier = (uint8_t)limit->tier,
		.origin = SZ_ORIGIN_GUARD,
		.slow = limit->slow,
		.reasons = limit->reasons,
		.until_s = seconds(limit->until_ms),
		.first_s = (uint32_t)(limit->first_ms / 1000),
		.last_s = clock_boot_s(),
	};
	int r;

	r = reput_put(gate, &limit->prefix, &reput);
	if (r && r != REPUT_FOREIGN)
		limit_failed(g);
	else
		g->limits_failing = false;
}

static void on_unlimit(void *owner, const struct prefix *prefix)
{
	struct guarding *g = owner;
	int r = reput_drop(g->keeper->gate, prefix, SZ_ORIGIN_GUARD);

	if (r && r != REPUT_ABSENT && r != REPUT_FOREIGN) /* it is over by itself in some seconds */
		limit_failed(g);
}

/* With the limit of before the ban; the guard sets another where it wants one. */
static void on_lift(void *owner, const struct prefix *prefix)
{
	act_on(owner, prefix, 0);
	on_unlimit(owner, prefix);
}

/* ---- what is said ---- */

static enum log_level level_of(const struct guard_record *record)
{
	switch (record->act) {
	case GUARD_ACT_LIMIT:
	case GUARD_ACT_BLOCK:
	case GUARD_ACT_UNLIMIT:
		return LOG_LVL_DEBUG;
	case GUARD_ACT_CROWD:
	case GUARD_ACT_SPARED:
	case GUARD_ACT_STATE:
		return LOG_LVL_WARNING;
	default:
		return LOG_LVL_INFO;
	}
}

void guarding_say_unsaid(struct guarding *g)
{
	uint32_t now_s = clock_boot_s();

	if (g->said_s == now_s)
		return;
	g->said_s = now_s;
	g->said = 0;
	if (g->unsaid)
		log_warning("guard: and %llu decisions more", (unsigned long long)g->unsaid);
	g->unsaid = 0;
}

static void on_record(void *owner, const struct guard_record *record)
{
	struct guarding *g = owner;
	char text[RECORD_LEN], prefix[PREFIX_TEXT_LEN];
	enum log_level level = level_of(record);

	remember_record(g->keeper, record);
	guarding_say_unsaid(g);
	if (level != LOG_LVL_DEBUG && ++g->said > SAY_MOST) {
		g->unsaid++;
		return;
	}
	(void)guard_record_text(record, text, sizeof(text));
	if (record->prefix.family)
		log_at(level, "guard: %s %s", prefix_format(&record->prefix, prefix), text);
	else
		log_at(level, "guard: %s", text);
}

static void on_evict(void *owner, const struct guard_kept *kept)
{
	struct guarding *g = owner;

	remember_evict(g->keeper, kept);
}

/* What the load asks for is read each tick, for it has to be said again anyhow: pacing.h. */
const struct guard_ops guarding_ops = {
	.limit = on_limit,
	.unlimit = on_unlimit,
	.ban = on_ban,
	.lift = on_lift,
	.record = on_record,
	.evict = on_evict,
};
