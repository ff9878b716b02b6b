/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A disk whose power can be cut. All of SQLite in this process goes through it: it passes every
 * call on, and keeps for each file what a sync has made safe, and what was written since. A cut
 * makes a copy of the files as they might be found afterwards:
 *
 *	- what was synced, byte for byte
 *	- of what was not: nothing, or some of its sectors (512 bytes) in any order, or all up to a
 *	  point within a write; of a file's length the same
 *	- a file that was made is there when its folder was synced, else perhaps; one that was
 *	  deleted is gone when its folder was synced, else perhaps. SQLite syncs the folder of a
 *	  journal or WAL with the file's first sync, and sometimes after a deletion.
 *	- shared memory (-shm) is gone.
 */
#ifndef TESTS_ORM_KIT_POWERCUT_H
#define TESTS_ORM_KIT_POWERCUT_H

#include <stdbool.h>
#include <stdint.h>

/* Watch the files whose names begin with `prefix`, from now on; before they are opened. What is
 * there is safe. */
void powercut_begin(const char *prefix);
/* No database may be open. */
void powercut_end(void);

enum powercut_luck {
	POWERCUT_NOTHING, /* of what was not synced */
	POWERCUT_SECTORS,
	POWERCUT_IN_ORDER,
	POWERCUT_LUCKS,
};
/* The files, as found after a cut now, `to` standing for the prefix. Others go on meanwhile. */
void powercut_copy(const char *to, enum powercut_luck luck, uint64_t *random);

/*
 * The next syncs of WALs fail, as many as said. `lost`: what they should have made safe never will
 * be, for a disk that has lost a page says so once; else it is safe in spite of the error.
 */
void powercut_fail_syncs(unsigned n, bool lost);
/* Syncs and bytes so far, for a test to see that it tested something. */
uint64_t powercut_syncs(void);
uint64_t powercut_lost(void); /* bytes not synced at cuts */

#endif
