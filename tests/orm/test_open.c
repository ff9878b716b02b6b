/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Opening: URLs, options, and databases that are not there or are none. */
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <tests/orm/kit/stage.h>

#define NOTE(X) X(i64, id, BIGINT, PK | AUTO) X(str, text, TEXT, 0)
ORM_TABLE(note, NOTE)

/* Refused as this class, with a text in which this stands; nothing is opened. */
#define REFUSES(url, options, class, said) refuses(url, options, class, said, __LINE__)
static void refuses(const char *url, const struct orm_options *options, int class, const char *said,
		    int line)
{
	struct orm_error error = {0};
	struct orm *orm = NULL;
	int r = orm_open(url, options, &orm, &error);

	if (r != class || error.class != class || !strstr(error.text, said)) {
		print_error("'%s' gave %s: %s\nwanted %s: ... %s ...\n", url, orm_class_name(r),
			    r ? error.text : "", orm_class_name(class), said);
		_fail(__FILE__, line);
	}
	assert_null(orm);
	assert_int_equal(orm_open(url, options, &orm, NULL), class); /* nobody wants to know why */
}

static void urls_that_are_none(void **state)
{
	char large[6000];

	(void)state;
	REFUSES("", NULL, ORM_E_VALUE, "no database URL");
	REFUSES("mysql://host/db", NULL, ORM_E_VALUE, "mysql");
	REFUSES("/var/lib/app.db", NULL, ORM_E_VALUE, "no database URL");
	REFUSES("sqlite:", NULL, ORM_E_VALUE, "names no file");
	REFUSES("sqlite:?durable=1", NULL, ORM_E_VALUE, "names no file");
	REFUSES("sqlite:a%2", NULL, ORM_E_VALUE, "");
	REFUSES("sqlite:a%00b", NULL, ORM_E_VALUE, "");
	memset(large, 'a', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	memcpy(large, "sqlite:", 7);
	REFUSES(large, NULL, ORM_E_VALUE, "longer");
}

static void options_that_are_none(void **state)
{
	const struct database *db = *state;

	REFUSES(database_url(db, "pool_max=many"), NULL, ORM_E_VALUE, "pool_max");
	REFUSES(database_url(db, "pool_max="), NULL, ORM_E_VALUE, "pool_max");
	REFUSES(database_url(db, "pool_max=1x"), NULL, ORM_E_VALUE, "pool_max");
	REFUSES(database_url(db, "pool_max=99999999999999999999"), NULL, ORM_E_VALUE, "pool_max");
	REFUSES(database_url(db, "pool_max"), NULL, ORM_E_VALUE, "pool_max");
	REFUSES(database_url(db, "pool_min=5&pool_max=2"), NULL, ORM_E_VALUE, "pool_m");
	REFUSES(database_url(db, "pool_max=-3"), NULL, ORM_E_VALUE, "pool_max");
	REFUSES(database_url(db, "application_name=%zz"), NULL, ORM_E_VALUE, "application_name");
	if (database_is_sqlite(db)) {
		REFUSES(database_url(db, "sslmode=require"), NULL, ORM_E_VALUE, "sslmode");
		REFUSES(database_url(db, "journal_mode=FAST"), NULL, ORM_E_VALUE, "journal_mode");
		REFUSES(database_url(db, "journal_mode=WAL;DROP"), NULL, ORM_E_VALUE,
			"journal_mode");
		REFUSES(database_url(db, "synchronous=MAYBE"), NULL, ORM_E_VALUE, "synchronous");
		REFUSES(database_url(db, "temp_store=DISK"), NULL, ORM_E_VALUE, "temp_store");
	} else {
		REFUSES(database_url(db, "no_such_option=1"), NULL, ORM_E_VALUE, "no_such_option");
		REFUSES(database_url(db, "prepare=perhaps"), NULL, ORM_E_VALUE, "prepare");
	}
}

/* Below 0 they meant nothing, something else on each database, or a limit of 2^64. */
static void numbers_below_zero(void **state)
{
	static const char *const refused[] = {
		"pool_min=-1",
		"acquire_timeout_ms=-1",
		"connect_timeout_ms=-5",
		"breaker_failures=-1",
		"breaker_open_ms=-1",
		"statements=-1",
		"shapes=-1",
		"cache_bytes=-1",
		"cache_ttl_ms=-1",
		"result_bytes_max=-1",
		"slow_ms=-1",
		"group_max=-1",
		"query_timeout_ms=-2",
		"retries=-2",
		"idle_timeout_ms=-60000",
		"life_timeout_ms=-2",
		"check_after_ms=-2",
		"mmap_size=-2",
		"busy_timeout_ms=-2",
		"wal_autocheckpoint=-2",
		"durable=2",
		"read_only=-2",
		"foreign_keys=7",
	};
	static const char taken[] =
		"query_timeout_ms=-1&retries=-1&idle_timeout_ms=-1&life_timeout_ms=-1"
		"&check_after_ms=-1&mmap_size=-1&busy_timeout_ms=-1&wal_autocheckpoint=-1"
		"&durable=-1&foreign_keys=-1&cache_size=-100&reader_cache_size=-100";
	const struct orm_options options = {.result_bytes_max = -1};
	const struct database *db = *state;
	struct orm *orm;

	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		char name[32];

		snprintf(name, sizeof(name), "'%.*s'", (int)strcspn(refused[i], "="), refused[i]);
		REFUSES(database_url(db, refused[i]), NULL, ORM_E_VALUE, name);
	}
	REFUSES(db->url, &options, ORM_E_VALUE, "'result_bytes_max'");
	assert_int_equal(orm_open(database_url(db, taken), NULL, &orm, NULL), 0);
	orm_close(orm);
}

