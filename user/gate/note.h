/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What operators wrote beside their entries. The gate never reads it. */
#ifndef STRAZH_USER_GATE_NOTE_H
#define STRAZH_USER_GATE_NOTE_H

#include <stdbool.h>

#include <strazh/abi/meta.h>
#include <user/base/prefix.h>
#include <user/gate/gate.h>

/* UTF-8 that fits, without control characters? Else -EINVAL, and gate_error() says what is wrong.
 */
int note_check(const char *text) must_check;
/* A checked text; "" takes the note away. -ENOSPC: no room. */
int note_write(struct gate *gate, enum sz_table table, const struct prefix *prefix,
	       const char *text) must_check;
int note_read(struct gate *gate, enum sz_table table, const struct prefix *prefix,
	      struct sz_note *ret_note) must_check; /* 0 or -ENOENT */
int note_delete(struct gate *gate, enum sz_table table, const struct prefix *prefix) must_check;
/* Every note of a table. */
int notes_clear(struct gate *gate, enum sz_table table) must_check;

/*
 * Notes whose entry is gone, in slices: `token` begins at 0, *ret_done ends a run. `is_there` says
 * whether the entry is; 0, 1 or -errno.
 */
typedef int (*note_entry)(struct gate *gate, enum sz_table table, const struct prefix *prefix);
int notes_collect(struct gate *gate, note_entry is_there, uint32_t most, uint32_t *token,
		  bool *ret_done) must_check;

#endif
