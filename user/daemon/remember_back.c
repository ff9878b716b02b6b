/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * From the store to the guard. Sources come first, without their bans; then the bans, which are
 * what was acknowledged: a state that was written behind may be some seconds older. A ban whose
 * time ended while nobody was here is lifted. Where the gate still has it, the gate knows best how
 * long it lasts: the wall clock may have been set.
 */
#include <user/daemon/remember.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/guarding.h>
#include <user/daemon/kept_row.h>
#include <user/daemon/memory_parts.h>
#include <user/gate/act.h>

#define WAIT_MS 5000
#define ENTRIES_MAX 32U
/* Times differ by so much when a clock was set, not when somebody rounded. */
#define DIFFERS_MS 60000

static uint64_t now_ms(void)
{
	return clock_boot_ns() / 1000000;
}

static struct guard *guard_of(const struct memory *m)
{
	return m->keeper->guarding ? m->keeper->guarding->guard : NULL;
}

void remember_source(void *memory, const struct store_source *source)
{
	struct memory *m = memory;
	struct guard *guard = guard_of(m);
	struct guard_kept kept;

	if (!guard)
		return;
	if (kept_from_row(source, memory_wall_ms(), &kept)) {
		m->remembering.broken++;
		return;
	}
	kept.banned_ms = 0;
	if (guard_restore(guard, &kept, now_ms()))
		m->remembering.broken++;
}

static void lift(struct memory *m, const struct store_ban *ban, const char *cause)
{
	const struct store_act act = {
		.verb = STORE_BAN_LIFT,
		.at_ms = memory_wall_ms(),
		.actor = ban->origin,
		.cause = cause,
		.ban = *ban,
	};

	/* Where there is no room it is done at the next start. */
	if (store_submit(m->store, &act, memory_done, m))
		m->remembering.unsaid++;
}

/*
 * What the gate itself still holds of the guard's ban: its entries count on another clock, which
 * nobody sets. 0: nothing.
 */
static int64_t gate_left_ms(struct gate *gate, const struct prefix *prefix)
{
	struct entry entries[ENTRIES_MAX];
	uint64_t left_s = 0;
	size_t count = 0;

	if (act_covering(gate, prefix, entries, ENTRIES_MAX, &count))
		return 0;
	for (size_t i = 0; i < count; i++)
		if (entries[i].table == SZ_TABLE_DENY &&
		    prefix_compare(&entries[i].prefix, prefix) == 0 &&
		    entries[i].own_lists & 1ULL << SZ_LIST_GUARD)
			left_s = clock_left(entries[i].own_until_s[SZ_ORIGIN_GUARD]);
	return left_s < INT64_MAX / 1000 ? (int64_t)left_s * 1000 : INT64_MAX;
}

/* The clock was set while nobody was here: what the store says is no time of this clock. */
static bool is_told_wrong(const struct store_ban *ban, int64_t held_ms)
{
	if (!ban->until_ms || held_ms == INT64_MAX)
		return ban->until_ms || held_ms != INT64_MAX;
	return llabs(ban->until_ms - memory_wall_ms() - held_ms) >= DIFFERS_MS;
}

static bool is_source(const struct prefix *prefix)
{
	return prefix->len == (prefix->family == 4 ? 32 : 64);
}

static bool guard_bans(struct guard *guard, const struct prefix *prefix)
{
	struct guard_kept kept;

	return is_source(prefix) && guard_keep(guard, prefix, now_ms(), &kept) && kept.banned_ms;
}

static int restore(struct guard *guard, const struct prefix *prefix, int64_t left_ms,
		   unsigned offences)
{
	const struct guard_kept kept = {
		.prefix = *prefix,
		.banned_ms = (uint64_t)left_ms,
		.offences = (uint8_t)offences,
		.proven = GUARD_PROVEN,
	};

	if (is_source(prefix))
		return guard_restore(guard, &kept, now_ms());
	return guard_restore_prefix(guard, prefix, (uint64_t)left_ms, offences, now_ms());
}

void remember_ban(void *memory, const struct store_ban *ban)
{
	struct memory *m = memory;
	struct guard *guard = guard_of(m);
	int64_t left_ms;
	unsigned offences = (unsigned)MIN(MAX(ban->offences, 0), UINT8_MAX);

	if (!guard || m->keeper->guarding->mode == GUARDING_LEARN) {
		m->remembering.withdrawn = true;
		return;
	}
	left_ms = gate_left_ms(m->keeper->gate, &ban->prefix);
	if (m->remembering.comparing) {
		/* What the gate had no room for is tried again. */
		if (!left_ms && !m->keeper->guarding->deeds_len && !guard_bans(guard, &ban->prefix))
			lift(m, ban, "lifted when the store had no room for it");
		return;
	}
	if (!left_ms)
		left_ms = store_left_ms(ban->since_ms, ban->until_ms, memory_wall_ms());
	else if (is_told_wrong(ban, left_ms))
		remember_say_again(m->keeper);
	if (!left_ms) {
		lift(m, ban, "its time ended while strazhd was away");
		return;
	}
	m->remembering.broken += restore(guard, &ban->prefix, left_ms, offences) != 0;
}

