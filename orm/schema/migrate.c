/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner. One connection is held throughout. PostgreSQL: an advisory lock of that connection
 * keeps other runners out. SQLite: each step's transaction is BEGIN IMMEDIATE, and what was applied
 * is read again inside it, so whoever comes second finds the step done.
 *
 * A step without a transaction leaves its row first, with took_ms -1, and fills it afterwards: a
 * crash between is seen, and told, by the next run.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <strazh/base/own.h>

#include <orm/run/hold.h>
#include <orm/schema/migrate.h>
#include <orm/schema/schema_ddl.h>

#define LOCK_KEY "7816401972846911746"
#define LOCK_POLL_NS 50000000L
#define LOCK_POLLS 1200 /* a minute */

struct run {
	struct hold h;
	const struct orm_migrations *m;
	struct orm_result *applied; /* rows of orm_migration, by version */
	bool there;		    /* is the table? */
	bool locked;
};

static int64_t now_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- what was applied ---- */

static const struct orm_migration *rows_of(const struct run *run)
{
	return run->applied ? orm_result_rows(run->applied) : NULL;
}

static size_t rows_count(const struct run *run)
{
	return run->applied ? orm_result_count(run->applied) : 0;
}

static int look_for_table(struct run *run)
{
	const char *sql =
		orm_dialect(run->h.s->db) == ORM_SQLITE
			? "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND "
			  "name = 'orm_migration'"
			: "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = "
			  "c.relnamespace AND n.nspname = current_schema() WHERE "
			  "c.relname = 'orm_migration'";
	int64_t n = 0;
	int r = hold_number(&run->h, sql, &n);

	run->there = n;
	return r;
}

static int read_applied(struct run *run)
{
	struct orm_session *s = run->h.s;
	struct orm_query *q;
	int r = run->there ? 0 : look_for_table(run);

	orm_result_free(run->applied);
	run->applied = NULL;
	if (r || !run->there)
		return r;
	q = orm_select(s, T(orm_migration));
	orm_order_by(q, orm_asc(C(orm_migration, version)));
	r = orm_fetch(s, q, T(orm_migration), &run->applied);
	orm_query_free(q);
	return r;
}

static bool is_applied(const struct run *run, uint32_t version)
{
	const struct orm_migration *rows = rows_of(run);

	for (size_t i = 0; i < rows_count(run); i++)
		if (rows[i].version == version)
			return true;
	return false;
}

/* Do the rows and the steps fit? The first thing that does not is told. */
static int check_applied(const struct run *run)
{
	const struct orm_migration *rows = rows_of(run);
	struct orm_session *s = run->h.s;

	for (size_t i = 0; i < rows_count(run); i++) {
		const struct orm_migration *row = &rows[i];
		const struct step *step = NULL;

		if (row->version > 0 && row->version <= ORM_MIGRATIONS_MAX)
			step = step_find(run->m, (uint32_t)row->version);
		if (row->took_ms < 0)
			return session_fail(
				s, ORM_E_STATE,
				"version %lld '%s' was begun and did not end: see what it left, "
				"then delete its row of orm_migration, or set its took_ms to 0",
				(long long)row->version, row->name);
		if (!step)
			return session_fail(s, ORM_E_SCHEMA,
					    "version %lld '%s' was applied and is gone",
					    (long long)row->version, row->name);
		if (strcmp(step->checksum, row->checksum) != 0)
			return session_fail(s, ORM_E_SCHEMA,
					    "version %u '%s' was changed after it was applied: "
					    "write a new one instead",
					    step->version, step->name);
		if (step->version != i + 1)
			return session_fail(s, ORM_E_SCHEMA,
					    "version %zu was not applied, though %u '%s' was",
					    i + 1, step->version, step->name);
	}
	return 0;
}

/* ---- the lock and the table ---- */

static void nap(void)
{
	const struct timespec pause = {.tv_nsec = LOCK_POLL_NS};

	nanosleep(&pause, NULL);
}

