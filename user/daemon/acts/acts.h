/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What operators do, made durable before it is acknowledged. A command changes the gate and says
 * which acts that were (request_act()); they go to the store, and the client's link is paused until
 * the store has them for good. The loop never waits: a link is answered from the store's callback.
 *
 * While the store is away, or does not answer within ACTS_WAIT_MS, or its backlog is full, acts go
 * into the journal (ctl/journal.h, confirmed by the disk), and the answer says so. From then on
 * everything goes there, until the store is back and has taken the journal in: so acts reach it in
 * the order in which they were done, whichever way they went. What is done while the last of the
 * journal is taken in waits for that, no longer than for a store. An act that went both ways is
 * done twice, which leaves what it would have left once.
 *
 * With `none` as the store acts hold in the maps and nowhere else.
 */
#ifndef STRAZH_USER_DAEMON_ACTS_ACTS_H
#define STRAZH_USER_DAEMON_ACTS_ACTS_H

#include <jansson.h>
#include <stdbool.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>
#include <user/ctl/request.h>

#define ACTS_WAIT_MS 3000U

struct keeper;
struct acts;
struct client_link;

/*
 * After memory_open(). What the journal has is imported before this returns, as far as the store
 * takes it within some seconds; the rest when it does. 0 or -errno.
 */
int acts_open(struct keeper *keeper) must_check;
/* Before memory_close(), which gives back what is still out: acts_free() after it. */
void acts_close(struct keeper *keeper);
void acts_free(struct keeper *keeper);

/* As struct host has them. */
int acts_take(void *keeper, const json_t *act);
int acts_list(void *keeper, const char *name, const struct prefix *entries, size_t count,
	      uint64_t until_wall);

/* Who gave the request that is being run, as the audit names him. NULL: nobody, none is. */
const char *acts_actor(const struct keeper *keeper);

/* A request of this user is about to be run. */
void acts_begin(struct keeper *keeper, uid_t uid);
/*
 * It was run. True: the store has to take its acts first; the link is paused, and `result`, which
 * is stolen, goes to it then (NULL: nobody's). False: answer at once; a warning may have been added
 * to it.
 */
bool acts_end(struct keeper *keeper, struct client_link *link, json_t *result) must_check;
/* The client went away; its acts go on. */
void acts_abandon(struct client_link *link);

/* Bytes that wait in the journal; acts that neither journal nor store took. */
void acts_waiting(const struct keeper *keeper, uint64_t *ret_bytes, uint64_t *ret_forgotten);

/* Each of them is with the store or was handed to it: none waits in the journal or on its way. */
bool acts_handed(const struct keeper *keeper);
/*
 * May an act have touched this prefix since acts_mark()? True now and then without reason. A mark
 * that is made while acts are on their way knows of these, too.
 */
bool acts_touched(const struct keeper *keeper, const struct prefix *prefix);
/* The same of a setting, a service (as the store names them) or, below ACTS_LIST, a list. */
bool acts_touched_name(const struct keeper *keeper, const char *name);
#define ACTS_LIST "list."
void acts_mark(struct keeper *keeper);

#endif
