/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A room in one reactor. Members whose peers have room get a message at once. The others are
 * `lagging`, and the place keeps a ring of the last settings.queue messages for all of them
 * together: a lagging member is a cursor into it, so a thousand slow members cost what one costs.
 * Messages have numbers; the ring holds first .. next - 1, and every cursor is within them. What
 * falls out of the ring is missed by those whose cursor it was.
 *
 * There is a ring while somebody lags.
 */
#include <user/service/place.h>

#include <errno.h>
#include <stdlib.h>

#include <user/service/cast.h>
#include <user/service/client.h>

struct place {
	struct htable_node node; /* by number */
	struct member_list members, lagging;
	uint32_t number;
	uint64_t first, next;
	struct cast **ring;
};

static struct place *find(const struct relay *relay, uint32_t number)
{
	return (struct place *)htable_first(&relay->places, htable_number(number));
}

/* ---- the ring ---- */

static struct cast **slot(struct relay *relay, struct place *place, uint64_t n)
{
	return &place->ring[n % relay->shared->settings.queue];
}

static void missed_one(struct relay *relay, struct member *member, uint32_t count)
{
	member->missed += count;
	relay->count.missed += count;
	if (relay->shared->settings.policy == RELAY_CLOSE)
		client_too_slow(relay, member->client);
}

static void drop_first(struct relay *relay, struct place *place)
{
	struct cast *cast = *slot(relay, place, place->first);
	struct member *m;

	TAILQ_FOREACH(m, &place->lagging, lagging_in)
	{
		if (m->cursor != place->first)
			continue;
		m->cursor++;
		if (cast_is_for(cast, m))
			missed_one(relay, m, 1);
	}
	place->first++;
	discharge(&relay->shared->queue_bytes, cast_cost(cast));
	cast_put(cast);
}

/* Nobody lags any more, or all that they wait for is lost. */
static void empty_ring(struct relay *relay, struct place *place)
{
	while (place->first != place->next)
		drop_first(relay, place);
	free(place->ring);
	place->ring = NULL;
}

static bool has_room(struct relay *relay, struct place *place, const struct cast *cast)
{
	const struct relay_settings *may = &relay->shared->settings;

	if (!place->ring)
		place->ring = calloc(may->queue, sizeof(struct cast *));
	if (!place->ring)
		return false;
	if (place->next - place->first == may->queue)
		drop_first(relay, place);
	while (!charge(&relay->shared->queue_bytes, may->queue_memory, cast_cost(cast))) {
		if (place->first == place->next)
			return false;
		drop_first(relay, place);
	}
	return true;
}

/* As number place->next. False, without memory: it is missed by all who lag. */
static bool keep(struct relay *relay, struct place *place, const struct cast *cast)
{
	struct member *m;

	if (has_room(relay, place, cast)) {
		/* Counting it is the one thing that is done to it. */
		*slot(relay, place, place->next++) = cast_get((struct cast *)(uintptr_t)cast);
		return true;
	}
	TAILQ_FOREACH(m, &place->lagging, lagging_in)
	if (cast_is_for(cast, m))
		missed_one(relay, m, 1);
	return false;
}

static void lag(struct place *place, struct member *member)
{
	member->lagging = true;
	member->cursor = place->next;
	TAILQ_INSERT_TAIL(&place->lagging, member, lagging_in);
}

static void caught_up(struct relay *relay, struct place *place, struct member *member)
{
	member->lagging = false;
	TAILQ_REMOVE(&place->lagging, member, lagging_in);
	if (TAILQ_EMPTY(&place->lagging))
		empty_ring(relay, place);
}

/* ---- in and out ---- */

int place_enter(struct relay *relay, struct member *member)
{
	struct place *place = find(relay, member->answer.number);

	if (!place) {
		place = calloc(1, sizeof(*place));
		if (!place)
			return -ENOMEM;
		place->number = member->answer.number;
		TAILQ_INIT(&place->members);
		TAILQ_INIT(&place->lagging);
		htable_add(&relay->places, &place->node, htable_number(place->number));
	}
	member->place = place;
	TAILQ_INSERT_TAIL(&place->members, member, in_place);
	return 0;
}

void place_leave(struct relay *relay, struct member *member)
{
	struct place *place = member->place;

	if (member->lagging)
		caught_up(relay, place, member);
	TAILQ_REMOVE(&place->members, member, in_place);
	member->place = NULL;
	if (!TAILQ_EMPTY(&place->members))
		return;
	htable_remove(&relay->places, &place->node);
	free(place);
}

/* ---- messages ---- */

static bool send_one(struct relay *relay, struct member *member, const struct cast *cast)
{
	struct ph_message head = cast_head(cast);

	if (client_send(relay, member->client, &head, cast->payload) == PEER_FULL)
		return false;
	relay->count.delivered++;
	return true;
}

static bool tell_missed(struct relay *relay, struct member *member)
{
	if (!member->missed)
		return true;
	if (!client_send_missed(relay, member->client, member->answer.number, member->missed))
		return false;
	member->missed = 0;
	return true;
}

bool place_pump(struct relay *relay, struct member *member)
{
	struct place *place = member->place;

	while (member->cursor != place->next) {
		const struct cast *cast = *slot(relay, place, member->cursor);

		if (!tell_missed(relay, member))
			return false;
		if (cast_is_for(cast, member) && !send_one(relay, member, cast))
			return false;
		member->cursor++;
	}
	if (!tell_missed(relay, member))
		return false;
	caught_up(relay, place, member);
	return true;
}

/* A hole that all have. */
static void all_missed(struct relay *relay, struct place *place, uint32_t missed)
{
	struct member *m, *next;

	TAILQ_FOREACH(m, &place->members, in_place)
	{
		missed_one(relay, m, missed);
		if (!m->lagging)
			lag(place, m);
	}
	for (m = TAILQ_FIRST(&place->lagging); m; m = next) {
		next = TAILQ_NEXT(m, lagging_in);
		(void)place_pump(relay, m);
	}
}

void place_deliver(struct relay *relay, const struct cast *cast, uint32_t missed)
{
	struct place *place = find(relay, cast->number);
	enum { NOT_KEPT, KEPT, LOST } kept = NOT_KEPT;
	struct member *m;

	if (!place)
		return;
	if (missed)
		all_missed(relay, place, missed);
	if (!TAILQ_EMPTY(&place->lagging))
		kept = keep(relay, place, cast) ? KEPT : LOST;
	TAILQ_FOREACH(m, &place->members, in_place)
	{
		if (m->lagging || !cast_is_for(cast, m) || send_one(relay, m, cast))
			continue;
		lag(place, m);
		if (kept == NOT_KEPT)
			kept = keep(relay, place, cast) ? KEPT : LOST;
		else if (kept == KEPT)
			m->cursor--;
		else
			missed_one(relay, m, 1);
	}
}
