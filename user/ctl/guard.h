/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The process that rolls back an unconfirmed attachment where no strazhd runs. */
#ifndef STRAZH_USER_CTL_GUARD_H
#define STRAZH_USER_CTL_GUARD_H

#include <user/gate/gate.h>

/* Fork it into a session of its own: a lost SSH connection does not take it along. 0 or -errno. */
int guard_spawn(const struct gate_place *place, uint32_t until_s) must_check;

#endif
