/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One copy from its begin to its end. States of a table:
 *
 *	new -> copying -> copied -> equal | caught up | different -> proved (final)
 *
 * The first pass brings new and copying to copied, out of one snapshot. Then each pass compares all
 * tables, both sides in one snapshot each, and repairs. A later run begins where this one ended.
 */
#include <errno.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/copy/copy.h>
#include <orm/run/session.h>

#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* ---- what all parts use ---- */

int copy_took(struct copier *c, const struct orm_session *s, int r)
{
	if (r)
		c->err = *orm_error(s);
	return r;
}

int copy_fail(struct copier *c, int class, const char *format, ...)
{
	char text[sizeof(c->err.text)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return orm_fail(&c->err, class, "%s", text);
}

int64_t copy_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int copy_tell(struct copier *c, const struct copy_table *t, unsigned pass, uint64_t rows,
	      uint64_t bytes)
{
	struct orm_copy_progress progress = {.table = t->t->name,
					     .pass = pass,
					     .rows = rows,
					     .bytes = bytes,
					     .differed = t->line->missing + t->line->changed +
							 t->line->gone};

	if (!c->job->progress || !c->job->progress(c->job->data, &progress))
		return 0;
	return copy_fail(c, ORM_E_CANCELLED, "the copy was stopped");
}

/* ---- passes ---- */

static int snapshot(struct copier *c, bool both)
{
	static const struct orm_tx_options options = {ORM_REPEATABLE_READ, true};
	int r = copy_took(c, c->from, orm_begin(c->from, &options));

	return r || !both ? r : copy_took(c, c->seen, orm_begin(c->seen, &options));
}

static void release(struct copier *c)
{
	orm_rollback(c->from);
	orm_rollback(c->seen);
}

/*
 * Of a copy that goes on the snapshot is another one: rows behind the last key may refer to rows of
 * tables that were copied before they were written, so these are brought up to date first.
 */
static int first_pass(struct copier *c)
{
	bool needed = false;
	int r;

	for (size_t i = 0; i < c->count; i++)
		needed |= c->tables[i].state == COPY_NEW || c->tables[i].state == COPY_COPYING;
	r = needed ? snapshot(c, true) : 0;
	for (size_t i = 0; i < c->count && needed && !r; i++) {
		struct copy_table *t = &c->tables[i];
		bool unfinished = t->state == COPY_NEW || t->state == COPY_COPYING;

		if (unfinished)
			r = copy_load_table(c, t);
		if (!r && c->resumed && t->key) {
			/* What this run has just written is to be seen. */
			orm_rollback(c->seen);
			r = copy_took(c, c->seen,
				      orm_begin(c->seen, &(struct orm_tx_options){
								 ORM_REPEATABLE_READ, true}));
			if (!r)
				r = copy_compare_table(c, t, 0, true);
		}
	}
	release(c);
	return r;
}

struct total {
	uint64_t differed, left, mended;
};

static int compare_pass(struct copier *c, unsigned pass, bool repair, struct total *ret)
{
	struct total total = {0};
	int r = snapshot(c, true);

	for (size_t i = 0; i < c->count && !r; i++) {
		struct copy_table *t = &c->tables[i];
		int64_t began_ms = copy_now_ms();

		r = copy_compare_table(c, t, pass, repair);
		t->took_ms += (uint64_t)MAX(copy_now_ms() - began_ms, 0);
		t->pass += repair;
		total.differed += t->differed;
		total.left += t->left;
		total.mended += t->mended;
		if (!r)
			t->state = t->differed ? COPY_DIFFERENT : COPY_EQUAL;
	}
	release(c);
	*ret = total;
	return r;
}

static int save_all(struct copier *c)
{
	int r = copy_took(c, c->to, orm_begin(c->to, NULL));

	for (size_t i = 0; i < c->count && !r; i++)
		r = copy_state_save(c, &c->tables[i]);
	if (!r)
		r = copy_took(c, c->to, orm_commit(c->to));
	if (r)
		orm_rollback(c->to);
	return r;
}

/* Passes until one finds nothing, or they stop getting better. */
static int repair_passes(struct copier *c, struct total *ret)
{
	uint32_t most = c->job->passes ? c->job->passes : ORM_COPY_PASSES;
	struct total before = {.differed = UINT64_MAX}, total = {0};

	for (unsigned pass = 1; pass <= most; pass++) {
		int r = compare_pass(c, pass, true, &total);

		if (!r)
			r = save_all(c);
		if (r)
			return r;
		if (!total.differed ||
		    (!total.left && !before.left && total.differed >= before.differed))
			break;
		if (total.left && !total.mended) {
			if (c->replace)
				return c->err.class; /* why the last row could not be written */
			c->replace = true;
		}
		before = total;
	}
	*ret = total;
	return 0;
}

static void conclude(struct copier *c, const struct total *total)
{
	bool final = c->job->mode == ORM_COPY_FINAL;

	for (size_t i = 0; i < c->count; i++) {
		struct copy_table *t = &c->tables[i];

		if (final && !total->differed)
			t->state = COPY_PROVED;
		else if (!final && t->differed && !total->left)
			t->state = COPY_CAUGHT_UP;
	}
	c->report->done = !total->differed || (!final && !total->left);
}

static int run_copy(struct copier *c)
{
	struct total total = {0};
	int r = copy_plan(c);

	if (!r)
		r = copy_state_open(c);
	if (!r)
		r = copy_state_read(c);
	if (!r)
		r = copy_plan_target(c, true);
	if (!r)
		r = first_pass(c);
	if (!r)
		r = repair_passes(c, &total);
	if (r)
		return r;
	conclude(c, &total);
	return total.left ? save_all(c) : copy_link(c);
}

static int run_verify(struct copier *c)
{
	struct total total = {0};
	int r = copy_plan(c);

	if (!r)
		r = copy_state_read(c);
	if (!r)
		r = copy_plan_target(c, false);
	if (!r)
		r = compare_pass(c, 1, false, &total);
	if (!r)
		c->report->done = !total.differed;
	return r;
}

/* ---- opening ---- */

/* "postgresql://user:secret@host/db" without the secret; the file of SQLite in one form. */
static int name_source(struct copier *c)
{
	const char *address = c->from_db->address, *at = strrchr(address, '@');
	const char *user = strstr(address, "://"), *colon = user ? strchr(user + 3, ':') : NULL;
	own_free char *file = NULL, *name = NULL;
	struct copy_sum sum;
	int n;

	if (orm_dialect(c->from_db) == ORM_SQLITE) {
		file = realpath(!strncmp(address, "///", 3) ? address + 2 : address, NULL);
		n = asprintf(&name, "sqlite %s", file ? file : address);
	} else if (at && colon && colon < at) {
		n = asprintf(&name, "%.*s%s", (int)(colon - address), address, at);
	} else {
		n = asprintf(&name, "%s", address);
	}
	if (n < 0) {
		name = NULL;
		return copy_fail(c, -ENOMEM, "out of memory");
	}
	if (copy_sha256(&c->digester, name, (size_t)n, &sum))
		return copy_fail(c, -ENOMEM, "out of memory");
	copy_sum_emit(&sum, c->source);
	return 0;
}

static int name_run(struct copier *c)
{
	unsigned char bytes[16];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return copy_fail(c, -EIO, "no random numbers");
	for (unsigned i = 0; i < sizeof(bytes); i++)
		snprintf(c->run + (size_t)i * 2, 3, "%02x", bytes[i]);
	return 0;
}

static int open_sessions(struct copier *c)
{
	if ((c->from_db && orm_session_open(c->from_db, &c->from)) ||
	    orm_session_open(c->to_db, &c->seen) || orm_session_open(c->to_db, &c->to))
		return copy_fail(c, -ENOMEM, "out of memory");
	orm_session_promise(c->to, ORM_RELAXED);
	return 0;
}

/* A statement here may read a whole table. On SQLite foreign keys hold when the source's do. */
static int open_all(struct copier *c)
{
	const struct orm_copy_job *job = c->job;
	bool needs_source = job->mode != ORM_COPY_UNDO && job->mode != ORM_COPY_STATUS;
	bool reads = job->mode == ORM_COPY_VERIFY || job->mode == ORM_COPY_STATUS;
	struct orm_options from = {.read_only = 1, .query_timeout_ms = DAY_MS};
	struct orm_options to = {
		.read_only = reads ? 1 : -1, .query_timeout_ms = DAY_MS, .foreign_keys = -1};
	int r = copy_digester_init(&c->digester);

	if (r)
		return copy_fail(c, r, "out of memory");
	if (!job->to || (needs_source && !job->from) || job->batch > ORM_COPY_BATCH_MAX)
		return copy_fail(c, -EINVAL,
				 "a copy needs two URLs, and a batch of at most %u rows",
				 ORM_COPY_BATCH_MAX);
	c->batch = job->batch ? job->batch : ORM_COPY_BATCH;
	if (needs_source)
		r = orm_open(job->from, &from, &c->from_db, &c->err);
	if (!r)
		r = orm_open(job->to, &to, &c->to_db, &c->err);
	if (!r)
		r = open_sessions(c);
	if (!r)
		r = name_run(c);
	return r || !needs_source ? r : name_source(c);
}

static int run(struct copier *c)
{
	switch (c->job->mode) {
	case ORM_COPY_ONLINE:
	case ORM_COPY_FINAL:
		return run_copy(c);
	case ORM_COPY_VERIFY:
		return run_verify(c);
	case ORM_COPY_UNDO:
		return copy_undo(c);
	case ORM_COPY_STATUS:
		return copy_state_report(c);
	}
	return copy_fail(c, -EINVAL, "no such mode");
}

static void fill_lines(struct copier *c)
{
	for (size_t i = 0; i < c->count; i++) {
		struct copy_table *t = &c->tables[i];

		if (!t->line)
			continue;
		t->line->state = copy_state_name(t->state);
		t->line->created = t->created;
		t->line->took_ms = t->took_ms;
	}
}

static void close_all(struct copier *c)
{
	orm_session_close(c->from);
	orm_session_close(c->seen);
	orm_session_close(c->to);
	orm_close(c->from_db);
	orm_close(c->to_db);
	/* The databases know tables by their addresses: these go last. */
	copy_plan_deinit(c);
	copy_digester_deinit(&c->digester);
}

int orm_copy_run(const struct orm_copy_job *job, struct orm_copy_report **ret_report,
		 struct orm_error *ret_error)
{
	struct copier c = {.job = job};
	int r;

	*ret_report = NULL;
	orm_error_clear(&c.err);
	c.report = calloc(1, sizeof(*c.report));
	r = c.report ? open_all(&c) : copy_fail(&c, -ENOMEM, "out of memory");
	if (!r)
		r = run(&c);
	fill_lines(&c);
	close_all(&c);
	if (r && ret_error)
		*ret_error = c.err;
	*ret_report = c.report;
	return r;
}

void orm_copy_report_free(struct orm_copy_report *report)
{
	if (!report)
		return;
	for (size_t i = 0; i < report->note_count; i++)
		free(report->notes[i]);
	free(report->notes);
	free(report->lines);
	free(report);
}
