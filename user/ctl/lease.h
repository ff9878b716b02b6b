/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The lockout guard: an attachment that takes itself back. The lease stands in the settings of the
 * gate, which stops dropping on that interface when the time is up; strazhd, or a guard process of
 * strazhctl, then detaches it.
 */
#ifndef STRAZH_USER_CTL_LEASE_H
#define STRAZH_USER_CTL_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include <user/gate/gate.h>

void lease_begin(struct gate *gate, uint32_t ifindex, uint32_t until_s);
void lease_end(struct gate *gate);
/* Is one running, or over and not rolled back yet? */
bool lease_get(const struct gate *gate, uint32_t *ret_ifindex, uint32_t *ret_until_s);

#define LEASE_NOT_DUE 1
/* Roll back what is due. 0: it was, *ret_ifindex tells which; LEASE_NOT_DUE; -errno. */
int lease_expire(struct gate *gate, uint32_t *ret_ifindex) must_check;

#endif
