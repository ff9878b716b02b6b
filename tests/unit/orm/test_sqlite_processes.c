/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Several processes with one file of SQLite: locks, turns, kill -9. "Acknowledged" is what write()
 * returned 0 for; it must be there afterwards.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include <sqlite3.h>

#include "rows.h"

/* ---- other processes ---- */

/* A process that takes the lock, says so, and holds it so long. */
static pid_t lock_elsewhere(long ms)
{
	int pipes[2];
	char c;
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (!child) {
		sqlite3 *db;

		if (sqlite3_open(path, &db) ||
		    sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL))
			_exit(2);
		if (write(pipes[1], "x", 1) != 1)
			_exit(3);
		pause_ms(ms);
		_exit(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) ? 4 : 0);
	}
	assert_int_equal(read(pipes[0], &c, 1), 1);
	close(pipes[0]);
	close(pipes[1]);
	return child;
}

static void locked_elsewhere(void **state)
{
	const struct orm_options options = {.busy_timeout_ms = 200};
	struct orm_writer *writer;
	struct orm_error err;
	int64_t begin;
	pid_t child;

	(void)state;
	fresh("locked.db");
	child = lock_elsewhere(600);
	writer = open_writer(&options);
	begin = now_ms();
	assert_int_equal(write_row(writer, 1, true, &err), ORM_E_LOCKED);
	assert_string_equal(err.sqlstate, "55P03");
	assert_true(err.retryable);
	assert_non_null(strstr(err.text, "locked.db' is locked by another process"));
	assert_in_range(now_ms() - begin, 190, 10000);
	lite->writer_close(writer);
	writer = open_writer(NULL); /* 30 s: as long as it takes */
	assert_int_equal(write_row(writer, 1, true, &err), 0);
	assert_in_range(now_ms() - begin, 300, 20000);
	lite->writer_close(writer);
	expect_exit(child);
	assert_int_equal(count_rows(), 1);
}

static void *close_soon(void *writer)
{
	pause_ms(100);
	lite->writer_close(writer);
	return NULL;
}

/* Closing does not wait until the other process lets go. */
static void closed_while_locked(void **state)
{
	struct orm_writer *writer;
	struct orm_error err;
	int64_t begin = now_ms();
	pthread_t closing;
	pid_t child;

	(void)state;
	fresh("closed.db");
	child = lock_elsewhere(1500);
	writer = open_writer(NULL);
	assert_int_equal(pthread_create(&closing, NULL, close_soon, writer), 0);
	assert_int_equal(write_row(writer, 1, true, &err), ORM_E_LOCKED);
	pthread_join(closing, NULL);
	assert_in_range(now_ms() - begin, 90, 10000);
	expect_exit(child);
}

/* Rows n, n + 2, ... until the time is over, from four threads; the worst wait of a write. */
struct racer {
	pthread_t thread;
	struct orm_writer *writer;
	int64_t next;
	int64_t until;
	int64_t worst_ms;
	int done;
	int failed;
};

static void *race(void *data)
{
	struct racer *r = data;
	struct orm_error err;

	while (now_ms() < r->until) {
		int64_t begin = now_ms();

		if (write_row(r->writer, r->next++, r->done % 4 == 0, &err)) {
			fprintf(stderr, "%s\n", err.text);
			r->failed++;
		} else {
			r->done++;
		}
		r->worst_ms = MAX(r->worst_ms, now_ms() - begin);
	}
	return NULL;
}

struct outcome {
	int done;
	int failed;
	int64_t worst_ms;
};

static struct outcome race_all(int number, int threads, int64_t ms)
{
	struct racer racers[8];
	struct outcome sum = {0};
	struct orm_writer *writer = open_writer(NULL);

	for (int i = 0; i < threads; i++) {
		racers[i] = (struct racer){.writer = writer,
					   .next = ((int64_t)number * 100 + i) * 10000000,
					   .until = now_ms() + ms};
		if (pthread_create(&racers[i].thread, NULL, race, &racers[i]))
			abort();
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(racers[i].thread, NULL);
		sum.done += racers[i].done;
		sum.failed += racers[i].failed;
		sum.worst_ms = MAX(sum.worst_ms, racers[i].worst_ms);
	}
	lite->writer_close(writer);
	return sum;
}

