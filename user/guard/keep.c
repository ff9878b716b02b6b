/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What is kept of a source, and back. Times become ages on the way out and times again on the way
 * in: a store outlives this boot and its clock. What had no room in a u16 of hours is as old as it
 * can be.
 */
#include <user/guard/parts.h>

#include <errno.h>
#include <math.h>

#define HOLD_MOST_DS 36000000U /* 1,000 hours */

struct guard_kept keep_source(const struct guard *guard, const struct source *source)
{
	uint32_t now_s = guard_s(guard), now_ds = guard_ds(guard);
	uint16_t now_h = (uint16_t)(now_s / 3600);
	struct guard_kept kept = {
		.prefix = source_prefix(source->key),
		.at_ms = guard->now_ms,
		.known_ms = guard->now_ms - MIN((uint64_t)source->first_s * 1000, guard->now_ms),
		.idle_ms = guard->now_ms - MIN(source->touch_ms, guard->now_ms),
		.good_ago_d = (uint8_t)(now_s / 86400 - source->day),
		.share = source->share,
		.offences = source->offences,
		.days = source->days,
		.sessions = source->sessions,
		.proven = roster_is_proven(&guard->roster, source),
		.good = source->good,
	};

	if (source->level == GUARD_BANNED && source->flags & SOURCE_ENFORCED &&
	    source->due_ms > guard->now_ms)
		kept.banned_ms = source->due_ms - guard->now_ms;
	if (source->offences && (int16_t)(now_h - source->ban_h) > 0)
		kept.ban_over_h = (uint16_t)(now_h - source->ban_h);
	if (trust_has(source, now_s))
		kept.trusted_h = (uint16_t)(source->trust_h - now_h);
	for (unsigned i = 0; i < SCORE_SLOTS; i++) {
		const struct score_slot *slot = &source->slots[i];

		kept.evidence[i] = (struct guard_kept_evidence){
			.nats = slot->nats,
			.count = slot->count,
			.since_ms = (uint64_t)(now_ds - MIN(slot->since_ds, now_ds)) * 100,
			.last_ms = (uint64_t)(now_ds - MIN(slot->last_ds, now_ds)) * 100,
			.holds_ms = (uint64_t)(slot->last_ds - MIN(slot->last_ds, now_ds)) * 100,
			.kind = slot->kind,
			.evidence = slot->proven,
		};
	}
	return kept;
}

bool guard_keep(struct guard *guard, const struct prefix *host, uint64_t now_ms,
		struct guard_kept *ret_kept)
{
	struct source *source = roster_find(&guard->roster, source_key(host->family, host->addr));

	guard_at(guard, now_ms);
	if (!source)
		return false;
	*ret_kept = keep_source(guard, source);
	return true;
}

bool guard_walk(struct guard *guard, uint32_t *cursor, uint32_t most, uint64_t now_ms,
		void (*visit)(void *context, const struct guard_kept *kept, float score,
			      float pressure, enum guard_level level),
		void *context)
{
	const struct roster *roster = &guard->roster;
	uint32_t split = roster->tables[GUARD_SPOOFABLE].touched;
	uint32_t end = split + roster->tables[GUARD_PROVEN].touched;

	guard_at(guard, now_ms);
	for (; most && *cursor < end; most--, (*cursor)++) {
		bool proven = *cursor >= split;
		struct source *source = roster_at(&guard->roster,
						  proven ? GUARD_PROVEN : GUARD_SPOOFABLE,
						  *cursor - (proven ? split : 0));
		struct guard_verdict verdict;
		struct guard_kept kept;

		if (!source)
			continue;
		verdict = policy_verdict(guard, source);
		kept = keep_source(guard, source);
		visit(context, &kept, verdict.score, verdict.pressure,
		      (enum guard_level)source->level);
	}
	return *cursor < end;
}

static uint32_t less(uint64_t value, uint64_t by)
{
	return (uint32_t)MIN(value - MIN(by, value), UINT32_MAX);
}

void guard_kept_age(struct guard_kept *kept, uint64_t passed_ms)
{
	uint64_t hours = passed_ms / 3600000;

	kept->banned_ms -= MIN(passed_ms, kept->banned_ms);
	kept->known_ms += passed_ms;
	kept->idle_ms += passed_ms;
	kept->ban_over_h += (uint32_t)MIN(hours, UINT16_MAX);
	kept->trusted_h = less(kept->trusted_h, hours);
	kept->good_ago_d += (uint32_t)MIN(hours / 24, UINT16_MAX);
	for (unsigned i = 0; i < SCORE_SLOTS; i++) {
		kept->evidence[i].since_ms += passed_ms;
		uint64_t held_ms = MIN(passed_ms, kept->evidence[i].holds_ms);

		kept->evidence[i].holds_ms -= held_ms;
		kept->evidence[i].last_ms += passed_ms - held_ms;
	}
}

