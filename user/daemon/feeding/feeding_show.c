/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Feeds as commands see them. */
#include <user/daemon/feeding/feeding_parts.h>

#include <stdlib.h>

#include <user/base/clock.h>
#include <user/daemon/keeper.h>

static uint64_t next_s(const struct feed_tries *tries)
{
	uint64_t now_ms = feeding_now_ms();

	return tries->next_ms > now_ms ? (tries->next_ms - now_ms + 999) / 1000 : 0;
}

static const char *state_of(const struct feed *feed)
{
	return feed->in_gate	      ? "in the gate"
	       : feed->in_force	      ? "weighed"
	       : feed->head.fetched_s ? "not in force"
				      : "no copy yet";
}

static struct host_feed show_feed(const struct feed *feed)
{
	return (struct host_feed){
		.name = feed->name,
		.url = feed->url,
		.fault = feed->tries.fault,
		.state = state_of(feed),
		.left = feed->refusal,
		.entries = feed->in_force ? feed->head.count : 0,
		.left_out = feed->refused + feed->sieve.wide + feed->sieve.allowed,
		.lines_wrong = feed->head.wrong,
		.fetched = feed->head.fetched_s ? feed->fresh_s : 0,
		.next_s = next_s(&feed->tries),
		.expires_s = feed_left_s(feed),
		.failures = feed->tries.failures,
		.weight = feed->weight,
		.running = feed->child.pid != 0,
	};
}

static struct host_feed show_crowdsec(const struct crowdsec *c)
{
	struct decisions_figures figures = decisions_figures(c->decisions);

	return (struct host_feed){
		.name = "crowdsec",
		.url = c->url,
		.fault = c->tries.fault,
		.state = figures.in_gate ? "in the gate"
			 : c->synced_s	 ? "in the gate"
					 : "no copy yet",
		.left = c->refusal,
		.entries = figures.in_gate,
		.left_out = figures.refused + figures.full,
		.lines_wrong = c->wrong,
		.other = c->other,
		.fetched = c->synced_s,
		.next_s = next_s(&c->tries),
		.failures = c->tries.failures,
		.weight = 100,
		.running = c->child.pid != 0,
	};
}

const struct host_feed *feeding_show(void *context, size_t *ret_count)
{
	const struct keeper *keeper = context;
	struct feeding *f = keeper->feeding;
	size_t count = 0;

	*ret_count = 0;
	if (!f)
		return NULL;
	if (!f->shown)
		f->shown = calloc(CONFIG_FEEDS_MAX + 1, sizeof(*f->shown));
	if (!f->shown)
		return NULL;
	for (const struct feed *feed = f->feeds; feed; feed = feed->next)
		f->shown[count++] = show_feed(feed);
	if (f->crowdsec)
		f->shown[count++] = show_crowdsec(f->crowdsec);
	*ret_count = count;
	return f->shown;
}

size_t feeding_processes(const struct keeper *keeper,
			 struct feeding_process ret_list[FEEDING_RUNNING_MAX])
{
	const struct feeding *f = keeper->feeding;
	size_t len = 0;

	if (!f)
		return 0;
	if (f->crowdsec && f->crowdsec->child.pid)
		ret_list[len++] = (struct feeding_process){f->crowdsec->child.pid, "asks CrowdSec"};
	for (const struct feed *feed = f->feeds; feed && len < FEEDING_RUNNING_MAX;
	     feed = feed->next)
		if (feed->child.pid)
			ret_list[len++] = (struct feeding_process){feed->child.pid,
								   "fetches a block list"};
	return len;
}