static void options_by_url_and_by_struct(void **state)
{
	const struct orm_options options = {.pool_max = 1, .acquire_timeout_ms = 50};
	struct orm_session *a, *b;
	struct stage st;

	stage_open_again(&st, *state, &options);
	a = st.s;
	b = stage_session(&st);
	OK(a, orm_begin(a, &(struct orm_tx_options){.read_only = true}));
	FAILS(b, ORM_E_BUSY, orm_begin(b, &(struct orm_tx_options){.read_only = true}));
	assert_true(orm_error(b)->retryable);
	orm_rollback(a);
	OK(b, orm_begin(b, &(struct orm_tx_options){.read_only = true}));
	orm_session_close(b);
	stage_close(&st);
}

/* ---- SQLite ---- */

static const char *path_url(const struct database *db, const char *before, const char *name)
{
	static char url[600];

	snprintf(url, sizeof(url), "%s%s/%s", before, db->dir, name);
	return url;
}

static void write_file(const struct database *db, const char *name, const char *bytes, size_t len)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", db->dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

static void files_that_cannot_be(void **state)
{
	const struct database *db = *state;
	char zeros[4096] = {0};

	REFUSES(path_url(db, "sqlite:", "no/such/folder/db"), NULL, ORM_E_IO, "no/such/folder");
	REFUSES(path_url(db, "sqlite:", "."), NULL, ORM_E_IO, ""); /* a folder */
	REFUSES(path_url(db, "sqlite:", "missing?read_only=1"), NULL, ORM_E_IO, "missing");
	assert_int_equal(access(path_url(db, "", "missing"), F_OK), -1); /* nor was it made */
	write_file(db, "text", "this is a letter, and no database at all\n", 41);
	REFUSES(path_url(db, "sqlite:", "text"), NULL, ORM_E_CORRUPT, "text");
	memset(zeros, 'x', sizeof(zeros));
	write_file(db, "junk", zeros, sizeof(zeros));
	REFUSES(path_url(db, "sqlite:", "junk"), NULL, ORM_E_CORRUPT, "junk");
	write_file(db, "empty", "", 0); /* is an empty database */
}

static void an_empty_file_is_an_empty_database(void **state)
{
	const struct database *db = *state;
	struct orm_session *s;
	struct orm *orm;

	write_file(db, "empty", "", 0);
	assert_int_equal(orm_open(path_url(db, "sqlite:", "empty"), NULL, &orm, NULL), 0);
	assert_int_equal(orm_session_open(orm, &s), 0);
	stage_do(s, "CREATE TABLE t (n INTEGER)");
	orm_session_close(s);
	orm_close(orm);
}