static int take_lock(struct run *run)
{
	int64_t got = 0;
	int r;

	if (orm_dialect(run->h.s->db) != ORM_POSTGRESQL)
		return 0;
	for (int i = 0; i < LOCK_POLLS; i++) {
		r = hold_number(&run->h, "SELECT pg_try_advisory_lock(" LOCK_KEY ")", &got);
		if (r)
			return r;
		if (got) {
			run->locked = true;
			return 0;
		}
		nap();
	}
	return session_fail(run->h.s, ORM_E_LOCKED,
			    "another process has been migrating for a "
			    "minute");
}

static void give_lock(struct run *run)
{
	struct orm_error kept = run->h.s->error;

	run->h.s->tx_failed = false;
	if (run->locked)
		(void)!hold_script(&run->h, "SELECT pg_advisory_unlock(" LOCK_KEY ")");
	run->locked = false;
	run->h.s->error = kept;
}

static int make_table(struct run *run)
{
	const struct orm_table *table = T(orm_migration);
	own_sqltext struct sqltext sql = {0};
	int r = hold_begin(&run->h);

	if (!r)
		r = look_for_table(run);
	if (!r && !run->there) {
		r = schema_create_all(&sql, &table, 1, orm_dialect(run->h.s->db));
		if (r)
			r = session_fail(run->h.s, r, "no room for a statement");
		else
			r = hold_script(&run->h, sql.text);
	}
	if (r)
		return r;
	r = hold_commit(&run->h);
	run->there = !r;
	return r;
}

/* ---- one step ---- */

static int add_row(struct run *run, const struct step *step, int64_t took_ms)
{
	const struct orm_migration row = {.version = step->version,
					  .name = step->name,
					  .checksum = step->checksum,
					  .applied_ms = now_ms(CLOCK_REALTIME),
					  .took_ms = took_ms};
	struct orm_query *q = orm_insert(run->h.s, T(orm_migration));
	int r;

	orm_row(q, &row);
	r = orm_exec(run->h.s, q, NULL);
	orm_query_free(q);
	return r;
}

static int drop_row(struct run *run, const struct step *step)
{
	struct orm_query *q = orm_delete(run->h.s, T(orm_migration));
	int r;

	orm_where(q, orm_eq(C(orm_migration, version), (int64_t)step->version));
	r = orm_exec(run->h.s, q, NULL);
	orm_query_free(q);
	return r;
}

static int end_row(struct run *run, const struct step *step, int64_t took_ms)
{
	struct orm_query *q = orm_update(run->h.s, T(orm_migration));
	int r;

	orm_set(q, C(orm_migration, took_ms), took_ms);
	orm_where(q, orm_eq(C(orm_migration, version), (int64_t)step->version));
	r = orm_exec(run->h.s, q, NULL);
	orm_query_free(q);
	return r;
}

/* Rows that refer to nothing, after a step that ran without foreign keys. */
static int check_keys(struct run *run)
{
	int64_t n = 0;
	int r = hold_number(&run->h, "SELECT count(*) FROM pragma_foreign_key_check", &n);

	if (!r && n)
		r = session_fail(run->h.s, ORM_E_FOREIGN_KEY,
				 "%lld rows would refer to rows that are not there", (long long)n);
	return r;
}

/* The error says which step it was; what failed stays first. */
static int name_step(struct run *run, const struct step *step, bool up, int r)
{
	struct orm_error *err = &run->h.s->error;
	char text[sizeof(err->text)];

	if (!r)
		return 0;
	snprintf(text, sizeof(text), "%04u_%s, %s: %.280s", step->version, step->name,
		 up ? "up" : "down", err->text);
	memcpy(err->text, text, sizeof(text));
	return r;
}

/* *ret_done false: another process was first. */
static int run_inside(struct run *run, const struct step *step, bool up, bool *ret_done)
{
	const struct step_text *text = up ? &step->up : &step->down;
	bool off = text->keys_off && orm_dialect(run->h.s->db) == ORM_SQLITE;
	int64_t begin = now_ms(CLOCK_MONOTONIC);
	int r = off ? hold_keys_off(&run->h) : 0;

	if (!r)
		r = hold_begin(&run->h);
	if (!r)
		r = read_applied(run);
	if (r || is_applied(run, step->version) == up) {
		hold_rollback(&run->h);
		return r;
	}
	r = hold_script(&run->h, text->sql);
	if (!r && off)
		r = check_keys(run);
	if (!r)
		r = up ? add_row(run, step, now_ms(CLOCK_MONOTONIC) - begin) : drop_row(run, step);
	if (!r)
		r = hold_commit(&run->h);
	*ret_done = !r;
	return r;
}

