/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: their queries, their last error, and taking and giving back connections. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <orm/base/fault.h>
#include <orm/run/result.h>
#include <orm/run/session.h>

#define FREE_QUERIES_MAX 16U
#define FIRST_MAX (64U << 20)

int orm_session_open(struct orm *db, struct orm_session **ret_session)
{
	struct orm_session *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->db = db;
	s->number = __atomic_add_fetch(&db->sessions_ever, 1, __ATOMIC_RELAXED);
	orm_error_clear(&s->error);
	arena_init(&s->first, FIRST_MAX);
	orm_rowset_init(&s->returned, (size_t)db->options.result_bytes_max);
	orm_meter_join(db->meter, &s->tally);
	__atomic_add_fetch(&db->sessions, 1, __ATOMIC_RELAXED);
	*ret_session = s;
	return 0;
}

static void free_queries(struct orm_query *q)
{
	while (q) {
		struct orm_query *next = q->next;

		query_delete(q);
		q = next;
	}
}

void orm_session_close(struct orm_session *s)
{
	if (!s)
		return;
	orm_cursor_close(s->cursor);
	orm_rollback(s);
	while (s->results)
		orm_result_free(s->results);
	for (unsigned i = 0; i < SESSION_SHAPES; i++)
		shape_put(s->db->shapes, s->memo[i]);
	free_queries(s->free);
	free_queries(s->lent);
	arena_deinit(&s->first);
	orm_rowset_deinit(&s->returned);
	orm_meter_leave(&s->tally);
	__atomic_sub_fetch(&s->db->sessions, 1, __ATOMIC_RELAXED);
	free(s);
}

int orm_connect(const char *url, struct orm_session **ret_session, struct orm_error *ret_error)
{
	struct orm *db;
	int r = orm_open(url, NULL, &db, ret_error);

	if (r)
		return r;
	r = orm_session_open(db, ret_session);
	if (r) {
		orm_close(db);
		return orm_fail(ret_error, r, "out of memory");
	}
	return 0;
}

void orm_disconnect(struct orm_session *s)
{
	struct orm *db = s ? s->db : NULL;

	orm_session_close(s);
	orm_close(db);
}

const struct orm_error *orm_error(const struct orm_session *s)
{
	return &s->error;
}

struct orm *orm_session_db(const struct orm_session *s)
{
	return s->db;
}

void orm_session_promise(struct orm_session *s, enum orm_promise promise)
{
	s->promise = promise;
}

void orm_session_client(struct orm_session *s, uint64_t client)
{
	s->client = client;
}

int session_fail(struct orm_session *s, int class, const char *format, ...)
{
	char text[sizeof(s->error.text)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return orm_fail(&s->error, class, "%s", text);
}

bool session_is_durable(const struct orm_session *s)
{
	if (s->promise == ORM_DEFAULT_PROMISE)
		return s->db->options.durable > 0;
	return s->promise == ORM_DURABLE;
}

/* ---- queries ---- */

struct orm_query *session_query(struct orm_session *s)
{
	struct orm_query *q = s->free;

	if (q) {
		s->free = q->next;
		s->n_free--;
		query_reset(q);
	} else {
		q = query_new(s);
		if (!q)
			return query_no_memory();
	}
	q->prev = NULL;
	q->next = s->lent;
	if (s->lent)
		s->lent->prev = q;
	s->lent = q;
	return q;
}

void orm_query_free(struct orm_query *q)
{
	struct orm_session *s = q ? q->session : NULL;

	if (!s)
		return;
	*(q->prev ? &q->prev->next : &s->lent) = q->next;
	if (q->next)
		q->next->prev = q->prev;
	if (s->n_free == FREE_QUERIES_MAX) {
		query_delete(q);
		return;
	}
	q->next = s->free;
	s->free = q;
	s->n_free++;
}

/* ---- results ---- */

void session_adopt(struct orm_session *s, struct orm_result *result)
{
	result->prev = NULL;
	result->next = s->results;
	if (s->results)
		s->results->prev = result;
	s->results = result;
}

void session_disown(struct orm_result *result)
{
	if (result->prev)
		result->prev->next = result->next;
	else if (result->session->results == result)
		result->session->results = result->next;
	if (result->next)
		result->next->prev = result->prev;
	result->prev = result->next = NULL;
}

/* ---- connections ---- */

static int take_routed(struct orm_session *s, bool writes, uint64_t least_ns, struct lane *ret_lane)
{
	struct orm_route *route = s->db->route;
	struct orm_routed routed;
	int r = writes ? orm_route_write(route, -1, &routed, &s->error)
		       : orm_route_read(route, &s->seen, least_ns, -1, &routed, &s->error);

	if (!r)
		*ret_lane = (struct lane){routed.pooled->conn, routed.pooled, routed};
	return r;
}

static int take_one(struct orm_session *s, bool writes, uint64_t least_ns, struct lane *ret_lane)
{
	struct orm *db = s->db;
	struct orm_pooled *pooled;
	struct orm_conn *conn;
	int r;

	if (db->route)
		return take_routed(s, writes, least_ns, ret_lane);
	if (!writes) {
		r = orm_pool_acquire(db->readers, -1, &pooled, &s->error);
		if (!r)
			*ret_lane = (struct lane){.conn = pooled->conn, .pooled = pooled};
		return r;
	}
	if (!db->writer)
		return session_fail(s, ORM_E_READ_ONLY, "the database was opened read-only");
	r = db->driver->lease(db->writer, db->options.acquire_timeout_ms, &conn, &s->error);
	if (!r)
		*ret_lane = (struct lane){.conn = conn};
	return r;
}

int lane_take(struct orm_session *s, bool writes, uint64_t least_ns, struct lane *ret_lane)
{
	int r = take_one(s, writes, least_ns, ret_lane);

	while (!r && ret_lane->pooled && ret_lane->pooled->owner &&
	       ret_lane->pooled->owner != s->number) {
		orm_pooled_expire(ret_lane->pooled);
		lane_give(s, ret_lane, 0);
		r = take_one(s, writes, least_ns, ret_lane);
	}
	return r;
}

void lane_note(const struct orm_session *s, struct lane *lane, const struct orm_shape *shape)
{
	if (!lane->pooled || !(shape->stmt.flags & ORM_STMT_RAW))
		return;
	lane->pooled->unclean = true;
	if (shape->stmt.flags & ORM_STMT_STAYS)
		lane->pooled->owner = s->number;
}

bool lane_give(struct orm_session *s, struct lane *lane, int class)
{
	bool moved = false;

	if (!lane->conn)
		return false;
	if (s->db->route)
		moved = orm_route_give_back(s->db->route, &lane->routed, class);
	else if (lane->pooled)
		orm_pool_release(s->db->readers, lane->pooled);
	else
		s->db->driver->give_back(s->db->writer, lane->conn);
	*lane = (struct lane){0};
	return moved;
}
