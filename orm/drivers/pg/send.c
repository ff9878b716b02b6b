/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One statement on its way. When it is prepared and nothing must go before it, it goes alone. Else
 * all goes out in one pipeline, one round trip:
 *
 *	BEGIN, SET LOCAL	a transaction that has begun on our side only
 *	DEALLOCATE		of what the cache gave up
 *	Prepare			the first time, and when parameters have other types than then
 *	the statement itself
 *	Sync
 *
 * What goes before are the `leads`; each has one result. They are taken in the same order by
 * pg_take_leads(), which does the bookkeeping: c->begin, the doomed, the prepared one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <orm/base/fault.h>
#include <orm/drivers/pg/conn.h>

/* Unless asked for text: raw statements have results of any type (textual.c). */
static int result_format(const struct orm_stmt *stmt)
{
	return !(stmt->flags & ORM_STMT_RAW);
}

/* A NULL is of any type. */
bool pg_prepared_fits(const struct pg_prepared *p, const struct pg_params *params)
{
	if (p->params != params->count)
		return false;
	for (unsigned i = 0; i < p->params; i++)
		if (p->oids[i] != params->oids[i] && params->values[i])
			return false;
	return true;
}

static bool send_bare(struct pg_conn *c, const char *sql)
{
	return PQsendQueryParams(c->pg, sql, 0, NULL, NULL, NULL, NULL, 0);
}

static bool send_prepared(struct pg_conn *c, const struct pg_prepared *p, int format)
{
	return PQsendQueryPrepared(c->pg, p->name, c->params.count, c->params.values,
				   c->params.lengths, c->params.formats, format);
}

static bool send_unnamed(struct pg_conn *c, const struct orm_stmt *stmt, int format)
{
	return PQsendQueryParams(c->pg, stmt->sql, c->params.count, c->params.oids,
				 c->params.values, c->params.lengths, c->params.formats, format);
}

static bool send_leads(struct pg_conn *c)
{
	char sql[PG_PREPARED_NAME_MAX + 16];

	if (c->begin &&
	    (!send_bare(c, c->begin) || (c->begin_sync && !send_bare(c, c->begin_sync))))
		return false;
	for (const struct pg_prepared *p = c->cache.doomed; p; p = p->chain) {
		snprintf(sql, sizeof(sql), "DEALLOCATE %s", p->name);
		if (!send_bare(c, sql))
			return false;
	}
	return true;
}

/* The statement with the parameters that are bound. */
static bool send_own(struct pg_conn *c, const struct orm_stmt *stmt)
{
	const struct pg_prepared *p = c->run.preparing ? c->run.preparing : c->run.prepared;
	int format = result_format(stmt);

	return p ? send_prepared(c, p, format) : send_unnamed(c, stmt, format);
}

static bool send_pipeline(struct pg_conn *c, const struct orm_stmt *stmt)
{
	const struct pg_prepared *new = c->run.preparing;

	c->run.pipeline = true;
	if (!PQenterPipelineMode(c->pg) || (c->run.leads && !send_leads(c)))
		return false;
	if (new && !PQsendPrepare(c->pg, new->name, stmt->sql, c->params.count, c->params.oids))
		return false;
	return send_own(c, stmt);
}

/* Nothing of it was flushed: libpq refused it, or had no memory. Half a pipeline may be queued. */
static int unsent(struct pg_conn *c, struct orm_error *err)
{
	if (c->run.pipeline)
		c->head.broken = true;
	c->risk = (struct pg_risk){0};
	return pg_lost(c, err);
}

void pg_drop_for_one(struct pg_conn *c)
{
	orm_tally_add(&c->head.tally, ORM_M_prepare_drops, pg_cache_make_room(&c->cache));
}

/* Which prepared statement it is, or is to become: run.prepared, run.preparing. */
static int find_name(struct pg_conn *c, const struct orm_stmt *stmt, struct orm_error *err)
{
	struct pg_prepared *p;

	c->run.text = !result_format(stmt);
	c->run.pipeline = false;
	c->run.prepared = NULL;
	if (!c->named || stmt->flags & ORM_STMT_ONCE)
		return 0;
	p = pg_cache_find(&c->cache, stmt->id);
	if (p && pg_prepared_fits(p, &c->params)) {
		orm_tally_add(&c->head.tally, ORM_M_prepare_hits, 1);
		c->run.prepared = p;
		return 0;
	}
	if (p)
		pg_cache_doom(&c->cache, p);
	pg_drop_for_one(c);
	c->run.preparing = pg_cache_new(&c->cache, stmt->id, c->params.oids, c->params.count);
	if (!c->run.preparing)
		return orm_fail(err, -ENOMEM, "no memory for a prepared statement");
	return 0;
}

int pg_send(struct pg_conn *c, const struct orm_stmt *stmt, struct orm_error *err)
{
	int r = find_name(c, stmt, err);
	bool ok;

	if (r)
		return r;
	c->run.leads = c->begin || c->run.preparing;
	if (c->run.leads)
		ok = send_pipeline(c, stmt) && PQpipelineSync(c->pg);
	else
		ok = send_own(c, stmt);
	return ok ? 0 : unsent(c, err);
}

int pg_send_first(struct pg_conn *c, const struct orm_stmt *stmt, struct orm_error *err)
{
	int r = find_name(c, stmt, err);

	c->run.leads = c->begin || c->run.preparing;
	if (r)
		return r;
	return send_pipeline(c, stmt) ? 0 : unsent(c, err);
}

int pg_send_more(struct pg_conn *c, const struct orm_stmt *stmt, struct orm_error *err)
{
	const struct pg_prepared *p = c->run.preparing ? c->run.preparing : c->run.prepared;

	if (p && !pg_prepared_fits(p, &c->params)) /* of other types than the first: unnamed */
		return send_unnamed(c, stmt, result_format(stmt)) ? 0 : unsent(c, err);
	return send_own(c, stmt) ? 0 : unsent(c, err);
}

/* One lead's result and the NULL behind it. ORM_E_END: it failed, *ret_failed is its error. */
static int take_lead(struct pg_conn *c, PGresult **ret_failed, struct orm_error *err)
{
	PGresult *result, *more;
	int r = pg_next(c, &result, err);

	if (r)
		return r;
	if (!result || PQresultStatus(result) != PGRES_COMMAND_OK) {
		*ret_failed = result;
		return result ? ORM_E_END : pg_lost(c, err);
	}
	PQclear(result);
	r = pg_next(c, &more, err);
	PQclear(r ? NULL : more);
	return r;
}

int pg_take_leads(struct pg_conn *c, PGresult **ret_failed, struct orm_error *err)
{
	int r = 0;

	if (!c->run.leads)
		return 0;
	c->run.leads = false;
	if (c->begin) {
		bool sync = c->begin_sync;

		r = take_lead(c, ret_failed, err);
		if (r)
			return r;
		c->begin = c->begin_sync = NULL;
		r = sync ? take_lead(c, ret_failed, err) : 0;
		if (r)
			return r;
	}
	while (c->cache.doomed) {
		r = take_lead(c, ret_failed, err);
		if (r)
			return r;
		pg_cache_bury(&c->cache);
	}
	if (c->run.preparing) {
		r = take_lead(c, ret_failed, err);
		if (r)
			return r;
		c->run.prepared = c->run.preparing;
		pg_cache_add(&c->cache, c->run.preparing);
		orm_tally_add(&c->head.tally, ORM_M_prepares, 1);
		c->run.preparing = NULL;
	}
	return 0;
}
