/* SPDX-License-Identifier: Apache-2.0 */
/* Where a server's write-ahead log is: what routing reads to replicas goes by. */
#ifndef STRAZH_ORM_LSN_H
#define STRAZH_ORM_LSN_H

#include <orm/drivers/driver.h>

struct orm_lsn {
	bool in_recovery;  /* a standby; else it accepts writes */
	uint32_t timeline; /* of one that accepts writes: higher after each promotion; else 0 */
	uint64_t at;	   /* written so far; of a standby: replayed so far */
};

struct orm_lsn_source {
	/* One round trip. */
	int (*ask)(struct orm_conn *conn, struct orm_lsn *ret_lsn,
		   struct orm_error *err) must_check;
};

extern const struct orm_lsn_source orm_lsn_pg;

#endif
