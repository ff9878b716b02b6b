/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Which entries of a list would deny somebody who must never be banned. */
#ifndef STRAZH_USER_GATE_OVERLAP_H
#define STRAZH_USER_GATE_OVERLAP_H

#include <stddef.h>

#include <user/base/prefix.h>
#include <user/gate/act.h>

/*
 * Fills report->refused and refusals. *ret_safe: the entries without the refused ones, the caller's
 * to free; NULL when none was refused. *ret_count: how many are left.
 */
int overlap_refuse(struct gate *gate, const struct prefix *entries, size_t count,
		   struct list_report *report, struct prefix **ret_safe,
		   size_t *ret_count) must_check;

#endif