/* What a store says is checked like what a stranger says: it may be of another version. */
static bool is_sound(const struct guard_kept *kept)
{
	if ((kept->prefix.family != 4 && kept->prefix.family != 6) || !(kept->good >= 0) ||
	    kept->proven >= GUARD_EVIDENCES || kept->share > SOURCE_SHARE_ONE)
		return false;
	for (unsigned i = 0; i < SCORE_SLOTS; i++) {
		const struct guard_kept_evidence *from = &kept->evidence[i];

		if (from->count &&
		    (from->kind >= GUARD_KIND_COUNT || from->evidence >= GUARD_EVIDENCES ||
		     !(from->nats >= 0) || from->last_ms > from->since_ms))
			return false;
	}
	return true;
}

/* Decayed as of now: the last of it may be older than this boot. */
static void restore_evidence(const struct guard *guard, const struct guard_kept *kept,
			     struct source *source)
{
	uint32_t now_ds = guard_ds(guard);

	for (unsigned i = 0; i < SCORE_SLOTS; i++) {
		const struct guard_kept_evidence *from = &kept->evidence[i];
		enum guard_evidence evidence = (enum guard_evidence)from->evidence;
		float nats = from->nats *
			     exp2f(-(float)from->last_ms / 100 / guard->rules.half_ds[evidence]);
		struct score_slot *slot;

		if (!from->count)
			continue;
		score_add(source->slots, &guard->rules, from->kind, evidence, nats, from->count,
			  true, now_ds, now_ds + (uint32_t)MIN(from->holds_ms / 100, HOLD_MOST_DS));
		slot = score_find(source->slots, from->kind, evidence);
		if (slot)
			slot->since_ds = less(now_ds, from->since_ms / 100);
	}
}

static void restore_ban(struct guard *guard, struct source *source, uint64_t for_ms)
{
	struct guard_verdict verdict = policy_verdict(guard, source);
	struct prefix prefix = source_prefix(source->key);
	uint64_t until_ms = guard->now_ms + MIN(for_ms, (uint64_t)guard->config.ban_max_s * 1000);

	if (spare_why_not(guard, &prefix) || guard->config.learning)
		return;
	policy_set_level(guard, source, GUARD_BANNED);
	source->flags |= SOURCE_ENFORCED;
	policy_ban(guard, source, &verdict, until_ms);
	roster_set_due(&guard->roster, source, until_ms);
}

/* Who is here already keeps what is worse, and what is better. */
static void restore_facts(const struct guard *guard, const struct guard_kept *kept,
			  struct source *source)
{
	uint32_t now_s = guard_s(guard), until_h = now_s / 3600;

	source->first_s = MIN(source->first_s, less(now_s, kept->known_ms / 1000));
	if (kept->offences > source->offences) {
		source->offences = kept->offences;
		source->ban_h = (uint16_t)(now_s / 3600 - MIN(kept->ban_over_h, 0x7000U));
	}
	if (kept->days > source->days) {
		source->days = kept->days;
		source->sessions = MAX(kept->sessions, source->sessions);
		source->day = (uint8_t)(now_s / 86400 - MIN(kept->good_ago_d, 255U));
	}
	source->good = MIN(source->good + kept->good, 65535.0F);
	until_h += MIN(kept->trusted_h, guard->config.trust.lasts_h);
	if (kept->trusted_h && !source->trust_h)
		source->trust_h = (uint16_t)MAX(until_h & 0xffffU, 1U);
}

int guard_restore(struct guard *guard, const struct guard_kept *kept, uint64_t now_ms)
{
	struct source *source;
	uint64_t key;
	bool is_new;

	if (!is_sound(kept))
		return -EINVAL;
	guard_at(guard, now_ms);
	key = source_key(kept->prefix.family, kept->prefix.addr);
	if (!key)
		return 0;
	is_new = !roster_find(&guard->roster, key);
	source = roster_get(&guard->roster, key, (enum guard_evidence)kept->proven, guard->now_ms);
	if (is_new) /* to come back is no deed */
		source->touch_ms -= MIN(kept->idle_ms, source->touch_ms);
	restore_evidence(guard, kept, source);
	restore_facts(guard, kept, source);
	if (kept->banned_ms && source->level == GUARD_FREE)
		restore_ban(guard, source, kept->banned_ms);
	else if (!kept->banned_ms && kept->trusted_h)
		policy_trust(guard, source);
	return 0;
}
