/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop's side of a pipeline. States:
 *
 *	DOWN		no connection; one is begun at retry_ms, if anything is queued
 *	CONNECTING	libpq's handshake
 *	UP		the session statement goes first: it says whether statements may be named
 *
 * Jobs are in the pipeline's lists whatever the state; `pending` counts those of the program. Each
 * has its time from submission on; the oldest is always the first, so only that one is looked at.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <orm/base/fault.h>
#include <orm/drivers/pg/async.h>
#include <orm/drivers/pg/pipeline.h>

#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 5000
#define GRACE_MS 2000 /* for a cancellation to be answered */

enum state { DOWN, CONNECTING, UP };

struct orm_async {
	struct pg_pipeline pipeline;
	struct pg_conn *conn;
	enum state state;
	short connect_events;
	bool unsent; /* libpq could not send all */
	bool closing;
	bool useful; /* this connection has answered */
	size_t pending, queue_max;
	size_t bytes, bytes_max; /* of parameters */
	int64_t connect_until_ms, retry_ms, retry_step_ms;
	int64_t give_up_ms; /* a cancellation was sent; 0: none */
	int64_t query_timeout_ms;
	struct orm_error last; /* why there is no connection */
	struct orm_options options;
	struct orm_meter *meter;
	char *address, *application_name, *prepare;
};

/* ---- answers ---- */

static const struct pg_job *job_of(const struct orm_answer *answer)
{
	return (const struct pg_job *)(const void *)answer;
}

int orm_answer_class(const struct orm_answer *answer)
{
	return job_of(answer)->failed ? job_of(answer)->err.class : 0;
}

const struct orm_error *orm_answer_error(const struct orm_answer *answer)
{
	return &job_of(answer)->err;
}

uint64_t orm_answer_changed(const struct orm_answer *answer)
{
	return job_of(answer)->changed;
}

size_t orm_answer_count(const struct orm_answer *answer)
{
	return job_of(answer)->rows.rows;
}

unsigned orm_answer_columns(const struct orm_answer *answer)
{
	return job_of(answer)->rows.columns;
}

const char *orm_answer_name(const struct orm_answer *answer, unsigned column)
{
	const struct orm_rowset *rows = &job_of(answer)->rows;

	return column < rows->columns ? rows->names[column] : NULL;
}

struct orm_value orm_answer_value(const struct orm_answer *answer, size_t row, unsigned column)
{
	const struct orm_rowset *rows = &job_of(answer)->rows;

	if (row >= rows->rows || column >= rows->columns)
		return orm_value_null();
	return rows->values[row * rows->columns + column];
}

/* ---- jobs ---- */

struct caller {
	orm_async_done done;
	void *data;
};

static void on_done(struct pg_job *job)
{
	struct orm_async *a = job->owner;
	struct caller *caller = job->data;

	a->pending--;
	a->bytes -= job->params.arena.total;
	caller->done(caller->data, (const struct orm_answer *)(const void *)job);
	free(caller);
	pg_job_free(job);
}

/* What the session is like. When it cannot be asked, nothing else will work. */
static void on_session(struct pg_job *job)
{
	struct orm_async *a = job->owner;

	a->useful = !job->failed && job->rows.rows == 1 && job->rows.columns >= 2;
	if (a->useful) {
		pg_session_learn(a->conn, &a->options, job->rows.values);
		a->pipeline.group_max = PG_GROUP_MAX;
	} else if (a->conn) {
		a->conn->head.broken = true;
	}
	pg_job_free(job);
}

static void fail_job(struct pg_job *job, int class, const char *text)
{
	orm_fail(&job->err, class, "%s", text);
	job->failed = true;
	job->done(job);
}

int pg_async_submit(struct orm_async *a, const struct orm_stmt *stmt,
		    const struct orm_value *values, orm_async_done done, void *data,
		    struct orm_error *err)
{
	struct caller *caller;
	struct pg_job *job;
	int r;

	if (a->closing || a->pending >= a->queue_max || a->bytes >= a->bytes_max)
		return orm_fail(err, ORM_E_BUSY, "the queue is full");
	r = pg_job_new(stmt, values, a->bytes_max, &job, err);
	if (r)
		return r;
	caller = malloc(sizeof(*caller));
	if (!caller) {
		pg_job_free(job);
		return orm_fail(err, -ENOMEM, "no memory for a statement");
	}
	*caller = (struct caller){done, data};
	job->data = caller;
	job->owner = a;
	job->done = on_done;
	job->until_ms = a->query_timeout_ms ? pg_now_ms() + a->query_timeout_ms : 0;
	a->pending++;
	a->bytes += job->params.arena.total;
	pg_pipeline_add(&a->pipeline, job);
	return 0;
}