static void read_only(void **state)
{
	const struct database *db = *state;
	struct orm_query *q;
	struct stage st;

	STAGE_OPEN(&st, db, T(note));
	q = orm_insert(st.s, T(note));
	orm_set(q, C(note, text), "here");
	RUN(st.s, q);
	stage_close(&st);
	stage_open_again(&st, db, &(struct orm_options){.read_only = 1});
	assert_int_equal(stage_count(st.s, T(note)), 1);
	q = orm_insert(st.s, T(note));
	orm_set(q, C(note, text), "no");
	REFUSED(st.s, q, ORM_E_READ_ONLY);
	FAILS(st.s, ORM_E_READ_ONLY, orm_begin(st.s, NULL));
	OK(st.s, orm_begin(st.s, &(struct orm_tx_options){.read_only = true}));
	OK(st.s, orm_commit(st.s));
	stage_close(&st);
}

#define NOBODY 65534

/* Root may open every file: he becomes nobody first, in a process of its own. */
static void no_permission(void **state)
{
	const struct database *db = *state;
	struct orm_error error;
	struct orm *orm;
	int status;
	pid_t child;

	write_file(db, "shut", "", 0);
	assert_int_equal(chmod(path_url(db, "", "shut"), 0), 0);
	assert_int_equal(chmod(db->dir, 0711), 0);
	child = fork();
	assert_int_not_equal(child, -1);
	if (!child) {
		if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0)
			_exit(2);
		if (orm_open(path_url(db, "sqlite:", "shut"), NULL, &orm, &error) == ORM_E_AUTH &&
		    strstr(error.text, "/shut'"))
			_exit(0);
		fprintf(stderr, "%s: %s\n", orm_class_name(error.class), error.text);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void names_of_files(void **state)
{
	static const char *const names[] = {"with space", "100%25", "a%3Fb%23c", "\xc3\xa4",
					    "semi;colon'quote\""};
	const struct database *db = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct orm_session *s;
		struct orm *orm;

		assert_int_equal(orm_open(path_url(db, "sqlite:", names[i]), NULL, &orm, NULL), 0);
		assert_int_equal(orm_session_open(orm, &s), 0);
		stage_do(s, "CREATE TABLE t (n INTEGER)");
		orm_session_close(s);
		orm_close(orm);
	}
	assert_int_equal(access(path_url(db, "", "100%"), F_OK), 0);
	assert_int_equal(access(path_url(db, "", "a?b#c"), F_OK), 0);
}

static void memory_databases_are_apart(void **state)
{
	struct orm_session *a, *b, *c;
	struct orm *one, *two;

	(void)state;
	assert_int_equal(orm_open("sqlite::memory:", NULL, &one, NULL), 0);
	assert_int_equal(orm_open("sqlite::memory:", NULL, &two, NULL), 0);
	assert_int_equal(orm_session_open(one, &a), 0);
	assert_int_equal(orm_session_open(one, &b), 0);
	assert_int_equal(orm_session_open(two, &c), 0);
	stage_do(a, "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT) STRICT");
	stage_do(a, "INSERT INTO note VALUES (1, 'a')");
	assert_int_equal(stage_count(b, T(note)), 1);
	REFUSED(c, orm_select(c, T(note)), ORM_E_SCHEMA);
	orm_session_close(a);
	orm_session_close(b);
	orm_session_close(c);
	orm_close(one);
	orm_close(two);
}

/* ---- PostgreSQL ---- */

/* The URL of the test with something else in the place of its password, user, port or name. */
static const char *changed_url(const struct database *db, const char *login, int port,
			       const char *name)
{
	static char url[1024];
	const char *at = strchr(db->url, '@');

	assert_non_null(at);
	snprintf(url, sizeof(url), "postgresql://%s@127.0.0.1:%d/%s", login, port, name);
	return url;
}

static int port_of(const struct database *db)
{
	return (int)strtol(strchr(strchr(db->url, '@'), ':') + 1, NULL, 10);
}

static void says_nothing_of(const char *url, const char *secret)
{
	struct orm_error error;
	struct orm *orm;

	assert_int_not_equal(orm_open(url, NULL, &orm, &error), 0);
	if (strstr(error.text, secret))
		fail_msg("the password stands in: %s", error.text);
}

