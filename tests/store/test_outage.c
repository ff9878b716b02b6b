// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * A database that is away: acts wait, in a bounded backlog; nobody is told that they are written
 * before they are; and then each is written once, whatever became of the answers.
 */
#include <tests/store/depot.h>

#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tests/orm/kit/proxy.h>
#include <tests/orm/kit/server.h>

static const struct store_options quick = {
	.backlog_max = 100, .retry_min_ms = 5, .retry_max_ms = 50, .retain_every_ms = -1};

static struct store_health health_of(struct store *st)
{
	struct store_health health;

	store_health(st, &health);
	return health;
}

/* Somebody else holds SQLite's write lock. */
static sqlite3 *lock_file(const struct database *db)
{
	sqlite3 *file;

	assert_int_equal(sqlite3_open(db->name, &file), SQLITE_OK);
	assert_int_equal(sqlite3_exec(file, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	return file;
}

static void unlock_file(sqlite3 *file)
{
	assert_int_equal(sqlite3_exec(file, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(file), SQLITE_OK);
}

static void submit_notes(struct store *st, unsigned from, unsigned n, struct depot_count *count)
{
	for (unsigned i = from; i < from + n; i++) {
		char detail[32];
		struct store_act act = depot_note("test", "s", detail);

		snprintf(detail, sizeof(detail), "%u", i);
		assert_int_equal(store_submit(st, &act, depot_count, count), 0);
	}
}

static const char *short_wait(const struct database *db)
{
	return database_url(db, "busy_timeout_ms=20");
}

static void locked_by_another(void **state)
{
	struct database db = *(const struct database *)*state;
	struct depot_count count = {0};
	struct store_act act = depot_note("test", "s", "x");
	struct pollfd fd = {.events = POLLIN};
	struct store_health health;
	struct store *st;
	sqlite3 *file;

	snprintf(db.url, sizeof(db.url), "%s", short_wait(&db));
	st = depot_manual(&db, &quick);
	file = lock_file(&db);
	submit_notes(st, 0, 100, &count);
	assert_int_equal(store_submit(st, &act, depot_count, &count), STORE_FULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_turn(st), STORE_DOWN);
	health = health_of(st);
	assert_true(health.degraded);
	assert_int_equal(health.why.class, ORM_E_LOCKED);
	assert_true(health.since_ms > 0 && health.why.text[0]);
	assert_int_equal(health.failures, 3);
	assert_int_equal(health.backlog, 100);
	assert_int_equal(health.turned_away, 1);
	fd.fd = store_fd(st);
	assert_int_equal(poll(&fd, 1, 0), 1);	/* the owner is to look at the health */
	assert_int_equal(store_collect(st), 0); /* but no act is decided */
	assert_int_equal(poll(&fd, 1, 0), 0);
	unlock_file(file);
	assert_int_equal(store_turn(st), 0);
	health = health_of(st);
	assert_false(health.degraded);
	assert_int_equal(health.outages, 1);
	assert_int_equal(store_collect(st), 100);
	assert_int_equal(count.of[STORE_OK], 100);
	assert_int_equal(store_submit(st, &act, depot_count, &count), 0);
	assert_int_equal(store_turn(st), 0);
	depot_chain(st, 101);
	depot_close(st);
}

/* A waiting caller gets its condition after its time, and then the act is never written. */
static void late_is_never(void **state)
{
	struct database db = *(const struct database *)*state;
	struct store_act act = depot_ban("192.0.2.1", 0, "late");
	struct store *st;
	sqlite3 *file;

	snprintf(db.url, sizeof(db.url), "%s", short_wait(&db));
	st = depot_open(&db, &quick);
	file = lock_file(&db);
	assert_int_equal(store_do(st, &act, 100), STORE_LATE);
	act.cause = "in time";
	unlock_file(file);
	depot_do(st, &act);
	depot_expect_bans(st, 0, "192.0.2.1 1 test guard in time\n");
	depot_chain(st, 1);
	assert_int_equal(health_of(st).backlog, 0);
	depot_close(st);
}

static void close_gives_everything_back(void **state)
{
	struct database db = *(const struct database *)*state;
	struct store_options options = quick;
	struct store_source source = depot_source(1, 1);
	struct depot_count count = {0};
	uint32_t lost = 0;
	struct store *st;
	sqlite3 *file;

	snprintf(db.url, sizeof(db.url), "%s", short_wait(&db));
	options.close_ms = 100;
	st = depot_open(&db, &options);
	file = lock_file(&db);
	submit_notes(st, 0, 50, &count);
	assert_int_equal(store_source_put(st, &source), 0);
	assert_int_equal(store_flush(st, 50), STORE_LATE);
	store_close(st, &lost);
	assert_int_equal(count.of[STORE_LATE], 50);
	assert_int_equal(lost, 1);
	unlock_file(file);
	database_expect(&db, "SELECT count(*) FROM audit", "0\n");
}

/* The disk is full: files may not grow. Afterwards all is there, and the file is whole. */
static void disk_full(void **state)
{
	const struct database *db = *state;
	struct rlimit before, small;
	struct depot_count count = {0};
	struct store_health health;
	struct store *st = depot_manual(db, &quick);

	submit_notes(st, 0, 10, &count);
	assert_int_equal(store_turn(st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 4096;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	submit_notes(st, 10, 50, &count);
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_turn(st), STORE_DOWN);
	health = health_of(st);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(health.why.class == ORM_E_FULL || health.why.class == ORM_E_IO);
	assert_int_equal(store_collect(st), 10);
	assert_int_equal(store_turn(st), 0);
	assert_int_equal(store_collect(st), 50);
	assert_int_equal(count.of[STORE_OK], 60);
	depot_chain(st, 60);
	depot_close(st);
	database_expect(db, "PRAGMA integrity_check", "ok\n");
}

/* A refused value fails alone; its neighbours in the group are written. */
static void one_refused(void **state)
{
	const struct database *db = *state;
	struct depot_count count = {0};
	struct store *st = depot_manual(db, &quick);
	struct store_act act;

	database_do(db,
		    database_is_sqlite(db)
			    ? "CREATE TRIGGER no BEFORE INSERT ON setting WHEN new.name = 'bad' "
			      "BEGIN SELECT RAISE(ABORT, 'no'); END"
			    : "ALTER TABLE setting ADD CONSTRAINT no CHECK (name <> 'bad')");
	for (int i = 0; i < 5; i++) {
		char name[16];

		act = depot_note("", "", "");
		act.verb = STORE_SETTING_PUT;
		snprintf(name, sizeof(name), i == 2 ? "bad" : "s%d", i);
		act.setting = (struct store_setting){.name = name, .value = "v"};
		assert_int_equal(store_submit(st, &act, depot_count, &count), 0);
	}
	for (int i = 0; i < 8; i++)
		assert_int_equal(store_turn(st), 0);
	assert_int_equal(store_collect(st), 5);
	assert_int_equal(count.of[STORE_REFUSED], 1);
	assert_int_equal(count.of[STORE_OK], 4);
	assert_false(health_of(st).degraded);
	database_expect(db, "SELECT name FROM setting ORDER BY name", "s0\ns1\ns3\ns4\n");
	depot_chain(st, 4);
	depot_close(st);
}

static void start_without_it(void **state)
{
	struct database db = *(const struct database *)*state;
	struct store_options options = quick;
	struct store_fault fault = {0};
	struct depot_count count = {0};
	struct store *st = NULL;
	char missing[300];

	snprintf(missing, sizeof(missing), "%s/sub/db", db.dir);
	snprintf(db.url, sizeof(db.url), "sqlite://%s", missing);
	assert_int_equal(store_open(db.url, &options, &st, &fault), STORE_DOWN);
	assert_true(fault.text[0]);
	options.may_start_down = true;
	assert_int_equal(store_open("sqlite:x?no_such_option=1", &options, &st, &fault),
			 STORE_DOWN);
	st = depot_open(&db, &options);
	assert_true(health_of(st).degraded);
	submit_notes(st, 0, 20, &count);
	assert_int_equal(store_each_ban(st, 0, NULL, NULL, &fault), STORE_DOWN);
	*strrchr(missing, '/') = 0;
	assert_int_equal(mkdir(missing, 0700), 0);
	depot_collect(st, 20);
	assert_int_equal(count.of[STORE_OK], 20);
	depot_chain(st, 20);
	depot_close(st);
	snprintf(missing, sizeof(missing), "rm -r '%s/sub'", db.dir);
	for (int i = 0; i < 3; i++) {
		static const char *const tails[] = {"", "-wal", "-shm"};
		char path[400];

		snprintf(path, sizeof(path), "%s/sub/db%s", db.dir, tails[i]);
		unlink(path);
	}
	snprintf(missing, sizeof(missing), "%s/sub", db.dir);
	rmdir(missing);
}

/* The server is killed and comes back (after STORE_AWAY_S), with notes and sources on their way. */
static void server_killed(void **state)
{
	struct store_options options = quick;
	struct depot_count count = {0};
	const char *away = getenv("STORE_AWAY_S");
	struct servers servers;
	struct database db;
	struct store *st;
	unsigned n = 0, back = 0;
	int64_t back_ms;

	(void)state;
	if (!servers_make(&servers))
		skip();
	server_database(&servers, "a", "", &db);
	options.backlog_max = 5000;
	st = depot_open(&db, &options);
	for (int round = 0; round < 4; round++) {
		submit_notes(st, n, 600, &count);
		n += 600;
		for (uint32_t i = 0; i < 100; i++) {
			struct store_source source = depot_source(i, round);

			assert_int_equal(store_source_put(st, &source), 0);
		}
		server_must(&servers, "kill9", "a", "");
		submit_notes(st, n, 300, &count);
		n += 300;
		while (!health_of(st).degraded) /* acts wait: it must find out */
			usleep(1000);
		sleep(away ? (unsigned)strtoul(away, NULL, 10) : 0);
		server_must(&servers, "start", "a", "");
		back += store_collect(st);
	}
	back_ms = store_now_ms();
	depot_collect(st, n - back);
	back_ms = store_now_ms() - back_ms;
	assert_int_equal(count.of[STORE_OK], n);
	assert_int_equal(store_flush(st, 0), 0);
	depot_chain(st, n);
	database_expect(&db, "SELECT count(DISTINCT detail) FROM audit", "3600\n");
	database_expect(&db, "SELECT count(*), min(evidence[1]) FROM source", "100|3\n");
	printf("# %llu outages; %lld ms from the server's last start to the last act\n",
	       (unsigned long long)health_of(st).outages, (long long)back_ms);
	assert_true(health_of(st).outages > 0);
	depot_close(st);
	servers_drop(&servers, (const char *const[]){"a", NULL});
}

/* A wire that is cut at any byte, also between a commit and its answer: written once all the same.
 */
static void wire_is_cut(void **state)
{
	struct database db = *(const struct database *)*state, wire = db;
	struct proxy_ways ways = {.cut_of_million = 20000};
	struct proxy *proxy = proxy_open(db.url);
	struct depot_count count = {0};
	struct store_options options = quick;
	unsigned n = 0, back = 0;
	uint64_t random = 42;
	struct store *st;

	proxy_url(proxy, wire.url, sizeof(wire.url));
	options.backlog_max = 1000;
	st = depot_open(&wire, &options);
	proxy_behave(proxy, &ways);
	while (n < 6000 || proxy_cuts(proxy) < 40) {
		unsigned some = 1 + (unsigned)(random = random * 6364136223846793005ULL + 1) % 40;

		if (n - back + some > 1000) {
			struct pollfd fd = {.fd = store_fd(st), .events = POLLIN};

			assert_int_equal(poll(&fd, 1, 60000), 1);
			back += store_collect(st);
			continue;
		}
		submit_notes(st, n, some, &count);
		n += some;
		if (random >> 60)
			continue;
		usleep(1000);
	}
	proxy_behave(proxy, &(struct proxy_ways){0});
	depot_collect(st, n - back);
	assert_int_equal(count.of[STORE_OK], n);
	depot_chain(st, n);
	printf("# %u acts over %llu cuts\n", n, (unsigned long long)proxy_cuts(proxy));
	depot_close(st);
	proxy_close(proxy);
	{
		char want[64];

		snprintf(want, sizeof(want), "%u\n", n);
		database_expect(&db, "SELECT count(DISTINCT detail) FROM audit", want);
	}
}

/* A wire that says nothing any more: who waits is told something true, and the store comes back. */
static void wire_is_silent(void **state)
{
	const struct database *db = *state;
	struct database wire = *db;
	struct proxy_ways ways = {.silence_of_million = 1000000};
	struct proxy *proxy = proxy_open(db->url);
	struct store_act act = depot_note("test", "s", "silent");
	char url[sizeof(wire.url)];
	struct store *st;
	int r;

	proxy_url(proxy, url, sizeof(url));
	assert_true((size_t)snprintf(wire.url, sizeof(wire.url), "%.900s%cquery_timeout_ms=300",
				     url, strchr(url, '?') ? '&' : '?') < sizeof(wire.url));
	st = depot_open(&wire, &quick);
	depot_do(st, &act);
	proxy_behave(proxy, &ways);
	r = store_do(st, &act, 50);
	assert_true(r == STORE_LATE || r == STORE_UNKNOWN);
	assert_true(health_of(st).degraded);
	proxy_behave(proxy, &(struct proxy_ways){0});
	act.detail = "after";
	depot_do(st, &act);
	assert_int_equal(store_flush(st, 0), 0);
	depot_close(st);
	proxy_close(proxy);
	/* What was late is not there, what was in doubt is there once at most. */
	database_expect(db, "SELECT count(*) FROM audit WHERE detail = 'after'", "1\n");
	st = depot_open(db, NULL);
	assert_int_equal(store_audit_verify(st, &(struct store_audit_state){0}, NULL), 0);
	depot_close(st);
	database_expect(db,
			r == STORE_LATE ? "SELECT count(*) FROM audit WHERE detail = 'silent'"
					: "SELECT 1",
			"1\n");
	database_expect(db, "SELECT count(*) <= 2 FROM audit WHERE detail = 'silent'", "t\n");
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST_SQLITE(locked_by_another),
		DATABASE_TEST_SQLITE(late_is_never),
		DATABASE_TEST_SQLITE(close_gives_everything_back),
		DATABASE_TEST_SQLITE(disk_full),
		DATABASE_TEST(one_refused),
		DATABASE_TEST_SQLITE(start_without_it),
		DATABASE_TEST_POSTGRESQL(server_killed),
		DATABASE_TEST_POSTGRESQL(wire_is_cut),
		DATABASE_TEST_POSTGRESQL(wire_is_silent),
	};

	return DATABASE_RUN(tests);
}
