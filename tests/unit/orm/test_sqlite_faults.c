/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The SQLite driver when the world fails it: a full disk, damaged files, other processes, kill -9.
 * "Acknowledged" is what write() returned 0 for; it must be there afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <sqlite3.h>

#include "sqlite.h"

static char path[160];

static void fresh(const char *name)
{
	struct orm_conn *conn;

	snprintf(path, sizeof(path), "%s", in_folder(name));
	conn = open_as(path, ORM_WRITER, NULL);
	script(conn, "CREATE TABLE t(a INTEGER PRIMARY KEY, s TEXT) STRICT");
	lite->close(conn);
}

static struct orm_writer *open_writer(const struct orm_options *options)
{
	struct orm_writer *writer = NULL;
	struct orm_error err = {0};

	if (lite->writer_open(path, options, &writer, &err))
		fail_msg("%s", err.text);
	return writer;
}

static int write_row(struct orm_writer *writer, int64_t a, bool durable, struct orm_error *err)
{
	static const char text[] = "0123456789012345678901234567890123456789012345678901234567890";
	static const struct orm_stmt stmt = {.sql = "INSERT INTO t VALUES(?1, ?2)",
					     .sql_len = 28,
					     .id = 1ULL << 40,
					     .flags = ORM_STMT_WRITES,
					     .params = 2};
	const struct orm_value values[] = {orm_value_i64(a), orm_value_text(text)};
	struct orm_write write = {.stmt = &stmt, .values = values, .durable = durable};

	return lite->write(writer, &write, err);
}

static long long count_rows(void)
{
	struct orm_conn *conn = open_as(path, ORM_READER, NULL);
	long long n;

	assert_string_equal(ask(conn, "PRAGMA integrity_check"), "ok");
	n = ask_number(conn, "SELECT count(*) FROM t");
	lite->close(conn);
	return n;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_ms(long ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

static void expect_exit(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("the other process: status 0x%x", (unsigned)status);
}

/* ---- threads that write until they are refused ---- */

struct filler {
	pthread_t thread;
	struct orm_writer *writer;
	int number;
	int done;
	int result;
	struct orm_error err;
};

static void *fill(void *data)
{
	struct filler *f = data;

	for (int i = 0; i < 100000; i++) {
		f->result = write_row(f->writer, f->number * 1000000 + i, i % 2, &f->err);
		if (f->result)
			break;
		f->done++;
	}
	return NULL;
}

/* Four callers at once; each is told ORM_E_FULL. How many rows were acknowledged. */
static int fill_up(struct orm_writer *writer, int number)
{
	struct filler fillers[4];
	int done = 0;

	for (int i = 0; i < 4; i++) {
		fillers[i] = (struct filler){.writer = writer, .number = number + i};
		if (pthread_create(&fillers[i].thread, NULL, fill, &fillers[i]))
			abort();
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(fillers[i].thread, NULL);
		done += fillers[i].done;
		if (fillers[i].result != ORM_E_FULL || strcmp(fillers[i].err.sqlstate, "53100") ||
		    !strstr(fillers[i].err.text, "full")) {
			fprintf(stderr, "%s %s\n", orm_class_name(fillers[i].result),
				fillers[i].err.text);
			return -1;
		}
	}
	return done;
}

/* ---- full ---- */

static void full_by_pages(void **state)
{
	struct orm_writer *writer;
	struct orm_conn *conn = NULL;
	struct orm_error err;
	int done;

	(void)state;
	fresh("pages.db");
	writer = open_writer(NULL);
	assert_int_equal(lite->lease(writer, 1000, &conn, &err), 0);
	must_run(conn, "PRAGMA max_page_count=40");
	lite->give_back(writer, conn);
	done = fill_up(writer, 0);
	assert_true(done > 100);
	assert_int_equal(count_rows(), done);
	assert_int_equal(lite->lease(writer, 1000, &conn, &err), 0);
	must_run(conn, "PRAGMA max_page_count=1000");
	lite->give_back(writer, conn);
	assert_int_equal(write_row(writer, -1, true, &err), 0); /* room again: it goes on */
	assert_int_equal(count_rows(), done + 1);
	lite->writer_close(writer);
}

/* The file may not grow: write() fails, at COMMIT. In a process of its own, for the limit is its.
 */
static void full_by_limit(void **state)
{
	int pipes[2], told = -1;
	pid_t child;

	(void)state;
	fresh("limit.db");
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (!child) {
		const struct rlimit limit = {300000, RLIM_INFINITY};
		const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
		struct orm_writer *writer = open_writer(NULL);
		struct orm_error err;
		int done;

		signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &limit))
			_exit(2);
		done = fill_up(writer, 0);
		if (done < 0 || setrlimit(RLIMIT_FSIZE, &none))
			_exit(3);
		if (write_row(writer, -1, true, &err))
			_exit(4);
		done++;
		if (write(pipes[1], &done, sizeof(done)) != sizeof(done))
			_exit(5);
		lite->writer_close(writer);
		_exit(0);
	}
	expect_exit(child);
	assert_int_equal(read(pipes[0], &told, sizeof(told)), sizeof(told));
	assert_true(told > 100);
	assert_int_equal(count_rows(), told);
	close(pipes[0]);
	close(pipes[1]);
}

