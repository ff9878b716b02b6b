/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What we want of libxdp: our program below its dispatcher, beside those of others. */
#ifndef STRAZH_USER_GATE_DISPATCHER_H
#define STRAZH_USER_GATE_DISPATCHER_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/gate/attach.h>
#include <user/gate/load.h>

/* Is a program of this name libxdp's dispatcher? */
bool dispatcher_is(const char *prog_name);

/*
 * Attach a fresh load. Beside what is below the dispatcher there, or with a new dispatcher, or,
 * where the kernel has no freplace programs and nothing is attached, alone.
 */
int dispatcher_attach(struct gate *gate, unsigned int ifindex, enum attach_mode mode,
		      enum load_entry entry, uint32_t *ret_id) must_check;
/* Take one program away; the dispatcher goes with the last. */
int dispatcher_detach(unsigned int ifindex, uint32_t prog_id) must_check;

/* Programs below the dispatcher. A positive return of `visit` ends the walk and is returned. */
typedef int (*dispatcher_visit)(void *context, int prog_fd);
int dispatcher_walk(unsigned int ifindex, dispatcher_visit visit, void *context) must_check;

#endif
