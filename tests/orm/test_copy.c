/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Copies through the C interface, from a file of SQLite into each database and back: stopping at
 * every batch and going on, reports, and memory that is not there. The tool, with every type and
 * with writers, is tested by copy.sh.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <strazh/orm/copy.h>

#include <tests/orm/kit/database.h>
#include <tests/orm/kit/failalloc.h>

#define ROWS 95

struct job {
	struct database from;
	struct orm_copy_job job;
	unsigned until; /* calls of progress before it says stop */
};

static void make_source(const struct database *db, struct job *j, const char *name)
{
	char sql[1024];

	*j = (struct job){.from = {.dialect = ORM_SQLITE}};
	snprintf(j->from.dir, sizeof(j->from.dir), "%s", db->dir);
	snprintf(j->from.name, sizeof(j->from.name), "%.200s/%s", db->dir, name);
	snprintf(j->from.url, sizeof(j->from.url), "sqlite://%s", j->from.name);
	snprintf(sql, sizeof(sql),
		 "CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT);"
		 "CREATE TABLE child(a TEXT, b INTEGER, up INTEGER CONSTRAINT child_up_fkey "
		 "REFERENCES parent(id), PRIMARY KEY(a, b));"
		 "WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < %d)"
		 " INSERT INTO parent SELECT n, 'p' || n FROM g;"
		 "INSERT INTO child SELECT CASE id %% 3 WHEN 0 THEN 'B' WHEN 1 THEN 'a' ELSE 'A b' "
		 "END, id, id FROM parent",
		 ROWS);
	database_do(&j->from, sql);
	j->job = (struct orm_copy_job){.from = j->from.url, .to = db->url, .batch = 10};
}

static void run(const struct orm_copy_job *job, bool done)
{
	struct orm_copy_report *report;
	struct orm_error err = {0};

	if (orm_copy_run(job, &report, &err))
		fail_msg("%s", err.text);
	assert_int_equal(report->done, done);
	orm_copy_report_free(report);
}

static void mode(struct job *j, enum orm_copy_mode as, bool done)
{
	j->job.mode = as;
	run(&j->job, done);
}

static void refused(const struct orm_copy_job *job, int class, const char *text)
{
	struct orm_copy_report *report;
	struct orm_error err = {0};

	assert_int_equal(orm_copy_run(job, &report, &err), class);
	if (!strstr(err.text, text))
		fail_msg("'%s' does not say '%s'", err.text, text);
	orm_copy_report_free(report);
}

static int count_down(void *data, const struct orm_copy_progress *progress)
{
	struct job *j = data;

	assert_true(progress->rows <= ROWS);
	return !j->until--;
}

/* Stopped after 1, 2, 3 ... batches of a run, each of which goes on where the last one stopped. */
static void stops_and_goes_on(void **state)
{
	const struct database *db = *state;
	struct orm_copy_report *report;
	struct orm_error err = {0};
	unsigned stops = 0;
	struct job j;
	int r;

	make_source(db, &j, "from");
	j.job.progress = count_down;
	j.job.data = &j;
	do {
		j.until = stops;
		r = orm_copy_run(&j.job, &report, &err);
		if (r && r != ORM_E_CANCELLED)
			fail_msg("%s", err.text);
		stops += r == ORM_E_CANCELLED;
		if (!r)
			assert_true(report->done);
		orm_copy_report_free(report);
	} while (r);
	assert_true(stops >= 4);
	j.job.progress = NULL;
	mode(&j, ORM_COPY_VERIFY, true);
	database_expect(db, "SELECT count(*), sum(id) FROM parent", "95|4560\n");
	mode(&j, ORM_COPY_UNDO, true);
	refused(&j.job, ORM_E_SCHEMA, "nothing to undo");
}