static void passwords(void **state)
{
	const struct database *db = *state;
	int port = port_of(db);
	const char *url;

	url = changed_url(db, "strazh:hunter2secret", port, db->name);
	REFUSES(url, NULL, ORM_E_AUTH, "");
	says_nothing_of(url, "hunter2secret");
	url = changed_url(db, "nobody:hunter2secret", port, db->name);
	REFUSES(url, NULL, ORM_E_AUTH, "");
	says_nothing_of(url, "hunter2secret");
	url = changed_url(db, "strazh:hunter2secret", 1, db->name);
	REFUSES(url, NULL, ORM_E_CONNECTION, "");
	says_nothing_of(url, "hunter2secret");
	url = changed_url(db, "strazh:hunter2secret", 99999, db->name);
	says_nothing_of(url, "hunter2secret");
	says_nothing_of("postgresql://u:hunter2secret@h/d?pool_max=x", "hunter2secret");
	says_nothing_of("postgresql://u:hunter2secret@h/d?what=x", "hunter2secret");
	says_nothing_of("postgresql://u:hunter2secret@%zz/d", "hunter2secret");
	says_nothing_of("postgresql://h/d?password=a&hunter2secret", "hunter2secret");
	says_nothing_of("postgresql://u:hunter2secret@[::1/d", "hunter2secret");
	says_nothing_of("postgresql://u:hunter2secret@[::1]x/d", "hunter2secret");
	says_nothing_of("postgresq://u:hunter2secret@h/d", "hunter2secret");
	says_nothing_of("hunter2secret@h/d", "hunter2secret@");
	says_nothing_of("postgresql://h/d?password=hunter2secret&port=1", "hunter2secret");
	says_nothing_of("postgresql://h/d?password=%zz-hunter2secret&port=1", "hunter2secret");
}

static void a_database_that_is_not_there(void **state)
{
	const struct database *db = *state;
	char url[1024];
	char *name;

	snprintf(url, sizeof(url), "%s", db->url);
	name = strstr(url, db->name);
	assert_non_null(name);
	memcpy(name, "no_", 3);
	REFUSES(url, NULL, ORM_E_AUTH, "no_");
}

/* Nobody answers: told within connect_timeout_ms, not when the machine gives up. */
static void an_address_that_does_not_answer(void **state)
{
	const struct orm_options options = {.connect_timeout_ms = 300};
	struct timespec begin, end;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	REFUSES("postgresql://u@192.0.2.1:5/d", &options, ORM_E_CONNECTION, "");
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_in_range(end.tv_sec - begin.tv_sec, 0, 5);
}

static void servers_name_themselves(void **state)
{
	const struct database *db = *state;
	bool sqlite = database_is_sqlite(db);
	struct stage st;

	stage_open_again(&st, db, NULL);
	assert_int_equal(orm_dialect(st.orm), db->dialect);
	assert_memory_equal(orm_server(st.orm), sqlite ? "SQLite 3." : "PostgreSQL ",
			    sqlite ? 9 : 11);
	stage_close(&st);
	orm_close(NULL);
	orm_session_close(NULL);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST_SQLITE(urls_that_are_none),
		DATABASE_TEST(options_that_are_none),
		DATABASE_TEST(numbers_below_zero),
		DATABASE_TEST(options_by_url_and_by_struct),
		DATABASE_TEST_SQLITE(files_that_cannot_be),
		DATABASE_TEST_SQLITE(an_empty_file_is_an_empty_database),
		DATABASE_TEST_SQLITE(read_only),
		DATABASE_TEST_SQLITE(no_permission),
		DATABASE_TEST_SQLITE(names_of_files),
		DATABASE_TEST_SQLITE(memory_databases_are_apart),
		DATABASE_TEST_POSTGRESQL(passwords),
		DATABASE_TEST_POSTGRESQL(a_database_that_is_not_there),
		DATABASE_TEST_POSTGRESQL(an_address_that_does_not_answer),
		DATABASE_TEST(servers_name_themselves),
	};

	return DATABASE_RUN(tests);
}
