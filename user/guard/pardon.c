/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What was decided is taken back: for one by an operator, for everybody by an operator, and for
 * everybody because the mode of the guard changes.
 */
#include <user/guard/parts.h>

#include <string.h>

void pardon_each(struct guard *guard, void (*visit)(struct guard *guard, struct source *source))
{
	for (unsigned table = 0; table < GUARD_EVIDENCES; table++) {
		for (uint32_t i = 0; i < guard->roster.tables[table].touched; i++) {
			struct source *source = roster_at(&guard->roster,
							  (enum guard_evidence)table, i);

			if (source)
				visit(guard, source);
		}
	}
}

static void wipe(struct source *source)
{
	memset(source->slots, 0, sizeof(source->slots));
	source->offences = 0;
	source->bad = 0;
	source->share = SOURCE_SHARE_ONE;
}

static void forgive_prefix(struct guard *guard, struct host_prefix *around, enum guard_act act)
{
	if (around->until_ms)
		neighbours_lift(guard, around, act);
	around->offences = 0;
	memset(around->bad, 0, sizeof(around->bad));
}

bool guard_forgive(struct guard *guard, const struct prefix *prefix, uint64_t now_ms)
{
	uint64_t key = source_key(prefix->family, prefix->addr);
	struct source *source = roster_find(&guard->roster, key);
	struct host_prefix *around = prefixes_find(&guard->prefixes, key);
	bool is_net = prefix->len == prefix_net_len(prefix->family);

	guard_at(guard, now_ms);
	if (is_net) {
		if (!around || !around->until_ms)
			return false;
		forgive_prefix(guard, around, GUARD_ACT_FORGIVE);
		return true;
	}
	if (!source)
		return false;
	/* The record tells what was forgiven, so it comes first. */
	policy_release(guard, source, GUARD_ACT_FORGIVE);
	wipe(source);
	return true;
}

static void forgive_source(struct guard *guard, struct source *source)
{
	if (source->level != GUARD_FREE)
		policy_release(guard, source, GUARD_ACT_FORGIVE);
	wipe(source);
}

void guard_forgive_all(struct guard *guard, uint64_t now_ms)
{
	guard_at(guard, now_ms);
	pardon_each(guard, forgive_source);
	for (uint32_t i = 0; i < guard->prefixes.touched; i++)
		forgive_prefix(guard, &guard->prefixes.slab[i], GUARD_ACT_FORGIVE);
}

/* ---- the mode ---- */

/* What is in the gate; free and trusted ones have their tier there. */
static void withdraw_source(struct guard *guard, struct source *source)
{
	struct prefix prefix = source_prefix(source->key);

	if (source->flags & SOURCE_ENFORCED)
		policy_release(guard, source, GUARD_ACT_WITHDRAW);
	if (!(source->flags & SOURCE_TRUST_TOLD))
		return;
	source->flags &= (uint8_t)~SOURCE_TRUST_TOLD;
	if (guard->ops.unlimit)
		guard->ops.unlimit(guard->owner, &prefix);
}

void guard_withdraw(struct guard *guard, uint64_t now_ms)
{
	guard_at(guard, now_ms);
	pardon_each(guard, withdraw_source);
	for (uint32_t i = 0; i < guard->prefixes.touched && guard->prefixes.banned; i++) {
		struct host_prefix *at = &guard->prefixes.slab[i];

		if (at->until_ms && at->enforced)
			neighbours_lift(guard, at, GUARD_ACT_WITHDRAW);
	}
}

/*
 * Nothing is decided about who has a level before that is over, so who was limited or banned in
 * words alone would go free for so long. Trust that was earned meanwhile is told now.
 */
static void begin_source(struct guard *guard, struct source *source)
{
	if (source->level != GUARD_FREE && !(source->flags & SOURCE_ENFORCED)) {
		policy_release(guard, source, GUARD_ACT_WITHDRAW);
		wipe(source);
	}
	if (trust_has(source, guard_s(guard)) && !(source->flags & SOURCE_TRUST_TOLD))
		policy_trust(guard, source);
}

void guard_begin(struct guard *guard, uint64_t now_ms)
{
	guard_at(guard, now_ms);
	pardon_each(guard, begin_source);
	for (uint32_t i = 0; i < guard->prefixes.touched && guard->prefixes.banned; i++) {
		struct host_prefix *at = &guard->prefixes.slab[i];

		if (at->until_ms && !at->enforced)
			forgive_prefix(guard, at, GUARD_ACT_WITHDRAW);
	}
}