static void report_names_rows(void **state)
{
	const struct database *db = *state;
	struct orm_copy_report *report;
	struct orm_error err;
	struct job j;

	make_source(db, &j, "from");
	mode(&j, ORM_COPY_FINAL, true);
	database_do(db, "DELETE FROM child WHERE b = 5");
	database_do(db, "UPDATE child SET up = 1 WHERE b = 7");
	database_do(db, "INSERT INTO parent(id, name) VALUES (-3, 'x')");
	j.job.mode = ORM_COPY_VERIFY;
	assert_int_equal(orm_copy_run(&j.job, &report, &err), 0);
	assert_false(report->done);
	assert_int_equal(report->count, 2);
	assert_string_equal(report->lines[0].table, "parent"); /* before its children */
	assert_string_equal(report->lines[0].key[0], "id -3: not in the source");
	assert_int_equal(report->lines[0].gone, 1);
	assert_string_equal(report->lines[1].key[0], "a 'A b', b 5: missing");
	assert_string_equal(report->lines[1].key[1], "a 'a', b 7: changed");
	assert_int_equal(report->lines[1].rows, ROWS);
	assert_int_equal(report->lines[1].target_rows, ROWS - 1);
	assert_string_not_equal(report->lines[1].source_sum, report->lines[1].target_sum);
	orm_copy_report_free(report);
	database_expect(db, "SELECT count(*) FROM child", "94\n"); /* nothing was changed */
	mode(&j, ORM_COPY_FINAL, true);
	database_expect(db, "SELECT count(*), sum(up) FROM child", "95|4560\n");
	mode(&j, ORM_COPY_STATUS, true);
}

/* What the source has now: rows deleted, renamed, with children that moved to other parents. */
static void catches_up(void **state)
{
	const struct database *db = *state;
	struct job j;

	make_source(db, &j, "from");
	mode(&j, ORM_COPY_ONLINE, true);
	database_do(&j.from, "DELETE FROM child WHERE b % 2; UPDATE child SET up = up - 1;"
			     "DELETE FROM parent WHERE id % 2 = 0; INSERT INTO parent VALUES "
			     "(1000, NULL); INSERT INTO child VALUES ('', 0, 1000)");
	mode(&j, ORM_COPY_FINAL, true);
	database_expect(db, "SELECT count(*), sum(up) FROM child", "48|3209\n");
	database_expect(db, "SELECT count(*) FROM parent", "49\n");
	database_do(db, "UPDATE child SET up = NULL");
	j.job.mode = ORM_COPY_UNDO;
	refused(&j.job, ORM_E_STATE, "somebody has written to it");
	j.job.force = true;
	mode(&j, ORM_COPY_UNDO, true);
}

/* Out and back is the same. */
static void there_and_back(void **state)
{
	const struct database *db = *state;
	struct job j, back;

	make_source(db, &j, "from");
	mode(&j, ORM_COPY_FINAL, true);
	back = j;
	snprintf(back.from.url, sizeof(back.from.url), "sqlite://%.200s/back", db->dir);
	back.job.from = db->url;
	back.job.to = back.from.url;
	mode(&back, ORM_COPY_FINAL, true);
	back.job.from = j.from.url;
	mode(&back, ORM_COPY_VERIFY, true);
	/* Another source than the one that the target is from. */
	back.job.mode = ORM_COPY_ONLINE;
	refused(&back.job, ORM_E_SCHEMA, "is from another source");
}

/* With the n-th allocation failing, for all n: an error or success, and what comes after is whole.
 */
static void no_memory(void **state)
{
	const struct database *db = *state;
	struct job j;
	bool ended = false;
	unsigned failed = 0;

	make_source(db, &j, "from");
	for (unsigned long n = 1; !ended; n += 1 + n / 8) {
		struct orm_copy_report *report;
		struct orm_error err = {0};
		int r;

		failalloc_arm(n);
		r = orm_copy_run(&j.job, &report, &err);
		failalloc_disarm();
		ended = !failalloc_failed();
		failed += r != 0;
		if (ended && r)
			fail_msg("%s", err.text);
		orm_copy_report_free(report);
	}
	assert_true(failed > 5);
	mode(&j, ORM_COPY_VERIFY, true);
}

static const struct database_test tests[] = {
	DATABASE_TEST(stops_and_goes_on), DATABASE_TEST(report_names_rows),
	DATABASE_TEST(catches_up),	  DATABASE_TEST(there_and_back),
	DATABASE_TEST(no_memory),
};

int main(void)
{
	return DATABASE_RUN(tests);
}
