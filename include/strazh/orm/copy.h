/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying the tables of one database into another one, SQLite or PostgreSQL each, while the source
 * is in use; proving that they are equal; and undoing it.
 *
 * The source is opened read-only. What is done is recorded in the target's table orm_copy, in the
 * transaction that does it: a copy that was killed goes on where it stopped.
 *
 * Two rows are equal when the SHA-256 of their canonical form is. It has a column's value as
 * types.h says, the same for both databases: numbers by their bits (-0.0 as 0.0, which SQLite
 * stores; one NaN), NUMERIC, INET and CIDR as PostgreSQL writes them, JSON as its text, JSONB by
 * its value whatever the order of members, timestamps in ms. A table's checksum is the sum of its
 * rows' modulo 2^256, which no order changes. Two tables of n rows that differ by accident have the
 * same sum, or two different rows the same SHA-256, with a probability below n^2 / 2^255. The sum
 * of a table is no defence against somebody who chooses many rows to that end; rows are therefore
 * always compared one by one as well, and only tables without a primary key by their sum alone.
 */
#ifndef STRAZH_ORM_COPY_H
#define STRAZH_ORM_COPY_H

#include <strazh/orm/schema.h>

#pragma GCC visibility push(default)

#define ORM_COPY_BATCH 10000U /* rows of a transaction in the target, unless told */
#define ORM_COPY_BATCH_MAX 1000000U
#define ORM_COPY_PASSES 8U
#define ORM_COPY_KEYS 8U /* of rows that differ: so many are named */

enum orm_copy_mode {
	/* Copy from one snapshot, then compare and repair, each pass in a snapshot of its own,
	 * until a pass finds nothing, or as much as the one before: then others write all the time,
	 * and the target is as the source was when the last pass began. */
	ORM_COPY_ONLINE,
	/* The same when nobody writes to the source any more: succeeds only when a pass has found
	 * the two equal. Takes tables without a primary key too. */
	ORM_COPY_FINAL,
	ORM_COPY_VERIFY, /* compare, change nothing */
	/* Drop the tables that the copy created, when nobody else has written to them since;
	 * `from` is not needed. */
	ORM_COPY_UNDO,
	ORM_COPY_STATUS, /* what orm_copy says; `from` is not needed */
};

struct orm_copy_progress {
	const char *table;
	unsigned pass;	   /* 0: the first one, which copies */
	uint64_t rows;	   /* of this table, copied or compared so far */
	uint64_t bytes;	   /* of their canonical form */
	uint64_t differed; /* in this pass so far */
};

struct orm_copy_job {
	const char *from, *to; /* URLs */
	enum orm_copy_mode mode;
	const char *const *tables; /* these only; */
	size_t table_count;	   /* 0: all of the source */
	/* What the tables are: NULL, as the source has them. */
	const struct orm_schema *schema;
	uint32_t batch;	 /* 0: ORM_COPY_BATCH */
	uint32_t passes; /* at most; 0: ORM_COPY_PASSES */
	/* UNDO: also tables that somebody else wrote to. Else: also into tables that had rows
	 * before the copy; what the source does not have is deleted there. */
	bool force;
	/* Now and then; other than 0 ends the copy with ORM_E_CANCELLED. May be NULL. */
	int (*progress)(void *data, const struct orm_copy_progress *progress);
	void *data;
};

struct orm_copy_line {
	char table[64];
	/* "new", "copying", "copied", "caught up", "equal", "proved", "different", "undone", "kept"
	 */
	const char *state;
	bool created;	      /* by the copy */
	unsigned pass;	      /* passes that compared, of this run */
	uint64_t copied;      /* rows by this run's first pass */
	uint64_t rows, bytes; /* of the source, as the last pass saw it */
	uint64_t target_rows; /* the target's before the last pass repaired it */
	uint64_t took_ms;     /* by all runs */
	char source_sum[65];  /* "": not compared by this run */
	char target_sum[65];
	uint64_t missing, changed, gone; /* rows of the last pass */
	uint64_t left;			 /* of these could not be repaired yet */
	char key[ORM_COPY_KEYS][128];	 /* the first that differ: "id 7: changed" */
};

struct orm_copy_report {
	struct orm_copy_line *lines;
	size_t count;
	char **notes; /* what of the source's tables has no equal in the target: indexes and the
			 like */
	size_t note_count;
	/* VERIFY, FINAL: equal. ONLINE: the target is as the source was when the last pass began.
	 * UNDO: all was undone. */
	bool done;
};

/*
 * Opens and closes both databases. 0 with a report, whatever it says of equality; or as error.h
 * says, with the report of what was done so far or NULL. ORM_E_SCHEMA: the tables do not fit, or
 * orm_copy is of another copy; nothing was changed.
 */
int orm_copy_run(const struct orm_copy_job *job, struct orm_copy_report **ret_report,
		 struct orm_error *ret_error) ORM_MUST_CHECK;
void orm_copy_report_free(struct orm_copy_report *report);

#pragma GCC visibility pop

#endif
