/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/feed/judge.h>

#include <stdio.h>

int feed_judge(uint64_t before, uint64_t entries, uint64_t lines, uint64_t wrong,
	       char why[FEED_WHY_LEN])
{
	if (wrong * 100 > lines * FEED_WRONG_MOST) {
		(void)snprintf(
			why, FEED_WHY_LEN, "%llu of %llu lines are wrong; at most %u %% may be",
			(unsigned long long)wrong, (unsigned long long)lines, FEED_WRONG_MOST);
		return 1;
	}
	if (!lines) {
		(void)snprintf(why, FEED_WHY_LEN, "it is empty");
		return 1;
	}
	if (before >= FEED_SHRINK_FROM && entries * 100 < before * (100 - FEED_SHRINK_MOST)) {
		(void)snprintf(why, FEED_WHY_LEN,
			       "%llu entries where %llu were: it shrank by more than %u %%",
			       (unsigned long long)entries, (unsigned long long)before,
			       FEED_SHRINK_MOST);
		return 1;
	}
	return 0;
}

bool feed_wide(const struct prefix *entry)
{
	return entry->len < (entry->family == 4 ? FEED_LEAST_LEN4 : FEED_LEAST_LEN6);
}

/*
 * Both are sorted, and a prefix stands before what is inside it; so of `allow`, only the last one
 * at or before the entry, or one around that, can cover it. `*at` moves along with the entries over
 * the widest ones.
 */
static bool is_allowed(const struct prefix *allow, size_t len, size_t *at,
		       const struct prefix *entry)
{
	while (*at < len && prefix_compare(&allow[*at], entry) <= 0 &&
	       !prefix_covers(&allow[*at], entry))
		++*at;
	return *at < len && prefix_covers(&allow[*at], entry);
}

size_t feed_sieve(struct prefix *entries, size_t count, const struct prefix *allow,
		  size_t allow_len, bool wide, struct feed_sieve *ret_sieve)
{
	struct feed_sieve sieve = {0};
	size_t to = 0, at = 0;

	for (size_t i = 0; i < count; i++) {
		const struct prefix entry = entries[i];

		if (!wide && feed_wide(&entry))
			sieve.wide++;
		else if (is_allowed(allow, allow_len, &at, &entry))
			sieve.allowed++;
		else {
			entries[to++] = entry;
			continue;
		}
		if (!sieve.first.family)
			sieve.first = entry;
	}
	*ret_sieve = sieve;
	return to;
}
