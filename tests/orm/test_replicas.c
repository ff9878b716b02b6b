/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Routing over a real primary and its streaming replica, both started here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <orm/pool/route.h>

static char top[256], urls[2][512];
static struct orm_route *route;
static struct orm_error err;
static struct orm_options options = {
	.pool_max = 4,
	.acquire_timeout_ms = 5000,
	.idle_timeout_ms = 60000,
	.life_timeout_ms = -1,
	.check_after_ms = 5000,
	.connect_timeout_ms = 3000,
	.query_timeout_ms = 10000,
	.breaker_failures = 5,
	.breaker_open_ms = 200,
	.statements = 16,
};

/* tests/orm/pg with these words; its exit status. */
static int server(const char *words)
{
	char command[1024];
	int status;

	snprintf(command, sizeof(command), "ORM_PG_OWNER=%d tests/orm/pg %s >/dev/null",
		 (int)getpid(), words);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int server_of(const char *verb, const char *name, const char *more)
{
	char words[768];

	snprintf(words, sizeof(words), "%s %s/%s%s%s%s", verb, top, name, *more ? " " : "",
		 *more ? top : "", more);
	return server(words);
}

static int url_of(const char *name, char url[512])
{
	char command[512];
	FILE *out;
	bool got;

	snprintf(command, sizeof(command), "tests/orm/pg url %s/%s", top, name);
	out = popen(command, "r");
	if (!out)
		return -1;
	got = fgets(url, 512, out) != NULL;
	url[strcspn(url, "\n")] = '\0';
	return pclose(out) || !got ? -1 : 0;
}

static int start_servers(void **state)
{
	int r;

	(void)state;
	snprintf(top, sizeof(top), "/tmp/strazh-replicas.XXXXXX");
	if (!mkdtemp(top) || chmod(top, 0755))
		return -1;
	r = server_of("start", "a", "");
	if (r == 3) {
		fputs("# no PostgreSQL server is installed: sudo ./scripts/setup test\n", stderr);
		top[0] = '\0';
		return 0;
	}
	if (r || server_of("standby", "a", "/b"))
		return -1;
	return url_of("a", urls[0]) || url_of("b", urls[1]) ? -1 : 0;
}

static int stop_servers(void **state)
{
	(void)state;
	orm_route_free(route);
	route = NULL;
	if (!*top)
		return 0;
	server_of("drop", "a", "");
	server_of("drop", "b", "");
	return rmdir(top);
}

static void make_route(void)
{
	const char *const addresses[] = {urls[0], urls[1]};
	struct orm_route_config config = {.driver = &orm_driver_pg,
					  .options = &options,
					  .addresses = addresses,
					  .count = 2,
					  .lsn = &orm_lsn_pg,
					  .refresh_ms = 20};

	if (orm_route_new(&config, &route, &err))
		fail_msg("%s", err.text);
}

static void tend(void)
{
	orm_route_tend(route, orm_now_ns(&orm_clock_machine));
}

static void script_on(struct orm_conn *conn, const char *sql)
{
	if (orm_driver_pg.script(conn, sql, &err))
		fail_msg("%s: %s", sql, err.text);
}

/* Write, as a session does. */
static int write_row(const char *sql, struct orm_seen *seen, bool learn)
{
	struct orm_routed routed;
	int r = orm_route_write(route, -1, &routed, &err);

	if (r)
		return r;
	r = orm_driver_pg.script(routed.pooled->conn, sql, &err);
	if (!r)
		orm_route_wrote(route, seen);
	if (!r && learn)
		r = orm_route_learn(route, &routed, seen, &err);
	orm_route_give_back(route, &routed, r);
	return r;
}

static int64_t read_number(const char *sql, const struct orm_seen *seen, unsigned *ret_member)
{
	static const uint8_t types[] = {ORM_T_BIGINT};
	const struct orm_stmt stmt = {.sql = sql,
				      .sql_len = strlen(sql),
				      .id = 77,
				      .flags = ORM_STMT_ROWS | ORM_STMT_ONCE,
				      .columns = 1,
				      .column_type = types};
	struct orm_routed routed;
	struct orm_value value;
	struct orm_conn *conn;

	if (orm_route_read(route, seen, 0, -1, &routed, &err))
		fail_msg("%s", err.text);
	conn = routed.pooled->conn;
	if (orm_driver_pg.start(conn, &stmt, NULL, &err) || orm_driver_pg.step(conn, &err) ||
	    orm_driver_pg.value(conn, 0, &value, &err))
		fail_msg("%s: %s", sql, err.text);
	orm_driver_pg.finish(conn);
	orm_route_give_back(route, &routed, 0);
	*ret_member = routed.member;
	return value.i;
}

/* Surveys, until a session that wrote nothing reads there. */
static void until_read_at(unsigned member)
{
	unsigned at = 99;

	for (int i = 0; i < 500 && at != member; i++) {
		usleep(20000);
		tend();
		read_number("SELECT 1::bigint", NULL, &at);
	}
	assert_int_equal(at, member);
}

static void where_the_log_is(void **state)
{
	struct orm_conn *conn[2];
	struct orm_lsn a, b = {0};

	(void)state;
	if (!*top)
		skip();
	for (int i = 0; i < 2; i++) {
		if (orm_driver_pg.open(urls[i], &options, ORM_WRITER, &conn[i], &err))
			fail_msg("%s", err.text);
	}
	script_on(conn[0], "CREATE TABLE n (i bigint)");
	/* Also at the end of a segment, where an idle primary stands behind a page's head. */
	for (int round = 0; round < 3; round++) {
		script_on(conn[0], round ? "SELECT pg_switch_wal()" : "INSERT INTO n VALUES (0)");
		assert_int_equal(orm_lsn_pg.ask(conn[0], &a, &err), 0);
		assert_false(a.in_recovery);
		assert_int_equal(a.timeline, 1);
		for (int i = 0; i < 500 && b.at < a.at; i++) {
			usleep(10000);
			assert_int_equal(orm_lsn_pg.ask(conn[1], &b, &err), 0);
		}
		assert_true(b.in_recovery);
		assert_int_equal(b.timeline, 0);
		assert_true(b.at >= a.at);
		assert_true(round != 1 || a.at % (16 << 20) == 0);
	}
	for (int i = 0; i < 2; i++)
		orm_driver_pg.close(conn[i]);
}

static void own_writes(void **state)
{
	struct orm_seen seen = {0};
	unsigned at[2] = {0};
	char sql[64];

	(void)state;
	if (!*top)
		skip();
	make_route();
	until_read_at(1);
	for (int64_t i = 1; i <= 300; i++) {
		snprintf(sql, sizeof(sql), "INSERT INTO n VALUES (%d)", (int)i);
		assert_int_equal(write_row(sql, &seen, i % 3 == 0), 0);
		for (int again = 0; again < 4; again++) {
			unsigned member;

			assert_int_equal(read_number("SELECT max(i) FROM n", &seen, &member), i);
			at[member]++;
			usleep(2000);
			tend();
		}
	}
	print_message("# %u reads on the primary, %u on the replica\n", at[0], at[1]);
	assert_true(at[0] > 50 && at[1] > 50);
}

static void a_replica_that_stands_still(void **state)
{
	struct orm_seen seen = {0};
	struct orm_conn *standby;
	unsigned member;

	(void)state;
	if (!*top)
		skip();
	if (orm_driver_pg.open(urls[1], &options, ORM_WRITER, &standby, &err))
		fail_msg("%s", err.text);
	script_on(standby, "SELECT pg_wal_replay_pause()");
	assert_int_equal(write_row("INSERT INTO n VALUES (1000)", &seen, true), 0);
	for (int i = 0; i < 50; i++) {
		usleep(10000);
		tend();
		assert_int_equal(read_number("SELECT max(i) FROM n", &seen, &member), 1000);
		assert_int_equal(member, 0);
		assert_int_equal(read_number("SELECT max(i) FROM n", NULL, &member), 300);
		assert_int_equal(member, 1);
	}
	script_on(standby, "SELECT pg_wal_replay_resume()");
	for (int i = 0; i < 500 && member == 0; i++) {
		usleep(10000);
		tend();
		assert_int_equal(read_number("SELECT max(i) FROM n", &seen, &member), 1000);
	}
	assert_int_equal(member, 1);
	orm_driver_pg.close(standby);
}

static void failover(void **state)
{
	struct orm_seen seen = {0};
	unsigned member;
	int r = -1;

	(void)state;
	if (!*top)
		skip();
	assert_int_equal(server_of("kill9", "a", ""), 0);
	r = write_row("INSERT INTO n VALUES (2000)", &seen, false);
	assert_true(r == ORM_E_CONNECTION || r == ORM_E_UNKNOWN_OUTCOME);
	assert_int_equal(server_of("promote", "b", ""), 0);
	for (int i = 0; i < 500 && r; i++) {
		usleep(20000);
		tend();
		r = write_row("INSERT INTO n VALUES (3000)", &seen, true);
	}
	if (r)
		fail_msg("%s", err.text);
	assert_int_equal(orm_route_primary(route), 1);
	assert_int_equal(read_number("SELECT max(i) FROM n", &seen, &member), 3000);
	/* The old one comes back and would take writes: nobody goes there. */
	assert_int_equal(server_of("start", "a", ""), 0);
	for (int i = 0; i < 100; i++) {
		usleep(20000);
		tend();
		assert_int_equal(read_number("SELECT max(i) FROM n", NULL, &member), 3000);
		assert_int_equal(member, 1);
	}
	assert_int_equal(orm_route_primary(route), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_the_log_is),
		cmocka_unit_test(own_writes),
		cmocka_unit_test(a_replica_that_stands_still),
		cmocka_unit_test(failover),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