/* The marker goes in, in a transaction; up only. */
static int mark(struct run *run, const struct step *step, bool *ret_mine)
{
	int r = hold_begin(&run->h);

	if (!r)
		r = read_applied(run);
	if (r || is_applied(run, step->version)) {
		hold_rollback(&run->h);
		return r;
	}
	r = add_row(run, step, TOOK_UNFINISHED);
	if (!r)
		r = hold_commit(&run->h);
	*ret_mine = !r;
	return r;
}

static int run_alone(struct run *run, const struct step *step, bool up, bool *ret_done)
{
	int64_t begin = now_ms(CLOCK_MONOTONIC);
	struct orm_error kept;
	bool mine = false;
	int r;

	if (!up) {
		r = end_row(run, step, TOOK_UNFINISHED);
		if (!r)
			r = hold_script(&run->h, step->down.sql);
		if (!r)
			r = drop_row(run, step);
		*ret_done = !r;
		return r;
	}
	r = mark(run, step, &mine);
	if (r || !mine)
		return r;
	r = hold_script(&run->h, step->up.sql);
	if (!r) {
		r = end_row(run, step, now_ms(CLOCK_MONOTONIC) - begin);
		*ret_done = !r;
		return r;
	}
	/* It said that it failed: it may be tried again. */
	kept = run->h.s->error;
	run->h.s->tx_failed = false;
	(void)!drop_row(run, step);
	run->h.s->error = kept;
	return r;
}

static int run_step(struct run *run, const struct step *step, bool up, bool *ret_done)
{
	const struct step_text *text = up ? &step->up : &step->down;
	int r;

	*ret_done = false;
	if (!text->sql)
		return session_fail(run->h.s, ORM_E_SCHEMA, "version %u '%s' has no way back",
				    step->version, step->name);
	r = text->no_transaction ? run_alone(run, step, up, ret_done)
				 : run_inside(run, step, up, ret_done);
	r = name_step(run, step, up, r);
	if (r)
		hold_rollback(&run->h);
	hold_keys_on(&run->h);
	return r;
}

/* ---- all of them ---- */

/* On SQLite a step without a transaction may be running in another process: wait for its end. */
static int wait_for_others(struct run *run)
{
	for (int i = 0;; i++) {
		bool busy = false;
		int r = read_applied(run);

		for (size_t k = 0; k < rows_count(run) && !r; k++)
			busy |= rows_of(run)[k].took_ms < 0;
		if (r || !busy || run->locked || i == LOCK_POLLS)
			return r ? r : check_applied(run);
		nap();
	}
}

static int run_up(struct run *run, uint32_t version, size_t *done)
{
	for (;;) {
		const struct step *step;
		bool mine = false;
		int r = wait_for_others(run);

		if (r)
			return r;
		step = step_find(run->m, (uint32_t)rows_count(run) + 1);
		if (!step || (version && step->version > version))
			return 0;
		r = run_step(run, step, true, &mine);
		if (r)
			return r;
		*done += mine;
	}
}

static int run_down(struct run *run, uint32_t version, size_t *done)
{
	for (;;) {
		const struct step *step;
		bool mine = false;
		int r = wait_for_others(run);

		if (r)
			return r;
		step = step_find(run->m, (uint32_t)rows_count(run));
		if (!step || (version != ORM_MIGRATE_ONE && step->version <= version))
			return 0;
		r = run_step(run, step, false, &mine);
		if (r)
			return r;
		*done += mine;
		if (version == ORM_MIGRATE_ONE)
			return 0;
	}
}

