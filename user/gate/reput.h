/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Sources with limits of their own: another tier, or a part of it. A host is IPv4 /32 or IPv6 /64
 * (its hosts cannot be told apart, they choose), a prefix /24 or /48; the gate asks for no others.
 */
#ifndef STRAZH_USER_GATE_REPUT_H
#define STRAZH_USER_GATE_REPUT_H

#include <stdbool.h>

#include <strazh/abi/rate.h>
#include <strazh/abi/rule.h>
#include <strazh/base/compiler.h>
#include <user/base/prefix.h>
#include <user/gate/gate.h>

/* Conditions. */
enum {
	REPUT_ABSENT = 1,
	REPUT_FULL,    /* gate_error() says how full */
	REPUT_LENGTH,  /* no length that the gate asks for; said by gate_error() */
	REPUT_FOREIGN, /* an operator's is there and not over, and this was the guard's */
};

/* The prefix under which `prefix` is kept: an IPv6 host becomes its /64. REPUT_LENGTH. */
int reput_key(const struct prefix *prefix, struct prefix *ret_key) must_check;
/* Writer only. first_s is kept where an entry is there; presence is marked before. REPUT_FOREIGN.
 */
int reput_put(struct gate *gate, const struct prefix *prefix,
	      const struct sz_reput *reput) must_check;
int reput_get(struct gate *gate, const struct prefix *prefix,
	      struct sz_reput *ret_reput) must_check; /* REPUT_ABSENT */
/*
 * What holds for a host or a prefix, as the gate asks: its own entry, else the one of its prefix,
 * while they are not over. *ret_key: whose it is. REPUT_ABSENT: the limits that everybody has.
 */
int reput_standing(struct gate *gate, const struct prefix *source, uint32_t now_s,
		   struct sz_reput *ret_reput, struct prefix *ret_key) must_check;
/* `origin`: who wants it. REPUT_ABSENT, REPUT_FOREIGN. */
int reput_drop(struct gate *gate, const struct prefix *prefix, uint8_t origin) must_check;

typedef int (*reput_visit)(void *context, const struct prefix *prefix,
			   const struct sz_reput *reput);

/* Where a walk is; all zero: at its begin. */
struct reput_cursor {
	uint8_t family; /* 0: not begun; 4, 6 */
	bool inside;	/* behind a key */
	uint32_t left; /* keys that may still come: an entry deleted under it makes it start over */
	uint32_t len;
	uint8_t addr[16];
};

/*
 * At most `most` entries from there on, each of both families at least once; *ret_done ends the
 * walk. A positive return of `visit` ends it too and is returned.
 */
int reput_walk(struct gate *gate, struct reput_cursor *cursor, uint32_t most, reput_visit visit,
	       void *context, bool *ret_done) must_check;
bool reput_is_over(const struct sz_reput *reput, uint32_t now_s);

#endif
