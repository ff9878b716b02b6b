/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What this machine says about itself: addresses, next hops, DNS servers. Reads; changes nothing.
 */
#ifndef STRAZH_USER_GATE_SURROUNDINGS_H
#define STRAZH_USER_GATE_SURROUNDINGS_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>

#define SURROUNDINGS_MAX 65536U

struct neighbour {
	struct prefix prefix;
	uint64_t passes; /* why: bits SZ_PASS_* */
};

/* After surroundings_sort(): in the order of prefix_compare, each prefix once. */
struct surroundings {
	struct neighbour *at;
	size_t count, room;
};

void surroundings_deinit(struct surroundings *around);
#define own_surroundings cleanup_with(surroundings_deinit)

int surroundings_put(struct surroundings *around, const struct prefix *prefix,
		     uint32_t pass) must_check;
void surroundings_sort(struct surroundings *around);

int surroundings_loopback(struct surroundings *around) must_check;
/* Own addresses and next hops of default routes of this network namespace, through rtnetlink. */
int surroundings_addresses(struct surroundings *around) must_check;
int surroundings_routes(struct surroundings *around) must_check;
/* The servers of a resolv.conf(5); a file that is not there names none. */
int surroundings_dns(struct surroundings *around, const char *path) must_check;

#endif
