/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Bans of whole prefixes, see prefixes.h for when. */
#include <user/guard/parts.h>

#include <errno.h>

static struct guard_record prefix_record(const struct guard *guard, enum guard_act act,
					 const struct host_prefix *host_prefix)
{
	return (struct guard_record){
		.at_ms = guard->now_ms,
		.act = (uint8_t)act,
		.offences = host_prefix->offences,
		.state = (uint8_t)guard->attack.state,
		.enforced = true,
		.prefix = prefixes_prefix(host_prefix),
		.hosts = prefixes_count(host_prefix),
	};
}

static void send_ban(struct guard *guard, struct host_prefix *host_prefix,
		     const struct guard_record *record, uint32_t reasons)
{
	struct guard_ban ban = {
		.prefix = record->prefix,
		.until_ms = record->until_ms,
		.score = 1,
		.reasons = reasons,
		.offences = record->offences,
	};

	host_prefix->offences = record->offences;
	host_prefix->ban_h = (uint16_t)(record->until_ms / 3600000);
	guard->figures.prefix_bans++;
	if (guard->ops.ban)
		guard->ops.ban(guard->owner, &ban);
}

void neighbours_bad(struct guard *guard, struct source *source)
{
	struct host_prefix *bad;
	struct guard_record record;
	unsigned before;

	/* The address that many share is not what is bad about its prefix. */
	if (trust_crowd(&guard->config.trust, source) >= 1)
		return;
	/* Who was listed or reported, and never came, is no host that we have seen. */
	if (!(source->flags & SOURCE_IN_PREFIX))
		return;
	bad = prefixes_bad(&guard->prefixes, source->key, guard_s(guard));
	if (!bad)
		return;
	before = policy_remembered(&guard->config, bad->offences, bad->ban_h, guard_s(guard));
	record = prefix_record(guard, GUARD_ACT_BAN, bad);
	record.offences = (uint8_t)MIN(before + 1, UINT8_MAX);
	record.until_ms = guard->now_ms + policy_ban_for_ms(guard, source, record.offences);
	record.reasons = policy_verdict(guard, source).reasons;
	bad->enforced = policy_enforces(guard, &record);
	bad->spared = record.act == GUARD_ACT_SPARED;
	prefixes_set_ban(&guard->prefixes, bad, record.until_ms);
	if (record.enforced)
		send_ban(guard, bad, &record, record.reasons);
	policy_say(guard, &record);
}

void neighbours_lift(struct guard *guard, struct host_prefix *host_prefix, enum guard_act act)
{
	struct guard_record record = prefix_record(guard, act, host_prefix);

	record.enforced = host_prefix->enforced;
	record.why_not = record.enforced ? NULL : "nothing had been done";
	prefixes_set_ban(&guard->prefixes, host_prefix, 0);
	host_prefix->enforced = host_prefix->spared = false;
	guard->figures.lifts++;
	if (record.enforced && guard->ops.lift)
		guard->ops.lift(guard->owner, &record.prefix);
	policy_say(guard, &record);
}

bool guard_walk_banned_prefixes(struct guard *guard, uint32_t *cursor, uint32_t most,
				uint64_t now_ms,
				void (*visit)(void *context, const struct prefix *prefix,
					      uint64_t banned_ms, unsigned offences),
				void *context)
{
	const uint32_t end = guard->prefixes.touched;

	guard_at(guard, now_ms);
	if (!guard->prefixes.banned)
		*cursor = end;
	for (; most && *cursor < end; most--, (*cursor)++) {
		const struct host_prefix *at = &guard->prefixes.slab[*cursor];
		struct prefix prefix;

		if (!at->until_ms || !at->enforced || at->until_ms <= guard->now_ms)
			continue;
		prefix = prefixes_prefix(at);
		visit(context, &prefix, at->until_ms - guard->now_ms, at->offences);
	}
	return *cursor < end;
}

int guard_restore_prefix(struct guard *guard, const struct prefix *prefix, uint64_t banned_ms,
			 unsigned offences, uint64_t now_ms)
{
	uint64_t most_ms = (uint64_t)guard->config.ban_max_s * 1000;
	struct host_prefix *at;
	struct guard_record record;

	if (!prefix_ok(prefix) || prefix->len != prefix_net_len(prefix->family) ||
	    offences > UINT8_MAX)
		return -EINVAL;
	guard_at(guard, now_ms);
	if (!banned_ms || guard->config.learning || spare_why_not(guard, prefix))
		return 0;
	at = prefixes_get(&guard->prefixes, source_key(prefix->family, prefix->addr),
			  guard_s(guard));
	if (!at)
		return -ENOSPC;
	if (at->until_ms)
		return 0;
	record = prefix_record(guard, GUARD_ACT_BAN, at);
	record.offences = (uint8_t)MAX(offences, at->offences);
	record.until_ms = guard->now_ms + MIN(banned_ms, most_ms);
	at->enforced = true;
	prefixes_set_ban(&guard->prefixes, at, record.until_ms);
	send_ban(guard, at, &record, 0);
	return 0;
}
