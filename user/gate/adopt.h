/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The parts of an adoption: attach_adopt() in adopt.c puts them together. */
#ifndef STRAZH_USER_GATE_ADOPT_H
#define STRAZH_USER_GATE_ADOPT_H

#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/gate/attach.h>
#include <user/gate/gate.h>

/* Exchange `old` (ours or foreign) for a fresh load of ours; in attach.c. */
int attach_exchange(struct gate *gate, const struct attachment *old) must_check;

/*
 * Bring what `foreign` holds into `gate`: entries with their expiry, hits and notes, list names.
 * What is there already is left alone, so it can be repeated; counts what it added. ATTACH_NO_ROOM,
 * -errno; gate_error() says why.
 */
int import_entries(struct gate *gate, struct gate *foreign, struct adoption *adoption) must_check;
/* Settings too, if nobody has touched ours. */
bool import_settings(struct gate *gate, struct gate *foreign);

#endif
