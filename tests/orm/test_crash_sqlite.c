/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A process that writes an SQLite file from eight threads is killed, 200 times (ORM_KILL_ROUNDS).
 * Each write that was acknowledged, durable or relaxed, is there afterwards, once and whole. The
 * next process goes on with the file as the killed one left it, its WAL and locks included.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include <tests/orm/kit/deed.h>

#define WRITERS 8
#define ROUNDS 200
#define LIFE_MAX_US 60000
/* Then the tables are emptied: a check reads all of them. */
#define ROWS_MAX 20000

/* ---- the process that is killed ---- */

struct child {
	struct orm *orm;
	int pipe;
	int64_t first_seq;
	uint64_t seed;
	int32_t writer;
};

static void *write_on(void *data)
{
	const struct child *c = data;
	uint64_t random = c->seed + (uint64_t)c->writer;
	struct orm_session *s;

	if (orm_session_open(c->orm, &s))
		_exit(4);
	for (int64_t seq = c->first_seq;; seq++) {
		struct deed_plan plan = deed_draw(&random, c->writer, seq, DEED_EVERY_WAY);
		orm_session_promise(s, plan.durable ? ORM_DURABLE : ORM_RELAXED);
		deed_report(c->pipe, &plan, deed_do(s, &plan), s);
	}
	return NULL;
}

static _Noreturn void be_child(const struct database *db, int pipe, unsigned round, uint64_t seed)
{
	/* Checkpoints all the time, so that many of them are cut short. */
	struct orm_options options = {.wal_autocheckpoint = round % 3 ? 20 : 1000};
	struct child children[WRITERS];
	struct orm_error error;
	struct orm *orm;
	pthread_t thread;
	int r = orm_open(db->url, &options, &orm, &error);

	deed_say(pipe, r, r ? error.text : "opened");
	if (r)
		_exit(1);
	for (int32_t i = 0; i < WRITERS; i++) {
		children[i] = (struct child){orm, pipe, (int64_t)round << 20, seed, i};
		if (pthread_create(&thread, NULL, write_on, &children[i]))
			_exit(2);
	}
	for (;;)
		pause();
}

/* ---- who kills it ---- */

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* For so long, counted from its first report when `opened`. */
static void watch(int pipe, int64_t life_us, bool opened, struct ledger *ledger)
{
	struct pollfd fd = {.fd = pipe, .events = POLLIN};
	int64_t until;

	if (opened && (poll(&fd, 1, 20000) != 1 || ledger_take(ledger, pipe)))
		fail_msg("it did not even open the file");
	until = now_us() + life_us;
	for (int64_t left = life_us; left > 0; left = until - now_us()) {
		struct timespec wait = {.tv_nsec = left * 1000};

		if (ppoll(&fd, 1, &wait, NULL) > 0 && ledger_take(ledger, pipe))
			break;
	}
}

static void live_and_die(const struct database *db, unsigned round, uint64_t *random,
			 struct ledger *ledger)
{
	uint64_t seed = deed_random(random);
	bool opened = round % 8; /* else it may die while it opens the file */
	int64_t life = (int64_t)(deed_random(random) % LIFE_MAX_US);
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		be_child(db, ends[1], round, seed);
	}
	close(ends[1]);
	watch(ends[0], opened ? life : life / 4, opened, ledger);
	kill(pid, SIGKILL);
	while (!ledger_take(ledger, ends[0]))
		;
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static unsigned rounds(void)
{
	const char *text = getenv("ORM_KILL_ROUNDS");
	unsigned long n = text ? strtoul(text, NULL, 10) : 0;

	return n ? (unsigned)n : ROUNDS;
}

static void killed_while_it_writes(void **state)
{
	const struct database *db = *state;
	uint64_t random = 20260101, acknowledged = 0;
	struct ledger ledger;
	unsigned checks = 0;

	deed_tables(db);
	ledger_init(&ledger);
	ledger.strangers = true;
	for (unsigned round = 0, n = rounds(); round < n; round++) {
		live_and_die(db, round, &random, &ledger);
		/* Else the next process finds the file as this one left it. */
		if (deed_random(&random) % 2 && round + 1 < n)
			continue;
		ledger_check(&ledger, db, 0);
		database_expect(db, "PRAGMA integrity_check", "ok\n");
		checks++;
		if (ledger.n > ROWS_MAX / 10) {
			acknowledged += ledger.n;
			ledger.n = 0;
			database_do(db,
				    "DELETE FROM deed; DELETE FROM note; UPDATE tally SET n = 0");
		}
	}
	acknowledged += ledger.n;
	printf("# %u processes killed, %" PRIu64 " acknowledged writes, %u checks\n", rounds(),
	       acknowledged, checks);
	assert_true(acknowledged > rounds());
	ledger_deinit(&ledger);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST_SQLITE(killed_while_it_writes),
	};

	return DATABASE_RUN(tests);
}
