/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One table of rows in a file, written through a writer: for tests with faults and processes. */
#ifndef TESTS_UNIT_ORM_ROWS_H
#define TESTS_UNIT_ORM_ROWS_H

#include <sys/wait.h>
#include <time.h>

#include "sqlite.h"

static char path[160];

static inline void fresh(const char *name)
{
	struct orm_conn *conn;

	snprintf(path, sizeof(path), "%s", in_folder(name));
	conn = open_as(path, ORM_WRITER, NULL);
	script(conn, "CREATE TABLE t(a INTEGER PRIMARY KEY, s TEXT) STRICT");
	lite->close(conn);
}

static inline struct orm_writer *open_writer(const struct orm_options *options)
{
	struct orm_writer *writer = NULL;
	struct orm_error err = {0};

	if (lite->writer_open(path, options, NULL, &writer, &err))
		fail_msg("%s", err.text);
	return writer;
}

static inline int write_row(struct orm_writer *writer, int64_t a, bool durable,
			    struct orm_error *err)
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

static inline long long count_rows(void)
{
	struct orm_conn *conn = open_as(path, ORM_READER, NULL);
	long long n;

	assert_string_equal(ask(conn, "PRAGMA integrity_check"), "ok");
	n = ask_number(conn, "SELECT count(*) FROM t");
	lite->close(conn);
	return n;
}

static inline int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void pause_ms(long ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

static inline void expect_exit(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("the other process: status 0x%x", (unsigned)status);
}

#endif
