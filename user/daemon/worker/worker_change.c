/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What running threads are told. All that can fail is done first: the files are read, and for each
 * reactor there is a notice with everything in it. Then they are pushed, which cannot fail, and
 * what is in common is changed. So all threads have the old keys or all get the new ones.
 *
 * A notice replaces all that the one before it said; they arrive in order.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <user/base/log.h>
#include <user/crypto/keyfile.h>
#include <user/daemon/worker/worker_parts.h>
#include <user/net/listener.h>

struct notice {
	struct mail letter;
	struct server_change *change;
	uint32_t hello_ms;
};

static uint64_t wall_s(void)
{
	return (uint64_t)time(NULL);
}

/* ---- notices ---- */

static void read_notice(void *receiver, void *item)
{
	struct reactor *reactor = receiver;
	struct notice *notice = item;

	if (reactor) {
		server_change_take(reactor->context, notice->change);
		listeners_set_hello(reactor, notice->hello_ms);
	} else {
		server_change_free(notice->change);
	}
	free(notice);
}

static struct notice *make_notice(struct identity *identity, const struct ticket_keys *tickets,
				  const struct server_limits *limits)
{
	struct notice *notice = calloc(1, sizeof(*notice));

	if (!notice)
		return NULL;
	notice->letter = (struct mail){.run = read_notice, .item = notice};
	notice->hello_ms = limits->hello_ms;
	if (!server_change_new(identity, tickets, limits, &notice->change))
		return notice;
	free(notice);
	return NULL;
}

/* To all reactors or to none: -ENOMEM. */
static int tell_all(struct worker *w, struct identity *identity, const struct ticket_keys *tickets,
		    const struct server_limits *limits)
{
	struct notice *notices[REACTORS_MAX];
	unsigned n = 0;

	while (n < w->common.reactors) {
		notices[n] = make_notice(identity, tickets, limits);
		if (!notices[n])
			break;
		n++;
	}
	if (n < w->common.reactors) {
		while (n--)
			read_notice(NULL, notices[n]);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n; i++)
		reactor_push(reactors_get(w->reactors, i), &notices[i]->letter);
	return 0;
}

/* ---- tickets ---- */

int worker_start_tickets(struct worker *w)
{
	const struct worker_live *live = &w->plan.live;

	w->has_tickets = live->ticket_s;
	return w->has_tickets ? ticket_keys_init(&w->tickets, live->ticket_s, live->ticket_chain_s,
						 wall_s())
			      : 0;
}

/* Those that there are go on under other times. */
static int change_tickets(const struct worker *w, const struct worker_live *live,
			  struct ticket_keys *ret_tickets)
{
	if (!live->ticket_s) {
		*ret_tickets = (struct ticket_keys){0};
		return 0;
	}
	if (!w->has_tickets)
		return ticket_keys_init(ret_tickets, live->ticket_s, live->ticket_chain_s,
					wall_s());
	*ret_tickets = w->tickets;
	ret_tickets->lifetime_s = live->ticket_s;
	ret_tickets->chain_s = live->ticket_chain_s;
	return 0;
}

/* With the lock held. A turn that cannot be told is tried again with the next renewal. */
static void turn_tickets(struct worker *w)
{
	struct ticket_keys turned = w->tickets;
	bool due = false;
	int r = ticket_keys_turn(&turned, wall_s(), &due);

	if (!r && due)
		r = tell_all(w, w->identity, &turned, &w->plan.live.limits);
	if (!r && due)
		w->tickets = turned;
	if (r)
		log_warning("the key of tickets was not renewed: %s; the old one stays",
			    strerror(-r));
	ticket_keys_deinit(&turned);
}

void worker_renew(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	if (identity_renew(w->identity))
		log_warning("a key's shield was not renewed; the old one stays");
	if (w->has_tickets)
		turn_tickets(w);
	pthread_mutex_unlock(&w->lock);
}

/* ---- a reload ---- */

void worker_describe(struct worker *w)
{
	char id[KEYFILE_ID_TEXT_LEN];

	snprintf(w->text, sizeof(w->text), "%.60s, %u thread%s, engine %s, key %s",
		 w->plan.addresses[0].text, w->plan.reactors, w->plan.reactors == 1 ? "" : "s",
		 server_engine(w->servers[0]), keyfile_id_text(identity_public(w->identity), id));
}

/* With the lock held. `identity` is taken if this succeeds. */
static int change(struct worker *w, struct identity *identity, const struct worker_live *live)
{
	struct ticket_keys tickets;
	int r = change_tickets(w, live, &tickets);

	if (r)
		return r;
	r = tell_all(w, identity, live->ticket_s ? &tickets : NULL, &live->limits);
	if (!r) {
		sources_set_limits(w->sources, &live->sources);
		identity_put(w->identity);
		w->identity = identity;
		w->tickets = tickets;
		w->has_tickets = live->ticket_s;
		w->plan.live = *live;
		worker_describe(w);
	}
	ticket_keys_deinit(&tickets);
	return r;
}

int worker_reload(struct worker *w, const struct config *config, const struct identity_files *files,
		  struct config_faults *faults)
{
	const struct worker_live live = worker_plan_live(config);
	struct identity *identity = NULL;
	int r = worker_read_identity(config, files, &identity, faults);

	if (r)
		return r;
	pthread_mutex_lock(&w->lock);
	r = change(w, identity, &live);
	pthread_mutex_unlock(&w->lock);
	if (r)
		identity_put(identity);
	if (r < 0 && r != -ENOMEM)
		r = worker_fault(faults, config, CFG_SERVER_TICKETS, "no key for tickets: %s",
				 strerror(-r));
	return r;
}
