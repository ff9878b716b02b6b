/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Counted, and freed by the last: reactors, histories and rings of slow members hold it. */
#include <user/service/cast.h>

#include <stdlib.h>

static void drop_hop(struct note *note)
{
	cast_put(((struct hop *)note)->cast);
}

struct cast *cast_new(struct relay *relay, struct shared_bytes *payload)
{
	unsigned reactors = relay->host->reactors;
	struct cast *cast = calloc(1, sizeof(*cast) + reactors * sizeof(cast->hops[0]));

	if (!cast)
		return NULL;
	atomic_init(&cast->references, 1);
	atomic_init(&cast->under_way, 0);
	cast->payload = payload;
	for (unsigned i = 0; i < reactors; i++) {
		cast->hops[i].cast = cast;
		cast->hops[i].note.drop = drop_hop;
	}
	return cast;
}

struct cast *cast_get(struct cast *cast)
{
	atomic_fetch_add_explicit(&cast->references, 1, memory_order_relaxed);
	return cast;
}

void cast_put(struct cast *cast)
{
	if (!cast || atomic_fetch_sub_explicit(&cast->references, 1, memory_order_acq_rel) != 1)
		return;
	shared_bytes_put(cast->payload);
	free(cast);
}

size_t cast_cost(const struct cast *cast)
{
	return sizeof(*cast) + sizeof(*cast->payload) + cast->payload->len;
}

struct ph_message cast_head(const struct cast *cast)
{
	return (struct ph_message){
		.service = PH_S_RELAY,
		.opcode = cast->opcode,
		.content = cast->content,
		.priority = cast->priority,
		.payload = cast->payload->bytes,
		.len = cast->payload->len,
	};
}

bool cast_is_for(const struct cast *cast, const struct member *member)
{
	return cast->from != member->id &&
	       (cast->opcode != RELAY_PRESENCE || (member->want & RELAY_WANT_PRESENCE));
}

void past_free(struct past *past, struct relay_shared *shared)
{
	if (!past)
		return;
	for (unsigned i = 0; i < past->count; i++)
		cast_put(past->casts[i]);
	discharge(&shared->queue_bytes, past->charged);
	free(past);
}
