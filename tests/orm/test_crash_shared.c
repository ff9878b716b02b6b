/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Seven processes write one SQLite file at once, each from two threads, while a third looks at it:
 * nobody is told of a lock, nothing is lost, counts add up, and a snapshot stands still. Ten
 * seconds, or as many as ORM_KILL_ROUNDS says.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include <tests/orm/kit/deed.h>

#define PROCESSES 7
#define WRITERS 2 /* of each */
#define SECONDS 10
/* Most writes are of one row, as most are. */
#define SINGLE                                                                                     \
	(1U << DEED_ROW_ALONE | 1U << DEED_ROW_RETURNING | 1U << DEED_TALLY |                      \
	 1U << DEED_TALLY_SERIALIZABLE)

struct child {
	struct orm *orm;
	int pipe;
	int32_t id;
	int64_t until_ms;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void *write_on(void *data)
{
	const struct child *c = data;
	uint64_t random = (uint64_t)c->id << 32;
	struct orm_session *s;

	if (orm_session_open(c->orm, &s))
		_exit(4);
	for (int64_t seq = 1; now_ms() < c->until_ms; seq++) {
		unsigned ways = deed_random(&random) % 10 ? SINGLE : DEED_EVERY_WAY;
		struct deed_plan plan = deed_draw(&random, c->id, seq, ways);

		orm_session_promise(s, plan.durable ? ORM_DURABLE : ORM_RELAXED);
		deed_report(c->pipe, &plan, deed_do(s, &plan), s);
	}
	orm_session_close(s);
	return NULL;
}

/* ---- a reader ---- */

struct seen {
	int64_t tallies, rows, newest;
};

static int number(struct orm_session *s, const char *sql, int64_t *ret_number)
{
	struct orm_query *q = orm_raw(s, sql);
	struct orm_value value;
	int r = orm_value(s, q, &value);

	orm_query_free(q);
	*ret_number = r || value.kind != ORM_K_I64 ? 0 : value.i;
	return r;
}

/* Rows and counts were written together, and are seen together. */
static int look(struct orm_session *s, struct seen *seen)
{
	int r = number(s, "SELECT sum(n) FROM tally", &seen->tallies);

	if (!r)
		r = number(s,
			   "SELECT (SELECT count(*) FROM deed WHERE tally > 0)"
			   " + (SELECT count(*) FROM note WHERE tally > 0)",
			   &seen->rows);
	return r ? r : number(s, "SELECT coalesce(max(id), 0) FROM deed", &seen->newest);
}

static void *read_on(void *data)
{
	static const struct orm_tx_options reading = {.read_only = true};
	const struct child *c = data;
	struct seen first, again;
	struct orm_session *s;

	if (orm_session_open(c->orm, &s))
		_exit(4);
	while (now_ms() < c->until_ms) {
		int r = orm_begin(s, &reading);

		if (!r)
			r = look(s, &first);
		usleep(5000);
		if (!r)
			r = look(s, &again);
		if (!r)
			r = orm_commit(s);
		if (r)
			deed_say(c->pipe, r, orm_error(s)->text);
		else if (first.tallies != first.rows || first.tallies != again.tallies ||
			 first.rows != again.rows || first.newest != again.newest)
			deed_say(c->pipe, ORM_E_STATE, "a snapshot moved, or is torn");
	}
	orm_session_close(s);
	return NULL;
}

static _Noreturn void be_child(const struct database *db, int pipe, int32_t id, int64_t until_ms)
{
	struct child children[WRITERS + 1];
	pthread_t threads[WRITERS + 1];
	struct orm_error error;
	struct orm *orm;
	int r = orm_open(db->url, NULL, &orm, &error);

	if (r) {
		deed_say(pipe, r, error.text);
		_exit(1);
	}
	for (int32_t i = 0; i <= WRITERS; i++) {
		children[i] = (struct child){orm, pipe, id * WRITERS + i, until_ms};
		if (pthread_create(&threads[i], NULL, i < WRITERS ? write_on : read_on,
				   &children[i]))
			_exit(2);
	}
	for (unsigned i = 0; i <= WRITERS; i++)
		pthread_join(threads[i], NULL);
	orm_close(orm);
	_exit(0);
}

static int64_t seconds(void)
{
	const char *text = getenv("ORM_KILL_ROUNDS");
	long n = text ? strtol(text, NULL, 10) : 0;

	return n > 0 ? n : SECONDS;
}

static void tell_rates(const struct ledger *l, int64_t ms)
{
	uint64_t by_process[PROCESSES] = {0}, rows = 0;

	for (size_t i = 0; i < l->n; i++) {
		by_process[l->lines[i].writer / WRITERS]++;
		rows += (uint64_t)l->lines[i].parts;
	}
	printf("# %zu writes of %" PRIu64 " rows in %.1f s: %.0f writes/s, %.0f rows/s; by process",
	       l->n, rows, (double)ms / 1000, (double)l->n * 1000 / (double)ms,
	       (double)rows * 1000 / (double)ms);
	for (unsigned i = 0; i < PROCESSES; i++) {
		printf(" %" PRIu64, by_process[i]);
		assert_true(by_process[i] > 0);
	}
	putchar('\n');
}

static void seven_write_one_file(void **state)
{
	const struct database *db = *state;
	int64_t begin = now_ms(), until = begin + seconds() * 1000;
	struct ledger ledger;
	int ends[2], status;

	deed_tables(db);
	ledger_init(&ledger);
	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	for (int32_t i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(ends[0]);
			be_child(db, ends[1], i, until);
		}
	}
	close(ends[1]);
	while (!ledger_take(&ledger, ends[0]))
		;
	close(ends[0]);
	tell_rates(&ledger, now_ms() - begin);
	for (unsigned i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	}
	ledger_check(&ledger, db, 0);
	database_expect(db, "PRAGMA integrity_check", "ok\n");
	ledger_deinit(&ledger);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST_SQLITE(seven_write_one_file),
	};

	return DATABASE_RUN(tests);
}
