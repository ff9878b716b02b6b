/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A handle on maps that are not pinned at our place: those of a foreign instance. */
#ifndef STRAZH_USER_GATE_HANDLE_H
#define STRAZH_USER_GATE_HANDLE_H

#include <strazh/base/compiler.h>
#include <user/gate/gate.h>

/*
 * A reader's handle over `fds`, which it owns from now on, also on failure; sz_list and sz_note may
 * be absent (-1). GATE_DAMAGED, GATE_OTHER_LAYOUT, -errno. The caller closes it: gate_close().
 */
int handle_from_fds(const int fds[GATE_MAPS_TOTAL], struct gate **ret_gate) must_check;

#endif
