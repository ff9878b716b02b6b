/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The lists of a run, drawn from its seed: hosts and nested prefixes of both families, several
 * lists and origins an entry, times past, to come and without end; and the addresses that frames
 * should come from so that the lists have something to say about them.
 */
#ifndef STRAZH_TESTS_DIFF_WORLD_H
#define STRAZH_TESTS_DIFF_WORLD_H

#include <stdio.h>

#include "model.h"
#include "rng.h"

struct world_address {
	uint8_t family; /* 4 or 6 */
	uint8_t addr[16];
};

struct world {
	struct model_world model;
	struct world_address *pool;
	size_t pool_count;
};

/* Exits on failure, as all set-up here does: without its lists there is no test. */
void world_make(struct world *world, uint64_t seed);
void world_free(struct world *world);

const struct world_address *world_pick(const struct world *world, unsigned int family,
				       struct rng *rng);
/* What the map holds for this prefix: its own say and that of every prefix around it. */
struct sz_net_rule world_net_rule(const struct world *world, enum model_table table,
				  const struct model_say *say);

/* One address a line. */
void world_print_addresses(const struct world *world, FILE *to);
/* The same lists as a ruleset of nftables, under lists_off; expired entries left out. */
void world_print_ruleset(const struct world *world, FILE *to);

#endif