/* ---- damaged and missing files ---- */

static void damaged_pages(void **state)
{
	static const char junk[4096 * 8] = {1, 2, 3};
	struct orm_writer *writer;
	struct orm_conn *conn;
	struct orm_error err;
	int fd, r;

	(void)state;
	fresh("damaged.db");
	writer = open_writer(NULL);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(write_row(writer, i, false, &err), 0);
	lite->writer_close(writer);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, junk, sizeof(junk), 4096 * 3), sizeof(junk));
	close(fd);
	conn = open_as(path, ORM_READER, NULL);
	r = run(conn, "SELECT count(*), sum(length(s)) FROM t", NULL, 0, &err);
	assert_int_equal(r, ORM_E_CORRUPT);
	assert_string_equal(err.sqlstate, "XX001");
	assert_non_null(strstr(err.text, "damaged.db' is damaged"));
	assert_non_null(strstr(err.text, ".recover"));
	assert_true(((struct orm_conn_head *)conn)->broken);
	lite->close(conn);
}

static void no_database(void **state)
{
	struct orm_conn *conn;
	struct orm_error err;
	FILE *file;

	(void)state;
	file = fopen(in_folder("text.db"), "w");
	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		fputs("This is a letter, not a database.\n", file);
	fclose(file);
	for (int role = ORM_READER; role <= ORM_WRITER; role++) {
		assert_int_equal(
			lite->open(in_folder("text.db"), NULL, (enum orm_role)role, &conn, &err),
			ORM_E_CORRUPT);
		assert_string_equal(err.sqlstate, "XX001");
		assert_non_null(strstr(err.text, "text.db"));
	}
}

/* The file was replaced under writer and reader: both see it, the writer goes on with the new. */
static void file_replaced(void **state)
{
	struct orm_writer *writer;
	struct orm_conn *reader;
	struct orm_error err;
	char other[200];

	(void)state;
	fresh("moved-new.db");
	snprintf(other, sizeof(other), "%s", path);
	fresh("moved.db");
	writer = open_writer(NULL);
	reader = open_as(path, ORM_READER, NULL);
	assert_int_equal(write_row(writer, 1, true, &err), 0);
	assert_int_equal(lite->check(reader, &err), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(in_folder("moved.db-wal")), 0);
	assert_int_equal(unlink(in_folder("moved.db-shm")), 0);
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(lite->check(reader, &err), ORM_E_CONNECTION);
	assert_true(((struct orm_conn_head *)reader)->broken);
	lite->close(reader);
	pause_ms(1100); /* it looks once a second */
	assert_int_equal(write_row(writer, 2, true, &err), 0);
	reader = open_as(path, ORM_READER, NULL);
	assert_string_equal(ask(reader, "SELECT group_concat(a) FROM t"), "2");
	lite->close(reader);
	lite->writer_close(writer);
}

/* ---- files that may not be written ---- */

static void read_only_option(void **state)
{
	const struct orm_options options = {.read_only = 1};
	struct orm_writer *writer;
	struct orm_error err;

	(void)state;
	fresh("ro.db");
	writer = open_writer(&options);
	assert_int_equal(write_row(writer, 1, true, &err), ORM_E_READ_ONLY);
	assert_string_equal(err.sqlstate, "25006");
	lite->writer_close(writer);
	snprintf(path, sizeof(path), "%s", in_folder("ro-absent.db"));
	assert_int_equal(lite->writer_open(path, &options, &writer, &err), ORM_E_IO);
	assert_int_equal(access(path, F_OK), -1);
}

static void file_of_another_user(void **state)
{
	pid_t child;

	(void)state;
	fresh("other.db");
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	child = fork();
	if (!child) {
		struct orm_conn *conn;
		struct orm_error err;

		if (!geteuid() && setresuid(65534, 65534, 65534))
			_exit(2);
		if (lite->open(path, NULL, ORM_WRITER, &conn, &err) != ORM_E_READ_ONLY ||
		    strcmp(err.sqlstate, "25006") || !strstr(err.text, "other.db"))
			_exit(3);
		_exit(0);
	}
	expect_exit(child);
}

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
	assert_in_range(now_ms() - begin, 190, 400);
	lite->writer_close(writer);
	writer = open_writer(NULL); /* 30 s: as long as it takes */
	assert_int_equal(write_row(writer, 1, true, &err), 0);
	assert_in_range(now_ms() - begin, 300, 5000);
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
	assert_in_range(now_ms() - begin, 90, 1200);
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
		cmocka_unit_test(full_by_pages),
		cmocka_unit_test(full_by_limit),
		cmocka_unit_test(damaged_pages),
		cmocka_unit_test(no_database),
		cmocka_unit_test(file_replaced),
		cmocka_unit_test(read_only_option),
		cmocka_unit_test(file_of_another_user),
		cmocka_unit_test(locked_elsewhere),
		cmocka_unit_test(closed_while_locked),
		cmocka_unit_test(two_processes),
		cmocka_unit_test(killed),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
