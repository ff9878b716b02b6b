/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who is in a list that weighs something but does not ban: asked for a host whenever something of
 * it is seen, so a binary search. Pure.
 */
#ifndef STRAZH_USER_FEED_LISTED_H
#define STRAZH_USER_FEED_LISTED_H

#include <stdbool.h>
#include <stddef.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>

struct listed {
	struct prefix *at; /* sorted; none inside another */
	size_t count;
};

/* `entries` as a copy has them: sorted, canonical. 0 or -ENOMEM. */
int listed_init(struct listed *listed, const struct prefix *entries, size_t count) must_check;
void listed_deinit(struct listed *listed);
bool listed_has(const struct listed *listed, const struct prefix *host);

#endif
