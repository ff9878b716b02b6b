/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the store hears of feeds: how each does, quietly, and which list came into the gate or went,
 * as an act. The store is a record here: what is in force comes from the files and from the net.
 */
#include <user/daemon/feeding/feeding_parts.h>

#include <stdio.h>

#include <user/base/clock.h>
#include <user/daemon/keeper.h>
#include <user/daemon/memory/memory.h>

static int64_t ms(uint64_t s)
{
	return (int64_t)(s * 1000);
}

static struct store_act act_of(enum store_verb verb, bool quiet, const char *cause)
{
	return (struct store_act){
		.verb = verb,
		.quiet = quiet,
		.at_ms = ms(clock_wall_s()),
		.actor = "strazhd",
		.cause = cause,
		.detail = "",
	};
}

/* Where there is no store, or no room in its backlog, nothing is lost but the record. */
static void submit(const struct feed *feed, const struct store_act *act)
{
	(void)!memory_act(feed->feeding->keeper, act, NULL, NULL);
}

void feeding_store_feed(const struct feed *feed)
{
	struct store_act act = act_of(STORE_FEED_PUT, true, "fetched");

	act.feed = (struct store_feed){
		.name = feed->name,
		.url = feed->url,
		.weight = (double)feed->weight / 100,
		.every_s = (int64_t)feed->every_s,
		.expiry_s = (int64_t)feed->expiry_s,
		.etag = feed->head.etag,
		.tried_ms = ms(feed->tries.tried_s),
		.loaded_ms = feed->head.fetched_s ? ms(feed->fresh_s) : 0,
		.failures = (int32_t)MIN(feed->tries.failures, (unsigned)INT32_MAX),
		.entries = (int64_t)feed->head.count,
		.fault = feed->tries.fault,
	};
	submit(feed, &act);
}

void feeding_store_list(const struct feed *feed, bool removed)
{
	struct store_act act = removed ? act_of(STORE_LIST_REMOVE, false, "no copy holds")
				       : act_of(STORE_LIST_PUT, false, "a new copy");
	char origin[64];

	(void)snprintf(origin, sizeof(origin), "feed:%s", feed->name);
	act.list = (struct store_list){
		.name = feed->list,
		.origin = origin,
		.weight = (double)feed->weight / 100,
		.etag = feed->head.etag,
		.loaded_ms = ms(feed->fresh_s),
		.entries = (int64_t)feed->head.count,
	};
	submit(feed, &act);
}

void feeding_store_remove(const struct feed *feed)
{
	struct store_act act = act_of(STORE_FEED_REMOVE, true, "not configured any more");

	act.feed = (struct store_feed){.name = feed->name};
	submit(feed, &act);
}
