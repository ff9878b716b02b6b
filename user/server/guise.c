/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include <user/server/parts.h>

int guise_new(struct identity *identity, const struct ticket_keys *tickets,
	      struct guise **ret_guise)
{
	struct guise *guise = calloc(1, sizeof(*guise));

	if (!guise)
		return -ENOMEM;
	guise->references = 1;
	guise->identity = identity_get(identity);
	if (tickets)
		guise->tickets = *tickets;
	guise->hs = identity_server(identity, tickets ? &guise->tickets : NULL);
	*ret_guise = guise;
	return 0;
}

struct guise *guise_get(struct guise *guise)
{
	guise->references++;
	return guise;
}

void guise_put(struct guise *guise)
{
	if (!guise || --guise->references)
		return;
	identity_put(guise->identity);
	ticket_keys_deinit(&guise->tickets);
	free(guise);
}
