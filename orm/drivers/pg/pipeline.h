/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of statements on one connection, in libpq's pipeline mode. What is queued when
 * pg_pipeline_push() is called goes out as a group with one sync: the server runs it as one
 * transaction. A job is told when the sync of its group has come, in the order of the queue.
 *
 * When a job of a group fails, the server has rolled back what came before it in the group and
 * skipped what came after: those are queued again, in their order, and the failure waits for its
 * turn. So each job fares as if it had been sent alone, after the one before it.
 */
#ifndef STRAZH_ORM_PG_PIPELINE_H
#define STRAZH_ORM_PG_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

#include <orm/drivers/pg/conn.h>
#include <orm/table/rowset.h>

#define PG_GROUP_MAX 256U

struct pg_job {
	struct pg_job *next;
	const struct orm_stmt *stmt; /* alive until the job is told */
	struct pg_params params;     /* the values, copied */
	void (*done)(struct pg_job *job);
	void *data;
	void *owner;
	int64_t until_ms; /* its time is up then */

	/* what became of it: `failed` says whether err counts */
	struct orm_rowset rows;
	uint64_t changed;
	struct orm_error err;
	bool failed;

	/* on its way */
	struct pg_prepared *preparing; /* the cache's, pending until the server has it */
	struct pg_prepared *burying;   /* given up by the statements that go before it */
	unsigned leads;		       /* results to come before its own */
	unsigned tries;		       /* that came to nothing for no fault of its own */
	bool settled;		       /* failed already: it only waits for its turn */
};

struct pg_jobs {
	struct pg_job *first, **end;
	size_t count;
};

struct pg_pipeline {
	struct pg_conn *c; /* NULL: not connected */
	struct pg_jobs queued, sent;
	size_t group_max;
	struct pg_job *turn;	/* whose results come next; NULL: a sync's, or none */
	struct pg_job *culprit; /* of the group whose results come */
	bool fatal;		/* the server said that it goes away instead of running the group */
	bool sync_failed;	/* the group failed at its end; sync_err says why */
	bool hurried;		/* a cancellation was sent: it may hit a later statement */
	bool was_null;
	struct orm_error sync_err;
};

void pg_jobs_init(struct pg_jobs *jobs);
void pg_jobs_append(struct pg_jobs *jobs, struct pg_job *job);
struct pg_job *pg_jobs_take(struct pg_jobs *jobs); /* the first; NULL: none */

/* Copies the values. 0, or err->class. */
int pg_job_new(const struct orm_stmt *stmt, const struct orm_value *values, size_t rows_max,
	       struct pg_job **ret_job, struct orm_error *err) must_check;
void pg_job_free(struct pg_job *job);

void pg_pipeline_init(struct pg_pipeline *p);
/* On this connection, which is idle, from now on. */
int pg_pipeline_attach(struct pg_pipeline *p, struct pg_conn *c, struct orm_error *err) must_check;
void pg_pipeline_add(struct pg_pipeline *p, struct pg_job *job);
/* Send the next group, when none is on its way. Not 0: the connection is lost. */
int pg_pipeline_push(struct pg_pipeline *p, struct orm_error *err) must_check;
/* Take what has arrived, without waiting; calls done(). Not 0: the connection is lost. */
int pg_pipeline_pull(struct pg_pipeline *p, struct orm_error *err) must_check;
/*
 * The connection is gone, for this reason: writes whose outcome is unknown are told, the rest is
 * queued again. The connection itself is the caller's to close.
 */
void pg_pipeline_detach(struct pg_pipeline *p, const struct orm_error *why);

#endif
