/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Presence, the writer's side: see abi/present.h. Marks are set in the maps at once and in the
 * shadow of a running sweep too, so that the end of its round does not take them away.
 */
#ifndef STRAZH_USER_GATE_PRESENT_H
#define STRAZH_USER_GATE_PRESENT_H

#include <stdint.h>

#include <strazh/abi/present.h>
#include <strazh/base/compiler.h>
#include <user/base/prefix.h>
#include <user/gate/dlines.h>
#include <user/gate/gate.h>

/* What a sweep has seen so far. */
struct present_shadow {
	struct sz_present4 v4[SZ_PRESENT4_LINES];
	struct sz_present6 v6[SZ_PRESENT6_LINES];
	uint32_t levels;
	uint64_t pass4[4], pass6[4]; /* what never and allow have to do with; see abi/settings.h */
	struct dlines_shadow dlines;
};

/* Before the entry is inserted. Safe on several threads at once. */
void present_mark(struct gate *gate, const struct prefix *prefix);
/* The same for an entry of never or allow, besides. */
void present_mark_pass(struct gate *gate, const struct prefix *prefix);
/* An entry that a sweep came by: its shadow only. */
void present_see(struct gate *gate, struct present_shadow *shadow, const struct prefix *prefix);
void present_see_pass(struct present_shadow *shadow, const struct prefix *prefix);

/* Make the maps say what the shadow says; counts bits that were missing and bits that were stale.
 */
void present_finish(struct gate *gate, const struct present_shadow *shadow, uint64_t *ret_set,
		    uint64_t *ret_cleared);

#endif
