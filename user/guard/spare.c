/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Whom nothing is done to. The gate lets them pass whatever its deny lists say; that the guard does
 * not even ask for it is the second lock. Looked at only when something is about to be done.
 */
#include <user/guard/parts.h>

#include <errno.h>
#include <string.h>

_Static_assert(sizeof(struct guard_spared) == sizeof(struct prefix) + 1, "compared as bytes");

/* A prefix that holds one of them is spared as a whole: nobody bans around a hole. */
const char *spare_why_not(const struct guard *guard, const struct prefix *prefix)
{
	for (size_t i = 0; i < guard->spared_len; i++) {
		const struct guard_spared *spared = &guard->spared[i];

		if (prefix_covers(&spared->prefix, prefix) ||
		    prefix_covers(prefix, &spared->prefix))
			return spared->never ? "on the never-ban set" : "on the allow list";
	}
	return NULL;
}

static void release_sources(struct guard *guard)
{
	for (unsigned table = 0; table < GUARD_EVIDENCES; table++) {
		for (uint32_t i = 0; i < guard->roster.tables[table].touched; i++) {
			struct source *source = roster_at(&guard->roster,
							  (enum guard_evidence)table, i);
			struct prefix prefix;

			if (!source || source->level == GUARD_FREE ||
			    !(source->flags & SOURCE_ENFORCED))
				continue;
			prefix = source_prefix(source->key);
			if (spare_why_not(guard, &prefix))
				policy_release(guard, source, GUARD_ACT_FORGIVE);
		}
	}
}

int guard_spare(struct guard *guard, const struct guard_spared *list, size_t len, uint64_t now_ms)
{
	if (len > GUARD_SPARED_MAX)
		return -E2BIG;
	guard_at(guard, now_ms);
	/* As it was: what was done since has asked it. 20,000 sources banned and 4,096 spared took
	 * 620 ms to compare. */
	if (len == guard->spared_len && (!len || !memcmp(list, guard->spared, len * sizeof(*list))))
		return 0;
	if (len)
		memcpy(guard->spared, list, len * sizeof(*list));
	guard->spared_len = len;
	if (guard->figures.limited || guard->figures.banned)
		release_sources(guard);
	for (uint32_t i = 0; i < guard->prefixes.touched && guard->prefixes.banned; i++) {
		struct host_prefix *at = &guard->prefixes.slab[i];
		struct prefix prefix = prefixes_prefix(at);

		if (at->until_ms && at->enforced && spare_why_not(guard, &prefix))
			neighbours_lift(guard, at, GUARD_ACT_FORGIVE);
	}
	return 0;
}

bool guard_forgive(struct guard *guard, const struct prefix *prefix, uint64_t now_ms)
{
	uint64_t key = source_key(prefix->family, prefix->addr);
	struct source *source = roster_find(&guard->roster, key);
	struct host_prefix *around = prefixes_find(&guard->prefixes, key);
	bool is_net = prefix->len == (prefix->family == 4 ? 24 : 48);

	guard_at(guard, now_ms);
	if (is_net) {
		if (!around || !around->until_ms)
			return false;
		neighbours_lift(guard, around, GUARD_ACT_FORGIVE);
		around->offences = 0;
		return true;
	}
	if (!source)
		return false;
	/* The record tells what was forgiven, so it comes first. */
	policy_release(guard, source, GUARD_ACT_FORGIVE);
	memset(source->slots, 0, sizeof(source->slots));
	source->offences = 0;
	source->bad = 0;
	source->share = SOURCE_SHARE_ONE;
	return true;
}
