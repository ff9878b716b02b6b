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

#include <orm/drivers/pg/conn.h>
#include <orm/fault.h>

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

static bool send_pipeline(struct pg_conn *c, const struct orm_stmt *stmt,
			  const struct pg_prepared *ready, int format)
{
	struct pg_prepared *new = c->run.preparing;

	c->run.pipeline = true;
	if (!PQenterPipelineMode(c->pg) || !send_leads(c))
		return false;
	if (new && !PQsendPrepare(c->pg, new->name, stmt->sql, c->params.count, c->params.oids))
		return false;
	if (new || ready ? !send_prepared(c, new ? new : ready, format)
			 : !send_unnamed(c, stmt, format))
		return false;
	return PQpipelineSync(c->pg);
}

/* Nothing of it was flushed: libpq refused it, or had no memory. Half a pipeline may be queued. */
static int unsent(struct pg_conn *c, struct orm_error *err)
{
	if (c->run.pipeline)
		c->head.broken = true;
	c->risk = (struct pg_risk){0};
	return pg_lost(c, err);
}

int pg_send(struct pg_conn *c, const struct orm_stmt *stmt, struct orm_error *err)
{
	bool named = c->named && !(stmt->flags & ORM_STMT_ONCE);
	struct pg_prepared *p = named ? pg_cache_find(&c->cache, stmt->id) : NULL;
	int format = result_format(stmt);
	bool ok;

	c->run.text = !format;
	c->run.pipeline = false;
	if (p && !pg_prepared_fits(p, &c->params)) {
		pg_cache_doom(&c->cache, p);
		p = NULL;
	}
	if (named && !p) {
		pg_cache_make_room(&c->cache);
		c->run.preparing = pg_cache_new(&c->cache, stmt->id, c->params.oids,
						c->params.count);
		if (!c->run.preparing)
			return orm_fail(err, -ENOMEM, "no memory for a prepared statement");
	}
	c->run.prepared = p;
	if (c->begin || c->run.preparing)
		ok = send_pipeline(c, stmt, p, format);
	else
		ok = p ? send_prepared(c, p, format) : send_unnamed(c, stmt, format);
	return ok ? 0 : unsent(c, err);
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

	if (!c->run.pipeline)
		return 0;
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
		c->run.preparing = NULL;
	}
	return 0;
}
