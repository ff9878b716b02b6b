/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The guard and the store. What the guard decides is written: a ban and its end durably, each with
 * its record in the audit; what it knows of sources behind it, when it has changed. What the store
 * knows comes back: all of it when a guard begins, and one source when it is seen again after it
 * was forgotten here. Where there is no store nothing of this does anything.
 */
#ifndef STRAZH_USER_DAEMON_MEMORY_REMEMBER_H
#define STRAZH_USER_DAEMON_MEMORY_REMEMBER_H

#include <user/guard/guard.h>
#include <user/store/rows.h>

struct keeper;

/* A guard is there and knows nothing yet: what is stored is on its way; after the journal, for that
 * may have taken back some of it. */
void remember_begin(struct keeper *keeper);
/* Before the loop runs: until all of it is there, or for some seconds; the rest comes later. */
void remember_wait(struct keeper *keeper);
/* The guard is about to go. closing: so is strazhd, and the store may be waited for. */
void remember_end(struct keeper *keeper, bool closing);
/* The guard does nothing any more, off or learning: what it did is taken out of the store. */
void remember_withdrawn(struct keeper *keeper);
/* There is no guard: is something of one in the store all the same? Then that, too. */
void remember_check(struct keeper *keeper);
/* Each 100 ms to 1 s, while there is a guard. */
void remember_tick(struct keeper *keeper);

/* Of struct guard_ops; they do not call back into the guard. */
void remember_record(struct keeper *keeper, const struct guard_record *record);
void remember_evict(struct keeper *keeper, const struct guard_kept *kept);

/* A fact about a source that answers us is about to be told to the guard. */
void remember_seen(struct keeper *keeper, uint8_t family, const uint8_t *addr);
/* An operator forgave a source or a prefix; known: the guard knew it. */
void remember_forgiven(struct keeper *keeper, const struct prefix *prefix, bool known);
/* Everyone: his act clears the store; what was late before it is not to come after it. */
void remember_forgiven_all(struct keeper *keeper);
/* Is all of it here that the store told at the start? Also where there is no store. */
bool remember_knows(const struct keeper *keeper);
/* A ban of the guard's that is in the gate: the guard knows it from here on, and the store is told.
 * False: it knew it, or there is none. */
bool remember_adopt(struct keeper *keeper, const struct prefix *prefix);
/*
 * Acts of operators came to the store out of their order: each ban that holds once more, as many at
 * a time as the store has room for.
 */
void remember_say_again(struct keeper *keeper);

/* ---- of user/daemon/memory/memory.c: what recall.h found ---- */

struct memory;
/* What was late is tried again. Each second. */
void remember_make_good(struct memory *memory);

void remember_source(void *memory, const struct store_source *source);
void remember_ban(void *memory, const struct store_ban *ban);
void remember_all(void *memory, uint32_t sources, uint32_t bans, bool more);
void remember_bans(void *memory, uint32_t bans);
void remember_one(void *memory, const struct prefix *prefix);

#endif
