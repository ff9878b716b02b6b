/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * From the store to the guard. Sources come first, without their bans; then the bans, which are
 * what was acknowledged: a state that was written behind may be some seconds older. A ban whose
 * time ended while nobody was here is lifted. Where the gate still has it, the gate knows best how
 * long it lasts: the wall clock may have been set.
 *
 * Nothing comes back that was taken back. It is read when the store has every act of before: those
 * of the journal, those that are late, those in its backlog (recall.h). What operators forgive
 * while it is read is noted, for a row may have been read before that.
 */
#include <user/daemon/memory/remember.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/acts/acts_parts.h>
#include <user/daemon/guarding/guarding.h>
#include <user/daemon/memory/kept_row.h>
#include <user/daemon/memory/memory_parts.h>
#include <user/gate/act.h>
#include <user/guard/source.h>

#define WAIT_MS 5000
#define ENTRIES_MAX 32U
#define ORIGIN "guard"
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

/* ---- what is asked for ---- */

int remember_ask(struct memory *m)
{
	struct remembering *mem = &m->remembering;
	int r;

	if (!mem->due || mem->reads || late_first(&mem->late) || !acts_handed(m->keeper))
		return 0;
	r = recall_all(m->recall, config_guard(m->keeper->options->config).proven, ORIGIN);
	if (r)
		return r;
	mem->due = false;
	mem->reads++;
	return 0;
}

void remember_unask(struct memory *m)
{
	m->remembering.recalling -= m->remembering.due;
	m->remembering.due = false;
}

void remember_compare(struct memory *m)
{
	m->remembering.comparing = m->recall && !recall_bans(m->recall, ORIGIN);
	m->remembering.reads += m->remembering.comparing;
}

void remember_check(struct keeper *keeper)
{
	struct memory *m = keeper->memory;

	if (!m || !m->recall)
		return;
	if (recall_bans(m->recall, ORIGIN))
		log_error("guard: there is no memory to read what is stored");
	else
		m->remembering.reads++;
}

static uint32_t fetched_at(const struct prefix *prefix)
{
	return acts_bit(prefix) % MEMORY_FETCHED;
}

bool remember_is_fetched(const struct remembering *mem, const struct prefix *prefix)
{
	return mem->fetching && mem->fetched[fetched_at(prefix)];
}

/* ---- what is forgiven meanwhile ---- */

void remember_note_forgiven(struct remembering *mem, const struct prefix *prefix)
{
	uint32_t bit = prefix ? acts_bit(prefix) % MEMORY_FORGIVEN_BITS : 0;

	if (!mem->recalling && !mem->fetching)
		return;
	if (prefix)
		mem->forgiven[bit / 8] |= (uint8_t)(1U << bit % 8);
	else
		memset(mem->forgiven, 0xff, sizeof(mem->forgiven));
}

static bool is_forgiven(const struct remembering *mem, const struct prefix *prefix)
{
	uint32_t bit = acts_bit(prefix) % MEMORY_FORGIVEN_BITS;

	return (mem->recalling || mem->fetching) && mem->forgiven[bit / 8] >> bit % 8 & 1;
}

/* A guard whose mode was changed: sources keep their past, and no ban. */
static bool is_lifted(const struct remembering *mem, const struct prefix *prefix)
{
	return (mem->recalling && mem->cleared) || is_forgiven(mem, prefix);
}

/* As guard_forgive() leaves it: what speaks for it stays. */
static void forgive(struct guard_kept *kept)
{
	memset(kept->evidence, 0, sizeof(kept->evidence));
	kept->offences = 0;
	kept->share = SOURCE_SHARE_ONE;
}

/* ---- what comes ---- */