/* ---- the connection ---- */

/* The session statement of the connection that is gone is of no use on the next one. */
static void drop_session_job(struct orm_async *a)
{
	struct pg_job *job = a->pipeline.queued.first;

	if (job && job->done == on_session)
		pg_job_free(pg_jobs_take(&a->pipeline.queued));
}

static void go_down(struct orm_async *a, const struct orm_error *why)
{
	bool was_up = a->state == UP;
	struct pg_conn *conn = a->conn;

	a->last = *why;
	a->state = DOWN;
	a->conn = NULL;
	a->unsent = false;
	a->give_up_ms = 0;
	a->retry_step_ms = a->useful ? RETRY_MIN_MS : MIN(a->retry_step_ms * 2, RETRY_MAX_MS);
	a->retry_ms = pg_now_ms() + (a->useful ? 0 : a->retry_step_ms);
	a->useful = false;
	if (was_up)
		pg_pipeline_detach(&a->pipeline, why);
	drop_session_job(a);
	pg_close((struct orm_conn *)conn);
	/* No later try will let us in. */
	if (why->class == ORM_E_AUTH || why->class == ORM_E_VALUE || why->class < 0) {
		struct pg_job *job;

		while ((job = pg_jobs_take(&a->pipeline.queued)) != NULL)
			fail_job(job, why->class, why->text);
	}
}

static int ask_session(struct orm_async *a, struct orm_error *err)
{
	struct orm_value values[2];
	struct pg_job *job;
	int r;

	pg_session_values(a->conn, &a->options, values);
	r = pg_job_new(&pg_session_stmt, values, 4096, &job, err);
	if (r)
		return r;
	job->owner = a;
	job->done = on_session;
	job->until_ms = a->connect_until_ms;
	job->next = a->pipeline.queued.first;
	if (!job->next)
		a->pipeline.queued.end = &job->next;
	a->pipeline.queued.first = job;
	a->pipeline.queued.count++;
	return 0;
}

static void begin_connect(struct orm_async *a, int64_t now)
{
	struct orm_error err;

	if (pg_conn_begin(a->address, &a->options, &a->conn, &err)) {
		go_down(a, &err);
		return;
	}
	orm_meter_join(a->meter, &a->conn->head.tally);
	a->state = CONNECTING;
	a->connect_events = POLLOUT;
	a->connect_until_ms = now + pg_option(a->options.connect_timeout_ms, 5000);
}

static void go_on_connecting(struct orm_async *a, int64_t now)
{
	struct pollfd fd = {.fd = PQsocket(a->conn->pg), .events = a->connect_events};
	struct orm_error err;
	int r;

	/* libpq wants to be called when its socket is ready, and only then. */
	if (poll(&fd, 1, 0) <= 0) {
		if (now < a->connect_until_ms)
			return;
		orm_fail(&err, ORM_E_CONNECTION, "the server did not answer in time");
		go_down(a, &err);
		return;
	}
	r = pg_conn_poll(a->conn, &a->connect_events, &err);
	if (!r && a->connect_events)
		return;
	if (!r)
		r = pg_pipeline_attach(&a->pipeline, a->conn, &err);
	if (!r)
		r = ask_session(a, &err);
	if (r) {
		go_down(a, &err);
		return;
	}
	a->state = UP;
}

/* ---- time ---- */

static struct pg_job *running(const struct orm_async *a)
{
	return a->pipeline.turn ? a->pipeline.turn : a->pipeline.sent.first;
}

/* What waits longer than it may. */
static void expire_queued(struct orm_async *a, int64_t now)
{
	struct pg_job *job;

	while ((job = a->pipeline.queued.first) != NULL) {
		bool alone = job->settled && !a->pipeline.sent.first;

		if (!alone && (job->settled || !job->until_ms || now < job->until_ms))
			return;
		pg_jobs_take(&a->pipeline.queued);
		if (alone) /* nothing before it is left to wait for */
			job->done(job);
		else if (a->state == UP || job->done == on_session)
			fail_job(job, ORM_E_TIMEOUT, "the queue did not move in time");
		else
			fail_job(job, ORM_E_CONNECTION,
				 *a->last.text ? a->last.text : "there was no connection in time");
	}
}

