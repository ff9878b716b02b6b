/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Databases for tests. Each test of the caller becomes one cmocka test for each database it is for,
 * with a cell as its initial state; set-up makes the database and turns the state into it,
 * tear-down takes it back. The PostgreSQL is asked by one administrative connection, opened when
 * first needed.
 */
#include <tests/orm/kit/database.h>

#include <dirent.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>
#include <libpq-fe.h>
#include <sqlite3.h>

#define CONNECTIONS_END_MS 3000

static PGconn *admin;
static unsigned made;

static const char *server_url(void)
{
	const char *url = getenv("ORM_TEST_PG");

	return url && *url ? url : NULL;
}

/* ---- PostgreSQL ---- */

/* The server's URL with another database in it: scheme://authority/DATABASE?options */
static void url_of(char *to, size_t size, const char *name)
{
	const char *url = server_url(), *authority = strstr(url, "://"), *path, *options;

	assert_non_null(authority);
	authority += 3;
	path = authority + strcspn(authority, "/?");
	options = path + strcspn(path, "?");
	assert_true((size_t)snprintf(to, size, "%.*s/%s%s", (int)(path - url), url, name, options) <
		    size);
}

static PGconn *connect_to(const char *url)
{
	PGconn *conn = PQconnectdb(url);

	if (PQstatus(conn) != CONNECTION_OK) {
		print_error("%s", PQerrorMessage(conn));
		PQfinish(conn);
		fail();
	}
	return conn;
}

/* The last statement's result. */
static PGresult *pg_run(PGconn *conn, const char *sql)
{
	PGresult *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
		print_error("%s\n%s", sql, PQerrorMessage(conn));
		PQclear(result);
		fail();
	}
	return result;
}

static void admin_do(const char *before, const char *name, const char *after)
{
	char sql[384];

	if (!admin)
		admin = connect_to(server_url());
	snprintf(sql, sizeof(sql), "%s %s %s", before, name, after);
	PQclear(pg_run(admin, sql));
}

static bool connections_ended(const char *name)
{
	const char *const values[] = {name};
	PGresult *result;
	bool none = false;
	int left;

	/* Who has closed its end is counted until its backend has noticed. */
	for (left = CONNECTIONS_END_MS / 20; left > 0 && !none; left--) {
		result = PQexecParams(admin, "SELECT 1 FROM pg_stat_activity WHERE datname = $1", 1,
				      NULL, values, NULL, NULL, 0);
		none = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 0;
		PQclear(result);
		if (!none)
			usleep(20000);
	}
	return none;
}

static char *pg_ask(const struct database *db, const char *sql)
{
	PGconn *conn = connect_to(db->url);
	PGresult *result = pg_run(conn, sql);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int row, column;

	assert_non_null(out);
	for (row = 0; row < PQntuples(result); row++)
		for (column = 0; column < PQnfields(result); column++)
			fprintf(out, "%s%s",
				PQgetisnull(result, row, column) ? "NULL"
								 : PQgetvalue(result, row, column),
				column + 1 < PQnfields(result) ? "|" : "\n");
	fclose(out);
	PQclear(result);
	PQfinish(conn);
	return text;
}

/* ---- SQLite ---- */

static int print_row(void *data, int columns, char **values, char **names)
{
	FILE *out = data;
	int i;

	(void)names;
	for (i = 0; i < columns; i++)
		fprintf(out, "%s%s", values[i] ? values[i] : "NULL", i + 1 < columns ? "|" : "\n");
	return 0;
}

static char *sqlite_ask(const struct database *db, const char *sql)
{
	char *text = NULL, *why = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	sqlite3 *file;
	int status;

	assert_non_null(out);
	assert_int_equal(sqlite3_open(db->name, &file), SQLITE_OK);
	sqlite3_busy_timeout(file, 10000);
	sqlite3_exec(file, "PRAGMA foreign_keys = ON", NULL, NULL, NULL);
	status = sqlite3_exec(file, sql, print_row, out, &why);
	fclose(out);
	sqlite3_close(file);
	if (status != SQLITE_OK) {
		print_error("%s\n%s\n", sql, why);
		sqlite3_free(why);
		free(text);
		fail();
	}
	return text;
}