/* ---- from the gate ---- */

bool remember_knows(const struct keeper *keeper)
{
	const struct memory *m = keeper->memory;

	return !m || !m->store || (!m->remembering.recalling && !m->remembering.comparing);
}

static void compare(void *context, const struct prefix *prefix, uint64_t banned_ms,
		    unsigned offences)
{
	const struct prefix **wanted = context;

	(void)banned_ms;
	(void)offences;
	if (*wanted && prefix_compare(*wanted, prefix) == 0)
		*wanted = NULL;
}

static bool guard_bans_prefix(struct guard *guard, const struct prefix *prefix)
{
	const struct prefix *wanted = prefix;

	guard_each_banned_prefix(guard, now_ms(), compare, &wanted);
	return !wanted;
}

bool remember_adopt(struct keeper *keeper, const struct prefix *prefix)
{
	struct memory *m = keeper->memory;
	struct guard *guard = keeper->guarding->guard;
	int64_t left_ms;

	if (!guard || (!is_source(prefix) && prefix->len != prefix_net_len(prefix->family)))
		return false;
	/* Nor what it has no room for, and the store has. */
	if ((is_source(prefix) ? guard_bans : guard_bans_prefix)(guard, prefix) ||
	    (m && m->remembering.partial))
		return false;
	left_ms = gate_left_ms(keeper->gate, prefix);
	if (!left_ms || left_ms == INT64_MAX || restore(guard, prefix, left_ms, 1))
		return false;
	remember_say_again(keeper);
	return true;
}

/* ---- the ends of a reading ---- */

/* What an enforcing guard left there, and none enforces now. */
static void take_back(struct memory *m)
{
	if (m->remembering.withdrawn && m->keeper->guarding->mode != GUARDING_ENFORCE)
		remember_withdrawn(m->keeper);
	m->remembering.withdrawn = false;
}

void remember_bans(void *memory, uint32_t bans)
{
	struct memory *m = memory;

	(void)bans;
	m->remembering.comparing = false;
	take_back(m);
}

void remember_all(void *memory, uint32_t sources, uint32_t bans, bool more)
{
	struct memory *m = memory;

	if (m->remembering.recalling)
		m->remembering.recalling--;
	take_back(m);
	m->remembering.partial |= more;
	log_info("guard: %u sources and %u bans are remembered", sources, bans);
	if (m->remembering.broken)
		log_warning("guard: %llu rows of the store make no sense and are left alone",
			    (unsigned long long)m->remembering.broken);
}

void remember_one(void *memory, const struct prefix *prefix)
{
	struct memory *m = memory;

	(void)prefix;
	if (m->remembering.fetching)
		m->remembering.fetching--;
}

void remember_seen(struct keeper *keeper, uint8_t family, const uint8_t *addr)
{
	struct memory *m = keeper->memory;
	struct guard *guard = keeper->guarding->guard;
	struct guard_kept kept;
	struct prefix host;
	uint64_t key;

	if (!m || !m->recall || !guard || !m->remembering.partial || m->remembering.recalling)
		return;
	key = source_key(family, addr);
	if (!key)
		return;
	host = source_prefix(key);
	if (guard_keep(guard, &host, now_ms(), &kept))
		return;
	if (recall_one(m->recall, &host))
		m->remembering.unasked++;
	else
		m->remembering.fetching++;
}

void remember_wait(struct keeper *keeper)
{
	struct memory *m = keeper->memory;
	uint64_t until_ms = now_ms() + WAIT_MS;
	struct store_health health;

	if (!m || !m->recall)
		return;
	while (m->remembering.recalling && !m->remembering.due && now_ms() < until_ms) {
		struct pollfd wait = {.fd = recall_fd(m->recall), .events = POLLIN};

		store_health(m->store, &health);
		if (health.degraded)
			break;
		if (poll(&wait, 1, 100) < 0 && errno != EINTR)
			break;
		recall_collect(m->recall);
	}
	if (m->remembering.recalling)
		log_warning("guard: what is stored is not here yet; it comes when the store "
			    "answers");
}
