/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What is done about a source:
 *
 *	FREE --score or pressure >= limit--> LIMITED --score > ban--> BANNED
 *	     <--both < free, share whole---          <--time is over--
 *
 * A level is held also where nothing is carried out (learning, spared): then SOURCE_ENFORCED is not
 * set, and what would have been done is said once. LIMITED: a review is due, which gives back some
 * of its share or sets it free; each observation of a rate, and each proven one, takes half of the
 * share, of SYNs alone down to share_least_known. BANNED: its end is due, and nothing is decided
 * before.
 *
 * Only score reaches BANNED; pressure shuts out for block_ms at most, only for a flood of tiny
 * packets, and never whom a session or trust speaks for: whoever floods under a foreign address
 * would choose whom we shut out.
 */
#include <user/guard/parts.h>

#include <string.h>

#include <strazh/abi/rate.h>

#define EPSILON 1e-4F /* a lone listing in a feed, 0.7, is not above 0.7 */
#define SLOW_MAX UINT16_MAX

struct guard_verdict policy_verdict(const struct guard *guard, const struct source *source)
{
	uint32_t now_ds = guard_ds(guard), reasons[GUARD_EVIDENCES];
	float nats[GUARD_EVIDENCES];

	for (unsigned i = 0; i < GUARD_EVIDENCES; i++)
		nats[i] = score_sum(source->slots, &guard->rules, (enum guard_evidence)i, now_ds,
				    &reasons[i]);
	return (struct guard_verdict){
		.score = score_of(nats[GUARD_PROVEN]),
		.pressure = score_of(nats[GUARD_SPOOFABLE]),
		.reasons = reasons[GUARD_PROVEN] | reasons[GUARD_SPOOFABLE],
	};
}

struct guard_record policy_record(const struct guard *guard, enum guard_act act,
				  const struct source *source, const struct guard_verdict *verdict)
{
	struct guard_record record = {
		.at_ms = guard->now_ms,
		.act = (uint8_t)act,
		.offences = source->offences,
		.state = (uint8_t)guard->attack.state,
		.enforced = true,
		.score = verdict->score,
		.pressure = verdict->pressure,
		.reasons = verdict->reasons,
		.prefix = source_prefix(source->key),
	};

	record.shares_len = (uint8_t)guard_shares(source->slots, &guard->rules, guard_ds(guard),
						  record.shares);
	return record;
}

void policy_say(struct guard *guard, const struct guard_record *record)
{
	if (record->act == GUARD_ACT_CROWD || record->act == GUARD_ACT_SPARED)
		guard->figures.alarms++;
	if (guard->ops.record)
		guard->ops.record(guard->owner, record);
}

void policy_set_level(struct guard *guard, struct source *source, enum guard_level level)
{
	guard->figures.limited -= source->level == GUARD_LIMITED;
	guard->figures.banned -= source->level == GUARD_BANNED;
	source->level = (uint8_t)level;
	guard->figures.limited += level == GUARD_LIMITED;
	guard->figures.banned += level == GUARD_BANNED;
}

bool policy_enforces(const struct guard *guard, struct guard_record *record)
{
	record->why_not = record->prefix.family ? spare_why_not(guard, &record->prefix) : NULL;
	if (record->why_not)
		record->act = GUARD_ACT_SPARED;
	else if (guard->config.learning)
		record->why_not = "learning";
	record->enforced = !record->why_not;
	return record->enforced;
}

static bool enforce(const struct guard *guard, struct source *source, struct guard_record *record)
{
	source->flags &= (uint8_t) ~(SOURCE_ENFORCED | SOURCE_SPARED);
	if (policy_enforces(guard, record))
		source->flags |= SOURCE_ENFORCED;
	else if (record->act == GUARD_ACT_SPARED)
		source->flags |= SOURCE_SPARED;
	return record->enforced;
}

/* ---- limits ---- */

/* For whom a session or trust speaks. */
static bool is_known(const struct guard *guard, const struct source *source)
{
	return source->live || source->mature || source->good > 0.5F ||
	       trust_has(source, guard_s(guard));
}

static bool is_crowd(const struct guard *guard, const struct source *source)
{
	return trust_crowd(&guard->config.trust, source) >= guard->config.trust.crowd_floor;
}

