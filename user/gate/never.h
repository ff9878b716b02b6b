/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What must never be banned, found on this machine: loopback, own addresses, next hops of default
 * routes, DNS servers, the SSH peer of the operator. never_refresh() makes the never maps say that
 * and nothing else on its own behalf; what an operator put there stays.
 */
#ifndef STRAZH_USER_GATE_NEVER_H
#define STRAZH_USER_GATE_NEVER_H

#include <user/base/prefix.h>
#include <user/gate/gate.h>

/* How long the SSH peer of an operator's command stays protected. */
#define NEVER_SSH_S (12U * 3600U)

int never_refresh(struct gate *gate, uint32_t *ret_added, uint32_t *ret_removed) must_check;
int never_ssh_peer(struct gate *gate, const struct prefix *peer) must_check;
/* The SSH client of the session this process runs in: SSH_CONNECTION here or in an ancestor. */
int never_find_ssh(struct prefix *ret_peer) must_check; /* ACT_NOT_FOUND */

#endif
