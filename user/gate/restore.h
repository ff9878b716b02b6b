/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What operators said before, put into the maps again, many at once. Nothing is asked about never
 * and allow: what was said held beside them, and a packet meets them first.
 */
#ifndef STRAZH_USER_GATE_RESTORE_H
#define STRAZH_USER_GATE_RESTORE_H

#include <user/gate/act.h>
#include <user/gate/hosts.h>

enum restore_state {
	RESTORE_ABSENT, /* the operator says nothing of it */
	RESTORE_OVER,	/* said, and over; not collected yet */
	RESTORE_LIVE,
};
/* Of exactly this prefix. *ret_until_s: of RESTORE_LIVE, 0: for good. */
int restore_ask(struct gate *gate, enum sz_table table, const struct prefix *prefix,
		enum restore_state *ret_state, uint32_t *ret_until_s) must_check;

struct restore_host {
	struct prefix prefix;
	uint32_t until_s;
	const char *note; /* NULL: none */
};
/* An entry of a trie: never, allow, a denied prefix. ACT_FULL. */
int restore_net(struct gate *gate, enum sz_table table, const struct restore_host *net) must_check;
/*
 * Denied hosts of one family, at most HOSTS_BATCH; others that name them keep their say. `fresh`:
 * none is in the map. ACT_FULL: the first ret_done are there.
 */
int restore_hosts(struct gate *gate, const struct restore_host *hosts, size_t count, bool fresh,
		  struct host_batch *room, size_t *ret_done) must_check;

#endif
