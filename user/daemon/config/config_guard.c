/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Not each figure is a key; the others follow those, so that they stay in order. */
#include <user/daemon/config/config_guard.h>

#include <user/daemon/testmode.h>

#define SHARE_OF(hundredths) ((float)(hundredths) / 100)
#define STRANGERS_OF 4 /* of so many sources one is a stranger */

enum guarding_mode config_guard_mode(const struct config *config)
{
	return (enum guarding_mode)config_number(config, CFG_GUARD_MODE);
}

static float share(const struct config *config, enum config_key key)
{
	return SHARE_OF(config_number(config, key));
}

static void put_bars(const struct config *config, struct guard_config *guard)
{
	guard->limit = share(config, CFG_GUARD_LIMIT);
	guard->ban = share(config, CFG_GUARD_BAN);
	guard->free = MIN(guard->free, guard->limit);
	guard->trusted_ban = MAX(guard->trusted_ban, guard->ban);
	guard->trusted_limit = MAX(guard->trusted_limit, guard->limit);
	guard->block = MAX(guard->block, guard->limit);
	guard->ban_s = (uint32_t)config_number(config, CFG_GUARD_BAN_TIME);
	guard->ban_max_s = (uint32_t)config_number(config, CFG_GUARD_BAN_TIME_MOST);
}

/* A kind that weighs more than it may be worth in the end is worth what it weighs. */
static void put_weights(const struct config *config, struct guard_config *guard)
{
#define CONFIG_PUT_SEEN_(code, key, name, kind_weight, kind_cap, class, text)                      \
	guard->weight[GUARD_KIND_##code] = share(config, CFG_GUARD_WEIGHT_##code);                 \
	guard->cap[GUARD_KIND_##code] = MAX(guard->cap[GUARD_KIND_##code],                         \
					    guard->weight[GUARD_KIND_##code]);
	GUARD_KINDS_BY(CONFIG_PUT_SEEN_, CONFIG_GUARD_SAID_)
#undef CONFIG_PUT_SEEN_
}

/* What fires once more is as large a part of what is fine at once as it usually is. */
static void put_burst(struct detect_meter *meter, uint64_t burst)
{
	float ratio = meter->step / meter->burst;

	meter->burst = (float)burst;
	meter->step = MAX(meter->burst * ratio, 1.0F);
}

static void put_detectors(const struct config *config, struct detect_config *detect)
{
	struct detect_meter *conn = &detect->meters[METER_CONN];
	struct detect_meter *hello = &detect->meters[METER_HELLO];

	put_burst(conn, config_number(config, CFG_GUARD_CONNECTIONS));
	conn->per_s = (float)config_number(config, CFG_GUARD_CONNECTIONS_PER_S);
	put_burst(hello, config_number(config, CFG_GUARD_HANDSHAKES));
	hello->per_s = 1 / (float)config_number(config, CFG_GUARD_HANDSHAKES_EVERY);
	detect->ports = (uint32_t)config_number(config, CFG_GUARD_SCAN_PORTS);
	detect->high_pps = (float)config_number(config, CFG_GUARD_HIGH_RATE);
	detect->burst_pps = (float)config_number(config, CFG_GUARD_BURST_RATE);
	detect->small_pps = (float)config_number(config, CFG_GUARD_SMALL_RATE);
}

static void put_attack(const struct config *config, struct attack_config *attack)
{
	attack->high = share(config, CFG_GUARD_HIGH);
	attack->critical = share(config, CFG_GUARD_CRITICAL);
	attack->hostile = share(config, CFG_GUARD_HOSTILE);
	/* 0: what was measured is not told to the guard, see loading.h. */
	if (config_number(config, CFG_GUARD_PSI))
		attack->psi_full = (float)config_number(config, CFG_GUARD_PSI);
}

struct guard_config config_guard(const struct config *config)
{
	struct guard_config guard = guard_config_usual();
	uint32_t sources = (uint32_t)config_number(config, CFG_GUARD_SOURCES);

	guard.learning = config_guard_mode(config) != GUARDING_ENFORCE;
	guard.strangers = sources / STRANGERS_OF;
	guard.proven = sources - guard.strangers;
	guard.half_s = (float)config_number(config, CFG_GUARD_HALF_LIFE);
	guard.prefix_bad = (uint32_t)config_number(config, CFG_GUARD_PREFIX_BAD);
	guard.prefix_share = share(config, CFG_GUARD_PREFIX_SHARE);
	guard.trust.days = (uint32_t)config_number(config, CFG_GUARD_TRUST_DAYS);
	guard.trust.sessions = (uint32_t)config_number(config, CFG_GUARD_TRUST_SESSIONS);
	put_bars(config, &guard);
	put_weights(config, &guard);
	put_detectors(config, &guard.detect);
	put_attack(config, &guard.attack);
	testmode_relax_guard(config, &guard);
	return guard;
}

void config_guard_check(const struct config *config, struct config_faults *faults)
{
	struct guard_config guard = config_guard(config);
	size_t before = faults->total;
	const char *why;

	if (config_number(config, CFG_GUARD_LIMIT) > config_number(config, CFG_GUARD_BAN))
		config_fault_add(faults, "configuration", "guard.limit", "above guard.ban, %s",
				 config_text(config, CFG_GUARD_BAN));
	if (guard.ban_s > guard.ban_max_s)
		config_fault_add(faults, "configuration", "guard.ban_time",
				 "more than guard.ban_time_most, %s",
				 config_text(config, CFG_GUARD_BAN_TIME_MOST));
	if (config_number(config, CFG_GUARD_HIGH) >= config_number(config, CFG_GUARD_CRITICAL))
		config_fault_add(faults, "configuration", "guard.high",
				 "not below guard.critical, %s",
				 config_text(config, CFG_GUARD_CRITICAL));
	if (faults->total == before && guard_config_check(&guard, &why))
		config_fault_add(faults, "configuration", "guard", "%s", why);
}