void remember_source(void *memory, const struct store_source *source)
{
	struct memory *m = memory;
	struct guard *guard = guard_of(m);
	struct guard_kept kept;

	if (!guard || m->remembering.due)
		return;
	if (kept_from_row(source, memory_wall_ms(), &kept)) {
		m->remembering.broken++;
		return;
	}
	kept.banned_ms = 0;
	if (is_forgiven(&m->remembering, &kept.prefix))
		forgive(&kept);
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
 * nobody sets. 0: nothing; -1: it does not tell.
 */
static int64_t gate_left_ms(struct gate *gate, const struct prefix *prefix)
{
	struct entry entries[ENTRIES_MAX];
	uint64_t left_s = 0;
	size_t count = 0;

	if (act_covering(gate, prefix, entries, ENTRIES_MAX, &count))
		return -1;
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

/* The store has it, and it is known how long it still lasts. */
static void restore_ban(struct memory *m, struct guard *guard, const struct store_ban *ban,
			int64_t left_ms)
{
	unsigned offences = (unsigned)MIN(MAX(ban->offences, 0), UINT8_MAX);

	m->remembering.broken += restore(guard, &ban->prefix, left_ms, offences) != 0;
}

void remember_ban(void *memory, const struct store_ban *ban)
{
	struct memory *m = memory;
	struct guard *guard = guard_of(m);
	int64_t in_gate_ms, left_ms;

	if (!guard || m->keeper->guarding->mode == GUARDING_LEARN) {
		m->remembering.withdrawn = true;
		return;
	}
	if (m->remembering.due ||
	    (!m->remembering.comparing && is_lifted(&m->remembering, &ban->prefix)))
		return;
	in_gate_ms = gate_left_ms(m->keeper->gate, &ban->prefix);
	if (m->remembering.comparing) {
		/* What the gate had no room for is tried again. */
		if (!in_gate_ms && !m->keeper->guarding->deeds_len &&
		    !guard_bans(guard, &ban->prefix))
			lift(m, ban, "lifted when the store had no room for it");
		return;
	}
	if (in_gate_ms > 0 && is_told_wrong(ban, in_gate_ms))
		remember_say_again(m->keeper);
	left_ms = in_gate_ms > 0 ? in_gate_ms
				 : store_left_ms(ban->since_ms, ban->until_ms, memory_wall_ms());
	if (left_ms)
		restore_ban(m, guard, ban, left_ms);
	else if (!in_gate_ms)
		lift(m, ban, "its time ended while strazhd was away");
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
	uint32_t at = 0;

	while (wanted &&
	       guard_walk_banned_prefixes(guard, &at, UINT32_MAX, now_ms(), compare, &wanted))
		;
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
	if (left_ms <= 0 || left_ms == INT64_MAX || restore(guard, prefix, left_ms, 1))
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
	m->remembering.reads -= MIN(m->remembering.reads, 1U);
	m->remembering.comparing = false;
	take_back(m);
}

void remember_all(void *memory, uint32_t sources, uint32_t bans, bool more)
{
	struct memory *m = memory;

	m->remembering.recalling -= MIN(m->remembering.recalling, 1U);
	m->remembering.reads -= MIN(m->remembering.reads, 1U);
	take_back(m);
	m->remembering.partial |= more;
	if (m->remembering.due)
		return; /* for a guard that is no more */
	log_info("guard: %u sources and %u bans are remembered", sources, bans);
	if (m->remembering.broken)
		log_warning("guard: %llu rows of the store make no sense and are left alone",
			    (unsigned long long)m->remembering.broken);
}

void remember_one(void *memory, const struct prefix *prefix)
{
	struct remembering *mem = &((struct memory *)memory)->remembering;
	uint16_t *fetched = &mem->fetched[fetched_at(prefix)];

	mem->fetching -= MIN(mem->fetching, 1U);
	*fetched -= (uint16_t)(*fetched > 0);
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
	if (recall_one(m->recall, &host)) {
		m->remembering.unasked++;
		return;
	}
	if (!m->remembering.fetching++)
		memset(m->remembering.forgiven, 0, sizeof(m->remembering.forgiven));
	m->remembering.fetched[fetched_at(&host)]++;
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
