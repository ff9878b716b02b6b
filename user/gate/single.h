/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One program on an interface, without libxdp. All of them change only what they expect to find. */
#ifndef STRAZH_USER_GATE_SINGLE_H
#define STRAZH_USER_GATE_SINGLE_H

#include <strazh/base/compiler.h>
#include <user/gate/attach.h>
#include <user/gate/load.h>

/* -EBUSY: something is there. */
int single_attach(struct gate *gate, unsigned int ifindex, enum attach_mode mode,
		  enum load_entry entry) must_check;
/* -EEXIST: old->prog_id is there no more. */
int single_exchange(struct gate *gate, const struct attachment *old,
		    enum load_entry entry) must_check;
int single_detach(const struct attachment *old) must_check;

#endif
