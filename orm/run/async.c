/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries of a session over the pipeline of drivers/pg: rendered as ever, and their shape held
 * until the answer is there. The callback runs in the loop's thread.
 */
#include <errno.h>
#include <stdlib.h>

#include <strazh/orm/error.h>
#include <strazh/orm/guard.h>

#include <orm/base/fault.h>
#include <orm/drivers/pg/async.h>
#include <orm/run/exec.h>
#include <orm/run/wrote.h>

struct request {
	struct orm *db;
	struct orm_shape *shape;
	uint64_t client; /* the session may be gone by then */
	orm_async_done done;
	void *data;
};

int orm_async_open(struct orm *db, uint32_t queue_max, struct orm_async **ret_async,
		   struct orm_error *ret_error)
{
	struct orm_error ignored, *err = ret_error ? ret_error : &ignored;

	if (db->driver->dialect != ORM_POSTGRESQL)
		return orm_fail(err, ORM_E_STATE, "SQLite has no socket to wait for");
	return pg_async_open(db->address, &db->options, db->meter, queue_max, ret_async, err);
}

static void count(const struct request *request, const struct orm_answer *answer, int class)
{
	bool writes = exec_writes(request->shape);
	uint64_t rows = writes ? orm_answer_changed(answer) : orm_answer_count(answer);
	struct orm_meter *meter = request->db->meter;
	struct orm_guard_use use = {.queries = 1,
				    .errors = class != 0,
				    .rows = orm_answer_count(answer),
				    .shape = request->shape->stmt.id};

	orm_meter_add(meter, ORM_M_statements, 1);
	orm_meter_add(meter, writes ? ORM_M_rows_written : ORM_M_rows_read, rows);
	orm_meter_error(meter, class);
	if (request->db->guard && request->client)
		orm_guard_count(request->db->guard, request->client, &use);
}

static void answered(void *data, const struct orm_answer *answer)
{
	struct request *request = data;
	struct orm_shape *shape = request->shape;
	int class = orm_answer_class(answer);

	if (exec_writes(shape))
		wrote_elsewhere(request->db, shape);
	count(request, answer, class);
	request->done(request->data, answer);
	shape_put(request->db->shapes, shape);
	free(request);
}

int orm_async_submit(struct orm_async *a, struct orm_query *q, orm_async_done done, void *data)
{
	struct orm_session *s = q->session;
	struct request *request;
	struct orm_shape *shape;
	int r;

	if (!s)
		return q->class; /* it is nothing but its fault: there was no memory for it */
	if (s->db->driver->dialect != ORM_POSTGRESQL)
		return session_fail(s, -EINVAL, "the query is of a database that is not this one");
	r = exec_shape(s, q, &shape);
	if (r)
		return r;
	request = malloc(sizeof(*request));
	if (!request)
		return session_fail(s, -ENOMEM, "out of memory");
	shape_hold(s->db->shapes, shape);
	*request = (struct request){s->db, shape, s->client, done, data};
	exec_show(s, q->values, q->n_values);
	r = pg_async_submit(a, &shape->stmt, q->values, answered, request, &s->error);
	if (r) {
		shape_put(s->db->shapes, shape);
		free(request);
	}
	return r;
}