static int migrate(struct orm_session *s, const struct orm_migrations *m, uint32_t version, bool up,
		   size_t *ret_done)
{
	struct run run = {.m = m};
	size_t done = 0;
	int r = hold_open(&run.h, s);

	if (r)
		return r;
	if (version && version != ORM_MIGRATE_ONE && version > m->count)
		r = session_fail(s, ORM_E_SCHEMA, "there is no version %u; the last is %zu",
				 version, m->count);
	if (!r)
		r = take_lock(&run);
	if (!r)
		r = make_table(&run);
	if (!r)
		r = up ? run_up(&run, version, &done) : run_down(&run, version, &done);
	hold_rollback(&run.h);
	give_lock(&run);
	orm_result_free(run.applied);
	hold_close(&run.h);
	if (ret_done)
		*ret_done = done;
	return r;
}

int orm_migrate_up(struct orm_session *s, const struct orm_migrations *migrations, uint32_t version,
		   size_t *ret_done)
{
	return migrate(s, migrations, version, true, ret_done);
}

int orm_migrate_down(struct orm_session *s, const struct orm_migrations *migrations,
		     uint32_t version, size_t *ret_done)
{
	return migrate(s, migrations, version, false, ret_done);
}

int orm_migrate(struct orm_session *s, const struct orm_migration_step *steps, size_t n)
{
	struct orm_migrations *m = NULL;
	int r = orm_migrations_of(steps, n, orm_dialect(s->db), &m, &s->error);

	if (!r)
		r = orm_migrate_up(s, m, 0, NULL);
	orm_migrations_free(m);
	return r;
}

/* ---- status ---- */

const char *orm_migrate_state_name(enum orm_migrate_state state)
{
	static const char *const names[] = {
		[ORM_MIGRATE_PENDING] = "pending",	 [ORM_MIGRATE_APPLIED] = "applied",
		[ORM_MIGRATE_CHANGED] = "changed",	 [ORM_MIGRATE_GONE] = "gone",
		[ORM_MIGRATE_UNFINISHED] = "unfinished",
	};

	return (unsigned)state < ARRAY_LEN(names) ? names[state] : "?";
}

static void fill_row(struct orm_migrate_status *to, const struct orm_migration *row,
		     const struct step *step)
{
	to->version = (uint32_t)row->version;
	snprintf(to->name, sizeof(to->name), "%s", row->name);
	to->applied_ms = row->applied_ms;
	to->took_ms = row->took_ms;
	if (row->took_ms < 0)
		to->state = ORM_MIGRATE_UNFINISHED;
	else if (!step)
		to->state = ORM_MIGRATE_GONE;
	else if (strcmp(step->checksum, row->checksum) != 0)
		to->state = ORM_MIGRATE_CHANGED;
	else
		to->state = ORM_MIGRATE_APPLIED;
}

static int by_version(const void *a, const void *b)
{
	const struct orm_migrate_status *x = a, *y = b;

	return (x->version > y->version) - (x->version < y->version);
}

static int fill(struct run *run, struct orm_migrate_status **ret_list, size_t *ret_count)
{
	struct orm_migrate_status *list = calloc(rows_count(run) + run->m->count + 1,
						 sizeof(*list));
	size_t n = 0;

	if (!list)
		return session_fail(run->h.s, -ENOMEM, "no memory for the status");
	for (size_t i = 0; i < rows_count(run); i++) {
		const struct orm_migration *row = &rows_of(run)[i];

		fill_row(&list[n++], row, step_find(run->m, (uint32_t)row->version));
	}
	for (size_t i = 0; i < run->m->count; i++) {
		const struct step *step = &run->m->steps[i];

		if (is_applied(run, step->version))
			continue;
		list[n].version = step->version;
		snprintf(list[n++].name, sizeof(list->name), "%s", step->name);
	}
	qsort(list, n, sizeof(*list), by_version);
	*ret_list = list;
	*ret_count = n;
	return 0;
}

int orm_migrate_status(struct orm_session *s, const struct orm_migrations *migrations,
		       struct orm_migrate_status **ret_list, size_t *ret_count)
{
	/* Reads only, so nothing needs to be held. */
	struct run run = {.m = migrations, .h = {.s = s}};
	int r = read_applied(&run);

	if (!r)
		r = fill(&run, ret_list, ret_count);
	orm_result_free(run.applied);
	return r;
}
