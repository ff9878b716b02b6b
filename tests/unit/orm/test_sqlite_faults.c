/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The SQLite driver when the world fails it: a full disk, files damaged, replaced, not writable.
 * "Acknowledged" is what write() returned 0 for; it must be there afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "rows.h"

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
	assert_int_equal(lite->writer_open(path, &options, NULL, &writer, &err), ORM_E_IO);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_by_pages),	cmocka_unit_test(full_by_limit),
		cmocka_unit_test(damaged_pages),	cmocka_unit_test(no_database),
		cmocka_unit_test(file_replaced),	cmocka_unit_test(read_only_option),
		cmocka_unit_test(file_of_another_user),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
