/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is inside another entry is left out, so the last one at or before a host decides. */
#include <user/feed/listed.h>

#include <errno.h>
#include <stdlib.h>

int listed_init(struct listed *listed, const struct prefix *entries, size_t count)
{
	struct prefix *at = malloc((count + 1) * sizeof(*at));
	size_t to = 0;

	if (!at)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (!to || !prefix_covers(&at[to - 1], &entries[i]))
			at[to++] = entries[i];
	*listed = (struct listed){at, to};
	return 0;
}

void listed_deinit(struct listed *listed)
{
	free(listed->at);
	*listed = (struct listed){0};
}

bool listed_has(const struct listed *listed, const struct prefix *host)
{
	size_t low = 0, high = listed->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_compare(&listed->at[middle], host) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low && prefix_covers(&listed->at[low - 1], host);
}