/* ---- what tests call ---- */

char *database_ask(const struct database *db, const char *sql)
{
	return database_is_sqlite(db) ? sqlite_ask(db, sql) : pg_ask(db, sql);
}

void database_do(const struct database *db, const char *sql)
{
	free(database_ask(db, sql));
}

void database_expect(const struct database *db, const char *sql, const char *want)
{
	char *got = database_ask(db, sql);

	if (strcmp(got, want) != 0) {
		print_error("%s\ngot:\n%swanted:\n%s", sql, got, want);
		free(got);
		fail();
	}
	free(got);
}

const char *database_url(const struct database *db, const char *option)
{
	static char url[sizeof(db->url) + 256];
	char mark = strchr(db->url, '?') ? '&' : '?';

	assert_true((size_t)snprintf(url, sizeof(url), "%s%c%s", db->url, mark, option) <
		    sizeof(url));
	return url;
}

/* ---- one database a test ---- */

static int set_up(void **state)
{
	struct database *db = *state;
	const char *tmp = getenv("TMPDIR");

	snprintf(db->dir, sizeof(db->dir), "%s/strazh-orm.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(db->dir))
		return -1;
	if (database_is_sqlite(db)) {
		snprintf(db->url, sizeof(db->url), "sqlite://%s/db", db->dir);
		return snprintf(db->name, sizeof(db->name), "%s/db", db->dir) <
				       (int)sizeof(db->name)
			       ? 0
			       : -1;
	}
	snprintf(db->name, sizeof(db->name), "strazh_test_%d_%u", (int)getpid(), made++);
	url_of(db->url, sizeof(db->url), db->name);
	admin_do("CREATE DATABASE", db->name, "");
	return 0;
}

/* Tests make files in it, no folders. */
static void remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	if (rmdir(path) != 0)
		print_error("'%s' is left behind\n", path);
}

static int tear_down(void **state)
{
	struct database *db = *state;
	bool ended = true;

	remove_dir(db->dir);
	if (!database_is_sqlite(db)) {
		ended = connections_ended(db->name);
		admin_do("DROP DATABASE", db->name, "WITH (FORCE)");
	}
	if (!ended)
		print_error("connections to the database were left open\n");
	return ended ? 0 : -1;
}

static void no_server(void **state)
{
	(void)state;
	fprintf(stderr, "# no PostgreSQL: ORM_TEST_PG is not set (tests/run orm sets it)\n");
	skip();
}

static void add(struct CMUnitTest *to, const struct database_test *test, struct database *db)
{
	bool here = database_is_sqlite(db) || server_url();
	char *name;

	if (asprintf(&name, "%s (%s)", test->name,
		     database_is_sqlite(db) ? "sqlite" : "postgresql") < 0)
		abort();
	*to = (struct CMUnitTest){
		.name = name,
		.test_func = here ? test->run : no_server,
		.setup_func = here ? set_up : NULL,
		.teardown_func = here ? tear_down : NULL,
		.initial_state = db,
	};
}

int database_run(const struct database_test *tests, size_t count)
{
	struct database cells[2] = {{.dialect = ORM_SQLITE}, {.dialect = ORM_POSTGRESQL}};
	struct CMUnitTest *all = calloc(count * 2, sizeof(*all));
	size_t i, n = 0;
	int failed;

	if (!all)
		abort();
	for (i = 0; i < count; i++) {
		if (tests[i].on & DATABASE_ON_SQLITE)
			add(&all[n++], &tests[i], &cells[0]);
		if (tests[i].on & DATABASE_ON_POSTGRESQL)
			add(&all[n++], &tests[i], &cells[1]);
	}
	if (getenv("TEST_FILTER"))
		cmocka_set_test_filter(getenv("TEST_FILTER"));
	failed = _cmocka_run_group_tests("orm", all, n, NULL, NULL);
	PQfinish(admin);
	for (i = 0; i < n; i++)
		free((void *)(uintptr_t)all[i].name);
	free(all);
	return failed;
}
