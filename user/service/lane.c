/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A lane is empty but for times when a mailbox was full; a timer tries again until it is. */
#include <user/service/lane.h>

#include <errno.h>
#include <stdlib.h>

#define LANE_MAX 256 /* notes that may be lost wait up to here */
#define RETRY_MS 2

static void discharge_way(struct note *note)
{
	discharge(&note->shared->way_bytes, note->charged);
	note->charged = 0;
}

static void run(struct posted *posted, struct service_host *host)
{
	struct note *note = (struct note *)posted;

	discharge_way(note);
	note->run(note, note->shared->instances[host->reactor]);
}

static void flush(struct relay *relay, unsigned reactor)
{
	struct lane *lane = &relay->lanes[reactor];

	while (lane->first) {
		struct posted *posted = lane->first, *next = posted->next;

		if (relay->host->post(relay->host, reactor, posted)) {
			posted->next = next;
			return;
		}
		lane->first = next;
		lane->len--;
	}
	lane->last = &lane->first;
}

static bool waiting(const struct relay *relay)
{
	for (unsigned i = 0; i < relay->host->reactors; i++)
		if (relay->lanes[i].len)
			return true;
	return false;
}

void lanes_flush(struct relay *relay)
{
	for (unsigned i = 0; i < relay->host->reactors; i++)
		flush(relay, i);
	if (relay->retrying && !waiting(relay) && !timer_stop(&relay->retry))
		relay->retrying = false;
}

static void retry(struct timer *timer)
{
	lanes_flush(timer->context);
}

int lanes_init(struct relay *relay)
{
	for (unsigned i = 0; i < relay->host->reactors; i++)
		relay->lanes[i].last = &relay->lanes[i].first;
	return timer_open(relay->host->loop, &relay->retry, retry, relay);
}

void lanes_deinit(struct relay *relay)
{
	timer_close(&relay->retry);
	for (unsigned i = 0; i < relay->host->reactors; i++) {
		struct posted *posted = relay->lanes[i].first, *next;

		for (; posted; posted = next) {
			struct note *note = (struct note *)posted;

			next = posted->next;
			discharge_way(note);
			note->drop(note);
		}
	}
}

/* The next flush of any lane tries again should the timer fail. */
static void wait_in(struct relay *relay, struct lane *lane, struct note *note)
{
	note->posted.next = NULL;
	*lane->last = &note->posted;
	lane->last = &note->posted.next;
	lane->len++;
	if (!relay->retrying)
		relay->retrying = !timer_start(&relay->retry, RETRY_MS, RETRY_MS);
}

static int send_within(struct relay *relay, unsigned reactor, struct note *note, unsigned max)
{
	struct lane *lane = &relay->lanes[reactor];

	note->shared = relay->shared;
	note->posted.run = run;
	if (reactor == relay->host->reactor) {
		note->run(note, relay);
		return 0;
	}
	if (max != UINT32_MAX && note->weight) {
		if (!charge(&relay->shared->way_bytes, relay->shared->settings.queue_memory,
			    note->weight))
			return -EAGAIN;
		note->charged = note->weight;
	}
	flush(relay, reactor);
	if (!lane->len && !relay->host->post(relay->host, reactor, &note->posted))
		return 0;
	if (lane->len >= max) {
		discharge_way(note);
		return -EAGAIN;
	}
	wait_in(relay, lane, note);
	return 0;
}

int lane_offer(struct relay *relay, unsigned reactor, struct note *note)
{
	return send_within(relay, reactor, note, LANE_MAX);
}

void lane_send(struct relay *relay, unsigned reactor, struct note *note)
{
	int r = send_within(relay, reactor, note, UINT32_MAX);

	(void)r; /* that many notes do not fit in memory */
}
