/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The table in front of the hash of denied IPv4 hosts, the writer's side: see abi/dline.h. Called
 * by hosts.c around every change of the hash, so nobody else need know that it is there. On a
 * handle without the table (gate->dlines NULL) all of this does nothing.
 *
 * Keys are struct sz_host4, one after the other.
 */
#ifndef STRAZH_USER_GATE_DLINES_H
#define STRAZH_USER_GATE_DLINES_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/abi/dline.h>
#include <strazh/abi/rule.h>
#include <strazh/base/compiler.h>
#include <user/base/prefix.h>
#include <user/gate/gate.h>

/*
 * Before the hash is changed: of these hosts packets ask the hash from now on. After it: what the
 * table says of them, or that they are gone. An end that never comes costs time, not truth. Safe on
 * several threads at once.
 */
void dlines_begin(struct gate *gate, const uint8_t *keys, uint32_t count);
void dlines_write(struct gate *gate, const uint8_t *keys, const struct sz_rule *rules,
		  uint32_t count);
void dlines_delete(struct gate *gate, const uint8_t *keys, uint32_t count);

/* Hits of an IPv4 host that its entry does not know of yet. */
uint64_t dlines_hits(struct gate *gate, const struct prefix *host);

/* No slots. `all`: the hash is known to be empty; else the table says nothing of any host. */
void dlines_clear(struct gate *gate, bool all);

/* ---- for the sweep: what a round has seen so far ---- */

#define DLINES_SLOTS ((size_t)SZ_DLINES * SZ_DLINE_WAYS)
struct dlines_shadow {
	uint64_t seen[DLINES_SLOTS / 64]; /* slots of hosts that are in the hash */
	uint64_t outside[SZ_DLINES / 64]; /* lines with hosts that have no slot */
	uint32_t next;			  /* line that dlines_finish() goes on with */
};

/*
 * A host in the hash, as it stands there: its slot is put right. True where it was wrong. Its hits
 * are taken out of the slot and added to rule->hits; *ret_carried: there were some, so write the
 * entry.
 */
bool dlines_see(struct gate *gate, struct dlines_shadow *shadow, const struct prefix *host,
		struct sz_rule *rule, bool *ret_carried) must_check;
/*
 * After all hosts: some lines, and of the slots that nobody was seen to have about `most`. Slots of
 * hosts that are not in the hash go, and lines say SZ_DLINE_ALL where it is so. *repaired counts
 * slots that told a falsehood.
 */
int dlines_finish(struct gate *gate, struct dlines_shadow *shadow, uint32_t most,
		  uint64_t *repaired, bool *ret_done) must_check;

#endif
