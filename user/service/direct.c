/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * From one member to another. The first byte of a member's number says its reactor, so the message
 * goes straight there; for a number that nobody has it comes back.
 */
#include <user/service/client.h>

#include <stdlib.h>

#include <user/service/lane.h>

static void direct_free(struct direct *direct)
{
	shared_bytes_put(direct->payload);
	free(direct);
}

static void drop_direct(struct note *note)
{
	direct_free((struct direct *)note);
}

static void refuse_sender(struct relay *relay, struct direct *direct, enum ph_code code,
			  const char *why)
{
	struct client *client = client_find(relay, direct->from);

	if (client)
		client_refuse(relay, client, RELAY_DIRECT, direct->request, code, why);
	direct_free(direct);
}

static void came_back(struct note *note, struct relay *relay)
{
	relay->count.refused_absent++;
	refuse_sender(relay, (struct direct *)note, PH_C_ABSENT, "there is no such member");
}

/* It waits with the client, unless too much waits. */
static void wait_for_room(struct relay *relay, struct client *client, struct direct *direct,
			  const struct ph_message *head)
{
	if (client_add(relay, client, head, direct->payload)) {
		relay->count.missed++;
		client->missed++;
		if (relay->shared->settings.policy == RELAY_CLOSE)
			client_too_slow(relay, client);
		return;
	}
	direct->payload = NULL;
}

static void arrived(struct note *note, struct relay *relay)
{
	struct direct *direct = (struct direct *)note;
	struct client *client = client_find(relay, direct->to);
	struct ph_message head = {
		.service = PH_S_RELAY,
		.opcode = RELAY_DIRECT,
		.content = direct->content,
		.priority = direct->priority,
		.payload = direct->payload->bytes,
		.len = direct->payload->len,
	};

	if (!client) {
		note->run = came_back;
		if (lane_offer(relay, (unsigned)(direct->from >> CLIENT_REACTOR_SHIFT) - 1, note))
			direct_free(direct);
		return;
	}
	if (client_send(relay, client, &head, direct->payload) == PEER_FULL)
		wait_for_room(relay, client, direct, &head);
	else
		relay->count.delivered++;
	direct_free(direct);
}

void direct_send(struct relay *relay, struct direct *direct)
{
	uint64_t reactor = (direct->to >> CLIENT_REACTOR_SHIFT) - 1;

	direct->note.run = arrived;
	direct->note.drop = drop_direct;
	direct->note.weight = sizeof(*direct) + direct->payload->len;
	if (reactor >= relay->host->reactors) {
		came_back(&direct->note, relay);
	} else if (lane_offer(relay, (unsigned)reactor, &direct->note)) {
		relay->count.refused_limit++;
		refuse_sender(relay, direct, PH_C_LIMIT, "the server is busy");
	}
}
