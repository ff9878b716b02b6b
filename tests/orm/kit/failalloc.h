/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Allocations that fail on purpose: "with the n-th allocation failing, for all n".
 *
 * The calls of the objects linked into the program (the library's archive and the test) come here
 * by the linker's --wrap, with sanitizers as without; those inside shared libraries do not, but
 * SQLite and jansson may be told to allocate here too. Counted in the thread that armed, in no
 * other.
 */
#ifndef TESTS_ORM_KIT_FAILALLOC_H
#define TESTS_ORM_KIT_FAILALLOC_H

#include <stdbool.h>

/* From now on the n-th allocation of this thread fails, counted from 1; 0: only count them. */
void failalloc_arm(unsigned long n);
/* The same, and every one after it. */
void failalloc_arm_from(unsigned long n);
/* As before. The allocations since failalloc_arm(). */
unsigned long failalloc_disarm(void);
/* Did it fail one since it was last armed? Also after disarming. */
bool failalloc_failed(void);

/* SQLite and jansson allocate here as well. Before the first use of either; 0, or -EBUSY. */
int failalloc_take_libraries(void);

/*
 * body() again and again, with the 1st, 2nd, 3rd ... allocation failing, until none was left to
 * fail; it makes what it needs and takes it back each time, and does neither more nor fewer
 * allocations by itself. The test fails unless each run gives -ENOMEM, or 0 (what failed was of no
 * need, and the last run, in which nothing failed). The number of runs in which one failed.
 */
unsigned long failalloc_each(int (*body)(void *data), void *data);

#endif