static uint16_t slowness(const struct guard *guard, const struct source *source,
			 const struct guard_verdict *verdict)
{
	uint32_t share = MAX(source->share, guard->config.share_least);

	if (source->flags & SOURCE_BLOCKED)
		return SLOW_MAX;
	if (is_crowd(guard, source) ||
	    (verdict->score < guard->config.limit && is_known(guard, source)))
		share = MAX(share, guard->config.share_least_known);
	return (uint16_t)(SZ_SLOW_ONE * SOURCE_SHARE_ONE / share);
}

static void send_limit(struct guard *guard, const struct source *source,
		       const struct guard_verdict *verdict, enum guard_tier tier, uint16_t slow,
		       uint64_t until_ms)
{
	struct guard_limit limit = {
		.prefix = source_prefix(source->key),
		.tier = tier,
		.slow = slow,
		.score = verdict->score,
		.pressure = verdict->pressure,
		.reasons = verdict->reasons,
		.first_ms = (uint64_t)source->first_s * 1000,
		.until_ms = until_ms,
	};

	if (guard->ops.limit)
		guard->ops.limit(guard->owner, &limit);
}

/* Strangers cost an attacker nothing, a write to the gate costs us something. */
static bool may_limit(struct guard *guard, const struct source *source)
{
	float most = (float)guard->config.limits_s;

	if (roster_is_proven(&guard->roster, source))
		return true;
	guard->limit_tokens += (float)(guard->now_ms - guard->filled_ms) * most / 1000;
	guard->limit_tokens = MIN(guard->limit_tokens, most);
	guard->filled_ms = guard->now_ms;
	if (guard->limit_tokens < 1) {
		guard->figures.limits_held++;
		return false;
	}
	guard->limit_tokens--;
	return true;
}

static void renew_limit(struct guard *guard, struct source *source,
			const struct guard_verdict *verdict, bool sends)
{
	uint32_t for_ms = source->flags & SOURCE_BLOCKED ? guard->config.block_ms
							 : guard->config.limit_ms;

	if (sends && source->flags & SOURCE_ENFORCED)
		send_limit(guard, source, verdict, GUARD_TIER_LIMITED,
			   slowness(guard, source, verdict), guard->now_ms + for_ms);
	roster_set_due(&guard->roster, source,
		       guard->now_ms + MIN(for_ms, guard->config.review_ms));
}

/*
 * More than the default limits is what busy proxies and resolvers send, and the gate drops it; a
 * few forged packets make a scan. Neither shuts anybody out: a flood of tiny packets does.
 */
static bool is_flood(const struct guard *guard, struct source *source)
{
	const struct score_slot *slot = score_find(source->slots, GUARD_KIND_SMALL_PACKET_FLOOD,
						   GUARD_SPOOFABLE);

	return slot && score_of(score_slot_nats(slot, &guard->rules, guard_ds(guard))) >=
			       guard->config.limit;
}

static void limit(struct guard *guard, struct source *source, const struct guard_verdict *verdict)
{
	bool blocks = verdict->pressure >= guard->config.block && guard->config.block_ms &&
		      !is_known(guard, source) && !(source->flags & SOURCE_BLOCKED) &&
		      is_flood(guard, source);
	bool enters = source->level != GUARD_LIMITED;
	struct guard_record record;

	if (!may_limit(guard, source))
		return;
	if (blocks)
		source->flags |= SOURCE_BLOCKED;
	if (enters || (blocks && source->flags & SOURCE_ENFORCED)) {
		record = policy_record(guard, blocks ? GUARD_ACT_BLOCK : GUARD_ACT_LIMIT, source,
				       verdict);
		if (enforce(guard, source, &record)) {
			guard->figures.limits++;
			record.until_ms = guard->now_ms + (blocks ? guard->config.block_ms
								  : guard->config.limit_ms);
		}
		policy_set_level(guard, source, GUARD_LIMITED);
		policy_say(guard, &record);
	}
	renew_limit(guard, source, verdict, true);
}

/* Those whose trust lasts go back to their tier, others to nothing; while learning all of them. */
static void free_limit(struct guard *guard, struct source *source)
{
	struct prefix prefix = source_prefix(source->key);

	source->flags &= (uint8_t)~SOURCE_TRUST_TOLD;
	if (trust_has(source, guard_s(guard)) && !guard->config.learning)
		policy_trust(guard, source);
	else if (guard->ops.unlimit)
		guard->ops.unlimit(guard->owner, &prefix);
}

