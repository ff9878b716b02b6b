/* SPDX-License-Identifier: Apache-2.0 */
/* Statements that wait: lists of them, and how one is made. */
#include <errno.h>
#include <stdlib.h>

#include <orm/base/fault.h>
#include <orm/drivers/pg/pipeline.h>

#define PARAM_BYTES_MAX (1U << 30)

void pg_jobs_init(struct pg_jobs *jobs)
{
	*jobs = (struct pg_jobs){.end = &jobs->first};
}

void pg_jobs_append(struct pg_jobs *jobs, struct pg_job *job)
{
	job->next = NULL;
	*jobs->end = job;
	jobs->end = &job->next;
	jobs->count++;
}

struct pg_job *pg_jobs_take(struct pg_jobs *jobs)
{
	struct pg_job *job = jobs->first;

	if (!job)
		return NULL;
	jobs->first = job->next;
	if (!jobs->first)
		jobs->end = &jobs->first;
	jobs->count--;
	job->next = NULL;
	return job;
}

int pg_job_new(const struct orm_stmt *stmt, const struct orm_value *values, size_t rows_max,
	       struct pg_job **ret_job, struct orm_error *err)
{
	struct pg_job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return orm_fail(err, -ENOMEM, "no memory for a statement");
	job->stmt = stmt;
	orm_rowset_init(&job->rows, rows_max);
	arena_init(&job->params.arena, PARAM_BYTES_MAX);
	r = pg_bind_copy(&job->params, stmt, values, err);
	if (r) {
		pg_job_free(job);
		return r;
	}
	*ret_job = job;
	return 0;
}

void pg_job_free(struct pg_job *job)
{
	pg_params_deinit(&job->params);
	orm_rowset_deinit(&job->rows);
	free(job);
}
