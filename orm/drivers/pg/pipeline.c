/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sent` is one group. Of each job come, in this order: one result for each lead (DEALLOCATE,
 * Prepare), its own, each ended by a NULL; after the last the sync, which has no NULL. `turn`
 * follows them. Jobs that are settled have no results and are passed over.
 *
 * Groups become smaller while they fail, so that a row of failures costs each of them few tries.
 *
 * A statement that is being prepared is in the cache at once, `pending`, so that the next job uses
 * it. If it comes to nothing, whoever used it gets 26000 and is queued again, as those of a failed
 * group are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <orm/base/fault.h>
#include <orm/drivers/pg/codec.h>
#include <orm/drivers/pg/pipeline.h>

#define SENT_MAX 1024U /* on the way */
#define TRIES_MAX 4U   /* then it is the statement that breaks connections */

void pg_pipeline_init(struct pg_pipeline *p)
{
	*p = (struct pg_pipeline){0};
	pg_jobs_init(&p->queued);
	pg_jobs_init(&p->sent);
	p->group_max = PG_GROUP_MAX;
}

int pg_pipeline_attach(struct pg_pipeline *p, struct pg_conn *c, struct orm_error *err)
{
	if (!PQenterPipelineMode(c->pg))
		return pg_lost(c, err);
	p->c = c;
	p->group_max = 1; /* the first job tells what the session is like */
	p->turn = p->culprit = NULL;
	p->fatal = p->sync_failed = p->hurried = p->was_null = false;
	return 0;
}

void pg_pipeline_add(struct pg_pipeline *p, struct pg_job *job)
{
	pg_jobs_append(&p->queued, job);
}

/* ---- out ---- */

static bool send_leads(struct pg_conn *c, struct pg_job *job)
{
	char sql[PG_PREPARED_NAME_MAX + 16];

	struct pg_prepared **end = &job->burying;

	while (c->cache.doomed) {
		struct pg_prepared *p = c->cache.doomed;

		snprintf(sql, sizeof(sql), "DEALLOCATE %s", p->name);
		if (!PQsendQueryParams(c->pg, sql, 0, NULL, NULL, NULL, NULL, 0))
			return false;
		c->cache.doomed = p->chain;
		p->chain = NULL;
		*end = p;
		end = &p->chain;
		job->leads++;
	}
	return true;
}

/* Has the statement a name, or gets one? NULL: it goes unnamed; so when memory is short. */
static struct pg_prepared *name_for(struct pg_conn *c, struct pg_job *job)
{
	struct pg_prepared *p;

	if (!c->named || job->stmt->flags & ORM_STMT_ONCE)
		return NULL;
	p = pg_cache_find(&c->cache, job->stmt->id);
	if (p && pg_prepared_fits(p, &job->params)) {
		orm_tally_add(&c->head.tally, ORM_M_prepare_hits, 1);
		return p;
	}
	if (p && p->pending)
		return NULL;
	if (p)
		pg_cache_doom(&c->cache, p);
	if (c->cache.count >= c->cache.max && c->cache.oldest->pending)
		return NULL;
	pg_drop_for_one(c);
	p = pg_cache_new(&c->cache, job->stmt->id, job->params.oids, job->params.count);
	if (!p)
		return NULL;
	p->pending = true;
	pg_cache_add(&c->cache, p);
	job->preparing = p;
	return p;
}

static bool send_job(struct pg_conn *c, struct pg_job *job)
{
	const struct orm_stmt *stmt = job->stmt;
	const struct pg_params *params = &job->params;
	int format = !(stmt->flags & ORM_STMT_RAW);
	struct pg_prepared *name;

	job->leads = 0;
	job->preparing = NULL;
	if (job->settled)
		return true;
	name = name_for(c, job);
	if (job->preparing) {
		if (!send_leads(c, job) ||
		    !PQsendPrepare(c->pg, name->name, stmt->sql, params->count, params->oids))
			return false;
		job->leads++;
	}
	if (name)
		return PQsendQueryPrepared(c->pg, name->name, params->count, params->values,
					   params->lengths, params->formats, format);
	return PQsendQueryParams(c->pg, stmt->sql, params->count, params->oids, params->values,
				 params->lengths, params->formats, format);
}

/* Rows one by one, so that a large result is refused before it fills the memory. Only possible
 * between the end of the one before and the first result. */
static void prime(struct pg_pipeline *p)
{
	while (p->turn && p->turn->settled)
		p->turn = p->turn->next;
	if (p->turn && !p->turn->leads && p->turn->stmt->flags & ORM_STMT_ROWS)
		PQsetSingleRowMode(p->c->pg);
}

int pg_pipeline_push(struct pg_pipeline *p, struct orm_error *err)
{
	/* One group at a time: what is sent again must not come after what was queued behind it. */
	if (!p->sent.first && p->queued.first) {
		struct pg_job *job;
		bool ok = true;

		while (ok && p->sent.count < p->group_max && p->queued.first) {
			job = pg_jobs_take(&p->queued);
			pg_jobs_append(&p->sent, job);
			ok = send_job(p->c, job);
		}
		p->turn = p->sent.first;
		prime(p);
		if (!ok || !PQpipelineSync(p->c->pg))
			return pg_lost(p->c, err);
	}
	return PQflush(p->c->pg) < 0 ? pg_lost(p->c, err) : 0;
}

/* ---- back ---- */

static const char *name_of(void *data, unsigned column)
{
	return PQfname(data, (int)column);
}

static int keep_row(struct pg_pipeline *p, struct pg_job *job, const PGresult *result, int row,
		    struct orm_value *values)
{
	bool text = job->stmt->flags & ORM_STMT_RAW;
	const char *why = "";

	for (int i = 0, n = PQnfields(result); i < n; i++) {
		enum orm_type want = job->stmt->column_type && i < job->stmt->columns
					     ? job->stmt->column_type[i]
					     : ORM_T_NONE;
		int r = 0;

		if (PQgetisnull(result, row, i))
			values[i] = orm_value_null();
		else
			r = (text ? pg_decode_text : pg_decode)(
				&p->c->row, PQftype(result, i), want, PQgetvalue(result, row, i),
				(size_t)PQgetlength(result, row, i), &values[i], &why);
		if (r > 0)
			return orm_fail(&job->err, r, "column '%.63s' (type %u): %s",
					PQfname(result, i), PQftype(result, i), why);
		if (r)
			return orm_fail(&job->err, r, "no memory for a value");
	}
	return orm_rowset_add(&job->rows, values);
}

/* What it gave, into the job. A value that cannot be read fails the job, not its group. */
static int keep_rows(struct pg_pipeline *p, struct pg_job *job, PGresult *result)
{
	unsigned columns = (unsigned)PQnfields(result);
	struct orm_value *values;
	int r = 0;

	if (!job->rows.names)
		r = orm_rowset_columns(&job->rows, columns, name_of, result);
	for (int row = 0; !r && row < PQntuples(result); row++) {
		arena_reset(&p->c->row);
		values = arena_alloc(&p->c->row, columns * sizeof(*values) + 1);
		r = values ? keep_row(p, job, result, row, values) : -ENOMEM;
	}
	if (r && !job->err.class)
		orm_fail(&job->err, r,
			 r < 0 ? "no memory for a result"
			       : "the result is more than the limit allows");
	return r;
}

static void on_own(struct pg_pipeline *p, struct pg_job *job, PGresult *result)
{
	job->changed = pg_count_changed(result);
	if (PQnfields(result) > 0 && !job->failed)
		job->failed = keep_rows(p, job, result) != 0;
}

/* What was sent before the job's statement has come. */
static void on_lead(struct pg_pipeline *p, struct pg_job *job)
{
	struct pg_prepared *buried = job->burying;

	if (buried) {
		job->burying = buried->chain;
		free(buried);
	} else if (job->preparing) {
		orm_tally_add(&p->c->head.tally, ORM_M_prepares, 1);
		job->preparing->pending = false;
		job->preparing = NULL;
	}
}

static bool is_stale(const PGresult *result)
{
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *from = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

	return code && (!strcmp(code, "26000") ||
			(!strcmp(code, "0A000") && from && !strcmp(from, "RevalidateCachedQuery")));
}

/* The first error of a group: the rest of it is skipped. */
static void on_failure(struct pg_pipeline *p, const PGresult *result)
{
	struct pg_job *job = p->turn;
	int64_t now = pg_now_ms();
	struct orm_error err;
	bool again;

	p->c->risk = (struct pg_risk){0};
	if (!PQresultErrorField(result, PG_DIAG_SQLSTATE)) {
		p->c->head.broken = true; /* libpq's own words: no answer */
		return;
	}
	p->c->timed_out = job && job->until_ms && now >= job->until_ms;
	pg_blame(p->c, result, &err);
	if (!job) {
		p->sync_failed = true;
		p->sync_err = err;
		return;
	}
	p->culprit = job;
	p->fatal |= p->c->head.broken;
	again = job->tries < TRIES_MAX &&
		(p->fatal || is_stale(result) || (p->hurried && err.class == ORM_E_CANCELLED));
	if (is_stale(result)) {
		struct pg_prepared *stale = pg_cache_find(&p->c->cache, job->stmt->id);

		/* A DEALLOCATE of what the server has forgotten already. */
		if (job->leads && job->burying)
			on_lead(p, job);
		else if (stale && !stale->pending)
			pg_cache_doom(&p->c->cache, stale);
	}
	if (again) {
		job->tries++;
		return;
	}
	job->settled = job->failed = true;
	job->err = err;
}

/* One command is over. */
static void on_null(struct pg_pipeline *p)
{
	struct pg_job *job = p->turn;

	if (!job)
		return;
	if (job->leads)
		job->leads--;
	else
		p->turn = job->next;
	prime(p);
}

/* ---- the end of a group ---- */

/* What was to be prepared or given up and was not: as if it had never been sent. */
static void undo(struct pg_pipeline *p, struct pg_job *job)
{
	struct pg_cache *cache = p->c ? &p->c->cache : NULL;

	if (job->preparing && cache)
		pg_cache_drop(cache, job->preparing);
	job->preparing = NULL;
	while (job->burying) {
		struct pg_prepared *one = job->burying;

		job->burying = one->chain;
		if (cache) {
			one->chain = cache->doomed;
			cache->doomed = one;
		} else {
			free(one);
		}
	}
	if (!job->settled) {
		orm_rowset_reset(&job->rows);
		orm_error_clear(&job->err);
		job->failed = false;
		job->changed = 0;
	}
}

/* In front of the queue, in their order. */
static void requeue(struct pg_pipeline *p, struct pg_jobs *again)
{
	if (!again->first)
		return;
	*again->end = p->queued.first;
	if (!p->queued.first)
		p->queued.end = again->end;
	p->queued.first = again->first;
	p->queued.count += again->count;
}

/* The group was rolled back as a whole. A failure waits for those before it, which are queued
 * again; one that came at the end is nobody's yet, unless the group is one job. */
static void on_rollback(struct pg_pipeline *p, struct pg_jobs *told)
{
	bool alone = p->sent.count == 1;
	struct pg_jobs again;
	struct pg_job *job;

	pg_jobs_init(&again);
	p->group_max = MAX(MIN((size_t)p->group_max, p->sent.count) / 2, 1);
	while ((job = pg_jobs_take(&p->sent)) != NULL) {
		undo(p, job);
		if (p->sync_failed && alone && !job->settled) {
			job->settled = job->failed = true;
			job->err = p->sync_err;
		}
		pg_jobs_append(job->settled && !again.first ? told : &again, job);
	}
	requeue(p, &again);
}

/* It was committed, and perhaps on no standby: see pg_doubt(). */
static void doubt(struct pg_pipeline *p, struct pg_job *job)
{
	p->c->risk.write = job->stmt->flags & (ORM_STMT_WRITES | ORM_STMT_RAW);
	if (!job->failed && pg_doubt(p->c, &job->err))
		job->failed = true;
}

/* The sync has come: the group was committed, or rolled back. */
static void on_sync(struct pg_pipeline *p)
{
	struct pg_jobs told;
	struct pg_job *job;

	pg_jobs_init(&told);
	if (p->culprit || p->sync_failed) {
		on_rollback(p, &told);
	} else {
		p->group_max = MIN(p->group_max * 2, PG_GROUP_MAX);
		while ((job = pg_jobs_take(&p->sent)) != NULL) {
			doubt(p, job);
			pg_jobs_append(&told, job);
		}
	}
	p->c->risk = (struct pg_risk){0};
	p->c->unreplicated = p->c->timed_out = false;
	p->turn = p->culprit = NULL;
	p->sync_failed = false;
	while ((job = pg_jobs_take(&told)) != NULL)
		job->done(job);
}

/* false: there was nothing, twice in a row: the connection is gone. */
static bool on_result(struct pg_pipeline *p, PGresult *result)
{
	if (!result) {
		if (p->was_null)
			return false;
		p->was_null = true;
		on_null(p);
		return true;
	}
	p->was_null = false;
	switch (PQresultStatus(result)) {
	case PGRES_PIPELINE_SYNC:
		on_sync(p);
		break;
	case PGRES_FATAL_ERROR:
		if (!p->culprit)
			on_failure(p, result);
		break;
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_SINGLE_TUPLE:
	case PGRES_EMPTY_QUERY:
		if (p->turn && p->turn->leads)
			on_lead(p, p->turn);
		else if (p->turn)
			on_own(p, p->turn, result);
		break;
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
	case PGRES_BAD_RESPONSE:
		p->c->head.broken = true;
		break;
	case PGRES_NONFATAL_ERROR:
	case PGRES_PIPELINE_ABORTED:
		break;
	}
	return true;
}

int pg_pipeline_pull(struct pg_pipeline *p, struct orm_error *err)
{
	struct pg_conn *c = p->c;

	c->risk = (struct pg_risk){0};
	if (!PQconsumeInput(c->pg) && !p->sent.first)
		return pg_lost(c, err);
	while (p->sent.first && !PQisBusy(c->pg)) {
		PGresult *result = PQgetResult(c->pg);
		bool ok = on_result(p, result);

		PQclear(result);
		if (!ok || c->head.broken || PQstatus(c->pg) != CONNECTION_OK)
			return pg_lost(c, err);
	}
	if (!p->sent.first && PQisBusy(c->pg))
		return pg_lost(c, err);
	if (c->head.broken || PQstatus(c->pg) != CONNECTION_OK)
		return pg_lost(c, err);
	return 0;
}

/* ---- the end of the connection ---- */

void pg_pipeline_detach(struct pg_pipeline *p, const struct orm_error *why)
{
	/* An error came in place of a result: the group was rolled back. Without such a word nobody
	 * knows. */
	bool known = p->culprit;
	struct pg_jobs again, told;
	struct pg_job *job;

	pg_jobs_init(&again);
	pg_jobs_init(&told);
	p->c = NULL;
	while ((job = pg_jobs_take(&p->sent)) != NULL) {
		uint8_t flags = job->stmt->flags;
		bool write = flags & (ORM_STMT_WRITES | ORM_STMT_RAW);
		bool risky = write && !(known && !(flags & ORM_STMT_RAW));

		undo(p, job);
		if (job->settled) {
			pg_jobs_append(&told, job);
		} else if (risky || job->tries >= TRIES_MAX) {
			orm_fail(&job->err, risky ? ORM_E_UNKNOWN_OUTCOME : ORM_E_CONNECTION, "%s",
				 why->text);
			memcpy(job->err.sqlstate, why->sqlstate, sizeof(why->sqlstate));
			job->failed = true;
			pg_jobs_append(&told, job);
		} else {
			job->tries++;
			pg_jobs_append(&again, job);
		}
	}
	p->turn = p->culprit = NULL;
	requeue(p, &again);
	while ((job = pg_jobs_take(&told)) != NULL)
		job->done(job);
}