void policy_trust(struct guard *guard, struct source *source)
{
	uint32_t now_s = guard_s(guard);
	struct guard_verdict verdict;
	struct guard_record record;
	uint64_t left_h;

	if (!trust_has(source, now_s)) {
		source->flags &= (uint8_t)~SOURCE_TRUST_TOLD;
		source->trust_h = 0;
		return;
	}
	if (source->level != GUARD_FREE || guard->config.learning)
		return;
	left_h = (uint16_t)(source->trust_h - (uint16_t)(now_s / 3600));
	verdict = policy_verdict(guard, source);
	record = policy_record(guard, GUARD_ACT_TRUST, source, &verdict);
	record.until_ms = guard->now_ms + left_h * 3600 * 1000;
	send_limit(guard, source, &verdict, GUARD_TIER_TRUSTED, SZ_SLOW_ONE, record.until_ms);
	if (source->flags & SOURCE_TRUST_TOLD)
		return;
	source->flags |= SOURCE_TRUST_TOLD;
	policy_say(guard, &record);
}

/* ---- bans ---- */

uint64_t policy_ban_ms(const struct guard_config *config, unsigned offences)
{
	uint64_t ban_s = (uint64_t)config->ban_s << MIN(MAX(offences, 1U) - 1, 31U);

	return MIN(ban_s, config->ban_max_s) * 1000;
}

unsigned policy_remembered(const struct guard_config *config, unsigned offences, uint16_t ban_h,
			   uint32_t now_s)
{
	int16_t passed_h = (int16_t)((uint16_t)(now_s / 3600) - ban_h);
	unsigned forgotten = passed_h > 0 ? (unsigned)passed_h / config->forget_h : 0;

	return offences - MIN(offences, forgotten);
}

static uint16_t hour_of(uint64_t ms)
{
	return (uint16_t)(ms / 3600000);
}

void policy_ban(struct guard *guard, struct source *source, const struct guard_verdict *verdict,
		uint64_t until_ms)
{
	struct guard_ban ban = {
		.prefix = source_prefix(source->key),
		.until_ms = until_ms,
		.score = verdict->score,
		.reasons = verdict->reasons,
		.offences = source->offences,
	};

	source->ban_h = hour_of(until_ms);
	guard->figures.bans++;
	if (guard->ops.ban)
		guard->ops.ban(guard->owner, &ban);
}

/* An old key, a loop that tries again: broken clients do that as well, for days if nobody looks. */
static bool may_be_broken(const struct guard *guard, const struct source *source)
{
	const uint32_t broken = 1U << GUARD_KIND_AUTH_FAILURE | 1U << GUARD_KIND_CONNECTION_FLOOD;
	uint32_t reasons;

	(void)score_sum(source->slots, &guard->rules, GUARD_PROVEN, guard_ds(guard), &reasons);
	return reasons && !(reasons & ~broken);
}

uint64_t policy_ban_for_ms(const struct guard *guard, const struct source *source,
			   unsigned offences)
{
	uint64_t ms = policy_ban_ms(&guard->config, offences);
	uint64_t most_s = MAX(guard->config.ban_broken_s, guard->config.ban_s);

	return may_be_broken(guard, source) ? MIN(ms, most_s * 1000) : ms;
}

static void ban(struct guard *guard, struct source *source, const struct guard_verdict *verdict)
{
	unsigned before = policy_remembered(&guard->config, source->offences, source->ban_h,
					    guard_s(guard));
	uint64_t until_ms = guard->now_ms + policy_ban_for_ms(guard, source, before + 1);
	bool was_limited = source->flags & SOURCE_ENFORCED;
	struct guard_record record = policy_record(guard, GUARD_ACT_BAN, source, verdict);

	source->flags &= (uint8_t)~SOURCE_BLOCKED;
	record.until_ms = until_ms;
	record.offences = (uint8_t)MIN(before + 1, UINT8_MAX);
	if (enforce(guard, source, &record)) {
		source->offences = record.offences;
		policy_ban(guard, source, verdict, until_ms);
		trust_doubt(source, true);
		source->flags &= (uint8_t)~SOURCE_TRUST_TOLD;
	} else if (was_limited) {
		free_limit(guard, source);
	}
	policy_set_level(guard, source, GUARD_BANNED);
	roster_set_due(&guard->roster, source, until_ms);
	policy_say(guard, &record);
	neighbours_bad(guard, source);
}

