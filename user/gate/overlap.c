/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Two prefixes overlap only when one covers the other. Both sequences are sorted, so they are gone
 * through side by side: entries that end before the present never-ban entry begins are safe, and
 * the other way round. Only the widest never-ban entries count; what is inside them adds nothing.
 */
#include <user/gate/overlap.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/gate/nets.h>

/* The live ones of a never table that no other live one covers. */
struct widest {
	struct prefix *at;
	size_t count;
};

static int widest_collect(struct gate *gate, struct widest *widest)
{
	struct net_table *t[2];
	uint32_t now_s = clock_boot_s();
	int r = nets_table(gate, SZ_TABLE_NEVER, 4, &t[0]);

	if (!r)
		r = nets_table(gate, SZ_TABLE_NEVER, 6, &t[1]);
	if (r)
		return r;
	widest->at = calloc(t[0]->count + t[1]->count + 1, sizeof(*widest->at));
	if (!widest->at)
		return -ENOMEM;
	for (int six = 0; six < 2; six++)
		for (size_t i = 0; i < t[six]->count; i++) {
			const struct net *net = &t[six]->at[i];
			size_t n = widest->count;

			if (!say_live(SZ_TABLE_NEVER, &net->own, now_s) ||
			    (n && prefix_covers(&widest->at[n - 1], &net->prefix)))
				continue;
			widest->at[widest->count++] = net->prefix;
		}
	return 0;
}

/* Does all of a come before all of b? */
static bool is_before(const struct prefix *a, const struct prefix *b)
{
	return prefix_compare(a, b) < 0 && !prefix_covers(a, b);
}

static const struct prefix *next_overlap(const struct widest *widest, size_t *at,
					 const struct prefix *entry)
{
	const struct prefix *never;

	while (*at < widest->count && is_before(&widest->at[*at], entry))
		++*at;
	never = *at < widest->count ? &widest->at[*at] : NULL;
	if (!never || !(prefix_covers(never, entry) || prefix_covers(entry, never)))
		return NULL;
	return never;
}

static void report_refusal(struct list_report *report, const struct prefix *entry,
			   const struct prefix *never)
{
	if (report->refused < ARRAY_LEN(report->refusals)) {
		report->refusals[report->refused].entry = *entry;
		report->refusals[report->refused].never = *never;
	}
	report->refused++;
}

int overlap_refuse(struct gate *gate, const struct prefix *entries, size_t count,
		   struct list_report *report, struct prefix **ret_safe, size_t *ret_count)
{
	own_free struct prefix *safe = NULL;
	struct widest widest = {0};
	size_t at = 0, to = 0;
	int r = widest_collect(gate, &widest);

	for (size_t i = 0; !r && i < count; i++) {
		const struct prefix *never = next_overlap(&widest, &at, &entries[i]);

		if (!never) {
			if (safe)
				safe[to] = entries[i];
			to++;
			continue;
		}
		report_refusal(report, &entries[i], never);
		if (safe)
			continue;
		safe = malloc(count * sizeof(*safe));
		if (!safe)
			r = -ENOMEM;
		else
			memcpy(safe, entries, to * sizeof(*safe));
	}
	free(widest.at);
	if (r)
		return r;
	*ret_safe = take_ptr(safe);
	*ret_count = to;
	return 0;
}
