/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What would the gate do with this frame? Asked of the program itself, in a second load that
 * changes nothing of the first: see load_dry(). It starts with the rates as they are now.
 */
#ifndef STRAZH_USER_GATE_DRY_H
#define STRAZH_USER_GATE_DRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/abi/reason.h>
#include <strazh/base/compiler.h>
#include <user/gate/gate.h>

struct dry;

struct dry_verdict {
	enum sz_reason reason;
	bool observed; /* it would pass, because it is only observed */
};

#define DRY_FRAME_LEAST 14U
#define DRY_FRAME_MOST 65535U

/* Conditions. */
enum {
	DRY_SHORT = 1, /* shorter than an Ethernet header */
	DRY_LONG,
};

/* A handle opened for reading will do. Needs the rights to load a program. */
int dry_new(struct gate *gate, struct dry **ret_dry) must_check;
void dry_free(struct dry *dry);
static inline void dry_freep(struct dry **dry)
{
	dry_free(*dry);
}
#define own_dry cleanup_with(dry_freep)

/* An Ethernet frame. */
int dry_ask(struct dry *dry, const void *frame, size_t len,
	    struct dry_verdict *ret_verdict) must_check;

#endif