/* A crowd is said once, until it is free again. */
static void tell_crowd(struct guard *guard, struct source *source,
		       const struct guard_verdict *verdict)
{
	struct guard_record record;

	if (source->flags & SOURCE_CROWD_TOLD)
		return;
	source->flags |= SOURCE_CROWD_TOLD;
	record = policy_record(guard, GUARD_ACT_CROWD, source, verdict);
	record.enforced = false;
	record.why_not = "many others behind this address behave";
	policy_say(guard, &record);
}

/* What bad ones do in a crowd weighs next to nothing there, and who knows them wants to know. */
void policy_doubt(struct guard *guard, struct source *source, unsigned times)
{
	struct guard_verdict verdict;

	if (!is_crowd(guard, source)) {
		source->doubts = 0;
		return;
	}
	source->doubts = (uint8_t)MIN(source->doubts + times, UINT8_MAX);
	if (source->doubts < guard->config.crowd_doubts)
		return;
	verdict = policy_verdict(guard, source);
	tell_crowd(guard, source, &verdict);
}

void policy_judge(struct guard *guard, struct source *source)
{
	const struct guard_config *config = &guard->config;
	struct guard_verdict verdict;
	bool trusted;

	if (source->level == GUARD_BANNED)
		return;
	verdict = policy_verdict(guard, source);
	trusted = trust_has(source, guard_s(guard));
	if (verdict.score > (trusted ? config->trusted_ban : config->ban) + EPSILON) {
		if (!is_crowd(guard, source)) {
			ban(guard, source, &verdict);
			return;
		}
		tell_crowd(guard, source, &verdict);
	}
	if (MAX(verdict.score, verdict.pressure) >=
	    (trusted ? config->trusted_limit : config->limit) - EPSILON)
		limit(guard, source, &verdict);
}

void policy_release(struct guard *guard, struct source *source, enum guard_act act)
{
	struct guard_verdict verdict = policy_verdict(guard, source);
	struct guard_record record = policy_record(guard, act, source, &verdict);
	struct prefix prefix = record.prefix;
	bool was_banned = source->level == GUARD_BANNED;

	record.enforced = source->flags & SOURCE_ENFORCED;
	record.why_not = record.enforced ? NULL : "nothing had been done";
	roster_clear_due(&guard->roster, source);
	policy_set_level(guard, source, GUARD_FREE);
	source->flags &= (uint8_t) ~(SOURCE_ENFORCED | SOURCE_SPARED | SOURCE_BLOCKED |
				     SOURCE_CROWD_TOLD);
	guard->figures.lifts += was_banned;
	if (record.enforced && was_banned && guard->ops.lift)
		guard->ops.lift(guard->owner, &prefix);
	else if (record.enforced && !was_banned)
		free_limit(guard, source);
	policy_say(guard, &record);
}

static void review_limit(struct guard *guard, struct source *source,
			 const struct guard_verdict *verdict)
{
	uint32_t add = guard->config.share_add * guard->config.review_ms / 1000;

	source->flags &= (uint8_t)~SOURCE_BLOCKED;
	source->share = (uint16_t)MIN(source->share + add, SOURCE_SHARE_ONE);
	if (source->share == SOURCE_SHARE_ONE && verdict->score < guard->config.free &&
	    verdict->pressure < guard->config.free)
		policy_release(guard, source, GUARD_ACT_UNLIMIT);
	else
		renew_limit(guard, source, verdict, may_limit(guard, source));
}

void policy_review(struct guard *guard, struct source *source)
{
	struct guard_verdict verdict = policy_verdict(guard, source);

	if (source->level == GUARD_LIMITED) {
		review_limit(guard, source, &verdict);
	} else if (source->level == GUARD_BANNED) {
		policy_release(guard, source, GUARD_ACT_LIFT);
		/* On the way down it is limited as long as its score is not that of a free one. */
		if (verdict.score >= guard->config.free)
			limit(guard, source, &verdict);
	}
}