/* Two processes write at once: no lock error, nothing lost, nobody starves. */
static void two_processes(void **state)
{
	struct outcome here, there = {0};
	int pipes[2];
	pid_t child;

	(void)state;
	fresh("two.db");
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (!child) {
		there = race_all(2, 1, 3000);
		_exit(write(pipes[1], &there, sizeof(there)) == sizeof(there) ? 0 : 2);
	}
	here = race_all(1, 8, 3000);
	expect_exit(child);
	assert_int_equal(read(pipes[0], &there, sizeof(there)), sizeof(there));
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(here.failed + there.failed, 0);
	print_message("8 threads: %d rows, worst wait %lld ms; 1 thread: %d rows, worst %lld ms\n",
		      here.done, (long long)here.worst_ms, there.done, (long long)there.worst_ms);
	assert_int_equal(count_rows(), here.done + there.done);
	assert_true(there.done > 30);
	assert_true(there.worst_ms < 2000);
}

/* ---- kill -9 ---- */

/* Four threads; each row that was acknowledged goes into the pipe. */
struct teller {
	struct orm_writer *writer;
	int64_t next;
	int fd;
};

static void *tell(void *data)
{
	struct teller *t = data;
	struct orm_error err;

	for (int i = 0; i < 1000000; i++) {
		int64_t a = t->next++;

		if (write_row(t->writer, a, i % 2, &err) ||
		    write(t->fd, &a, sizeof(a)) != sizeof(a))
			_exit(3);
	}
	return NULL;
}

static void write_until_killed(int fd, int round)
{
	struct orm_writer *writer = open_writer(NULL);
	struct teller tellers[4];
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		tellers[i] = (struct teller){writer, ((int64_t)round * 4 + i) * 10000000, fd};
		if (pthread_create(&threads[i], NULL, tell, &tellers[i]))
			_exit(2);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	_exit(4);
}

static bool is_there(struct orm_conn *conn, int64_t a)
{
	static const struct orm_stmt stmt = {.sql = "SELECT 1 FROM t WHERE a = ?1",
					     .sql_len = 28,
					     .id = 1ULL << 41,
					     .flags = ORM_STMT_RAW | ORM_STMT_ROWS,
					     .params = 1};
	const struct orm_value value = orm_value_i64(a);
	struct orm_error err;
	bool found = !lite->start(conn, &stmt, &value, &err) && !lite->step(conn, &err);

	lite->finish(conn);
	return found;
}

static void killed(void **state)
{
	uint32_t draw = (uint32_t)getpid();
	long acknowledged = 0;

	(void)state;
	fresh("killed.db");
	for (int round = 0; round < 20; round++) {
		struct orm_conn *conn;
		int pipes[2], status;
		int64_t a;
		pid_t child;

		assert_int_equal(pipe(pipes), 0);
		fcntl(pipes[1], F_SETPIPE_SZ, 1 << 20);
		child = fork();
		if (!child)
			write_until_killed(pipes[1], round);
		close(pipes[1]);
		draw = draw * 1664525 + 1013904223;
		pause_ms(10 + (long)(draw >> 16) % 120);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		conn = open_as(path, ORM_WRITER, NULL);
		while (read(pipes[0], &a, sizeof(a)) == sizeof(a)) {
			if (!is_there(conn, a))
				fail_msg("round %d: row %lld was acknowledged and is lost", round,
					 (long long)a);
			acknowledged++;
		}
		lite->close(conn);
		close(pipes[0]);
	}
	print_message("20 kills, %ld acknowledged rows, all there\n", acknowledged);
	assert_true(acknowledged > 200);
	assert_true(count_rows() >= acknowledged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(locked_elsewhere),
		cmocka_unit_test(closed_while_locked),
		cmocka_unit_test(two_processes),
		cmocka_unit_test(killed),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