/* What runs longer than it may: cancelled, and when that is not answered, cut off. */
static void expire_running(struct orm_async *a, int64_t now)
{
	struct pg_job *job = running(a);
	struct orm_error err;
	bool write;

	if (a->give_up_ms && (!job || now < job->until_ms))
		a->give_up_ms = 0;
	if (!job || !job->until_ms || now < job->until_ms)
		return;
	if (!a->give_up_ms && pg_canceller_ask(a->conn->canceller)) {
		a->pipeline.hurried = true;
		a->give_up_ms = now + GRACE_MS;
		return;
	}
	if (a->give_up_ms && now < a->give_up_ms)
		return;
	write = job->stmt->flags & (ORM_STMT_WRITES | ORM_STMT_RAW);
	orm_fail(&err, ORM_E_CONNECTION,
		 "the server did not answer in time, nor to a cancellation");
	if (!job->settled) {
		job->err = err;
		job->err.class = write ? ORM_E_UNKNOWN_OUTCOME : ORM_E_TIMEOUT;
		job->err.retryable = false;
		job->settled = job->failed = true;
	}
	go_down(a, &err);
}

/* ---- the public side ---- */

static void work(struct orm_async *a, int64_t now)
{
	struct orm_error err;
	int r = pg_pipeline_pull(&a->pipeline, &err);

	if (!r) {
		expire_running(a, now);
		if (a->state != UP)
			return;
		r = pg_pipeline_push(&a->pipeline, &err);
	}
	if (r) {
		go_down(a, &err);
		return;
	}
	a->unsent = PQflush(a->conn->pg) > 0;
}

void orm_async_on_ready(struct orm_async *a)
{
	int64_t now = pg_now_ms();

	expire_queued(a, now);
	if (a->state == DOWN && a->pending && now >= a->retry_ms)
		begin_connect(a, now);
	if (a->state == CONNECTING)
		go_on_connecting(a, now);
	if (a->state == UP)
		work(a, now);
}

int orm_async_fd(const struct orm_async *a)
{
	return a->state == DOWN ? -1 : PQsocket(a->conn->pg);
}

short orm_async_events(const struct orm_async *a)
{
	if (a->state == DOWN)
		return 0;
	if (a->state == CONNECTING)
		return a->connect_events;
	return POLLIN |
	       (a->unsent || (a->pipeline.queued.first && !a->pipeline.sent.first) ? POLLOUT : 0);
}

/* The earlier one; 0 is never. */
static int64_t earlier(int64_t a, int64_t b)
{
	return !a || (b && b < a) ? b : a;
}

int orm_async_timeout_ms(const struct orm_async *a)
{
	const struct pg_job *queued = a->pipeline.queued.first, *sent = running(a);
	int64_t at = queued ? queued->until_ms : 0, left;

	if (sent && a->state == UP)
		at = earlier(at, a->give_up_ms ? a->give_up_ms : sent->until_ms);
	if (a->state == CONNECTING)
		at = earlier(at, a->connect_until_ms);
	if (a->state == DOWN && a->pending)
		at = earlier(at, a->retry_ms);
	if (!at)
		return -1;
	left = at - pg_now_ms();
	return left < 0 ? 0 : (int)MIN(left, 1 << 30);
}

size_t orm_async_pending(const struct orm_async *a)
{
	return a->pending;
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

int pg_async_open(const char *address, const struct orm_options *options, struct orm_meter *meter,
		  uint32_t queue_max, struct orm_async **ret_async, struct orm_error *err)
{
	static const struct orm_options defaults;
	struct orm_async *a = calloc(1, sizeof(*a));
	const struct orm_options *from = options ? options : &defaults;

	if (!a)
		return orm_fail(err, -ENOMEM, "no memory for a connection");
	pg_pipeline_init(&a->pipeline);
	a->queue_max = queue_max ? queue_max : ORM_ASYNC_QUEUE_MAX;
	a->bytes_max = (size_t)pg_option(from->result_bytes_max, 268435456);
	if (!a->bytes_max)
		a->bytes_max = SIZE_MAX;
	a->query_timeout_ms = pg_option(from->query_timeout_ms, 30000);
	a->retry_step_ms = RETRY_MIN_MS;
	a->retry_ms = pg_now_ms();
	a->options = *from;
	a->meter = meter;
	a->address = strdup(address);
	a->options.application_name = a->application_name = copy(from->application_name);
	a->options.prepare = a->prepare = copy(from->prepare);
	if (!a->address || (from->application_name && !a->application_name) ||
	    (from->prepare && !a->prepare)) {
		orm_async_close(a);
		return orm_fail(err, -ENOMEM, "no memory for a connection");
	}
	*ret_async = a;
	return 0;
}

void orm_async_close(struct orm_async *a)
{
	struct orm_error why;
	struct pg_job *job;

	if (!a)
		return;
	a->closing = true;
	orm_fail(&why, ORM_E_CANCELLED, "the connection was closed before the answer");
	go_down(a, &why);
	while ((job = pg_jobs_take(&a->pipeline.queued)) != NULL)
		fail_job(job, ORM_E_CANCELLED, why.text);
	free(a->address);
	free(a->application_name);
	free(a->prepare);
	free(a);
}
