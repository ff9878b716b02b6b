/* SPDX-License-Identifier: Apache-2.0 */
/* The writes of many callers in one transaction. */
#ifndef STRAZH_ORM_DRIVERS_SQLITE_GROUP_H
#define STRAZH_ORM_DRIVERS_SQLITE_GROUP_H

#include <limits.h>
#include <semaphore.h>

#include <orm/drivers/sqlite/lite.h>

#define LITE_UNDECIDED INT_MIN

/* A caller that waits, on its own stack. It may be gone as soon as `told` was posted. */
struct lite_waiter {
	struct lite_waiter *next;
	struct orm_write *write; /* NULL: wants a lease */
	struct orm_error *err;	 /* never NULL */
	int result;		 /* of what write() returns, or LITE_UNDECIDED */
	bool queued;
	atomic_bool decided; /* set before `told` is posted, so that all above is seen by then */
	sem_t told;
};

/*
 * Decide every waiter of the list: all that succeed are committed, durable ones with what that
 * takes; each that fails fails alone and leaves nothing behind. Tells nobody.
 */
void lite_group_run(struct orm_conn *conn, struct lite_waiter *first);

#endif
