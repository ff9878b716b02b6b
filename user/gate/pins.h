/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The pin directory: opening, making and mending what is in it. Texts go to gate_error(). */
#ifndef STRAZH_USER_GATE_PINS_H
#define STRAZH_USER_GATE_PINS_H

#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/gate/gate.h>

/*
 * Open every pin of `gate`->pin_dir into gate->map. 0; GATE_ABSENT (none), GATE_DAMAGED (some are
 * missing: theirs stay -1, or something else is pinned there), GATE_OTHER_LAYOUT; -errno.
 */
int pins_open(struct gate *gate) must_check;
/* Make all maps and pin them in one step: after a crash there are all or none. */
int pins_create(struct gate *gate, const struct gate_sizes *sizes) must_check;
/*
 * After GATE_DAMAGED: pin again what is missing, from programs that still use it, else anew. Sets
 * gate->remade. GATE_DAMAGED again where that cannot be done safely.
 */
int pins_repair(struct gate *gate, const struct gate_sizes *sizes) must_check;
int pins_remove(const char *pin_dir) must_check;

#endif
