/* SPDX-License-Identifier: Apache-2.0 */
/* Options and what they become: PRAGMAs. Words go into SQL, so each is one of a list. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <orm/drivers/sqlite/lite.h>

#define DEFAULT_num(name, value)                                                                   \
	if (!o.name)                                                                               \
		o.name = (value);
#define DEFAULT_text(name, value)                                                                  \
	if (!o.name)                                                                               \
		o.name = (value);
#define DEFAULT(type, name, value, text) DEFAULT_##type(name, value)

struct orm_options lite_options(const struct orm_options *options)
{
	struct orm_options o = options ? *options : (struct orm_options){0};

	ORM_OPTIONS(DEFAULT)
	return o;
}

static const char *const syncs[] = {"OFF", "NORMAL", "FULL", "EXTRA", NULL};
static const char *const stores[] = {"DEFAULT", "FILE", "MEMORY", NULL};
/* Not OFF: what cannot be rolled back cannot keep one caller's failure from another's write. */
static const char *const journals[] = {"WAL", "DELETE", "TRUNCATE", "PERSIST", "MEMORY", NULL};

static int find_word(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++)
		if (!strcasecmp(words[i], word))
			return i;
	return -1;
}

enum lite_sync lite_sync_of(const char *word)
{
	int found = find_word(syncs, word);

	return found < 0 ? LITE_UNKNOWN : (enum lite_sync)found;
}

int lite_options_check(struct orm_options *options, struct orm_error *err)
{
	const struct {
		const char *name;
		const char **value;
		const char *const *words;
		const char *list;
	} texts[] = {
		{"journal_mode", &options->journal_mode, journals,
		 "WAL, DELETE, TRUNCATE, PERSIST or MEMORY"},
		{"synchronous", &options->synchronous, syncs, "OFF, NORMAL, FULL or EXTRA"},
		{"temp_store", &options->temp_store, stores, "DEFAULT, FILE or MEMORY"},
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		int found = find_word(texts[i].words, *texts[i].value);

		if (found < 0)
			return lite_refuse(err, ORM_E_VALUE, "22023",
					   "option %s is '%.32s'; it may be %s", texts[i].name,
					   *texts[i].value, texts[i].list);
		*texts[i].value = texts[i].words[found];
	}
	return 0;
}

/* One statement whose answer, if any, is one word. */
static int ask(struct orm_conn *conn, const char *sql, char *word, size_t size)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const unsigned char *text = sqlite3_column_text(stmt, 0);

		snprintf(word, size, "%s", text ? (const char *)text : "");
	}
	rc = sqlite3_finalize(stmt);
	return rc;
}

/*
 * Two processes which make the same file WAL at once: SQLite says SQLITE_BUSY to one of them
 * without asking the busy handler.
 */
static int set_journal(struct orm_conn *conn, const char *mode, struct orm_error *err)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	int64_t until = lite_now_ms() + conn->busy_timeout_ms;
	char sql[64], got[32] = "";
	int rc;

	snprintf(sql, sizeof(sql), "PRAGMA journal_mode=%s", mode);
	while (true) {
		rc = ask(conn, sql, got, sizeof(got));
		if ((rc & 0xff) != SQLITE_BUSY || lite_now_ms() >= until)
			break;
		nanosleep(&pause, NULL);
	}
	if (rc != SQLITE_OK)
		return lite_fail(conn, rc, "cannot open", err);
	if (!conn->memory && strcasecmp(got, mode))
		return lite_refuse(err, ORM_E_IO, "58030",
				   "'%s' cannot have journal_mode %s, it stays %s: its file system "
				   "lacks shared memory, or it is in use",
				   conn->path, mode, got);
	return 0;
}

/*
 * What SQLite's own hook does, but it says nothing of a sync that failed: frames that other writes
 * stand on may then not be on the disk (tx.c).
 */
static int on_wal(void *data, sqlite3 *db, const char *schema, int pages)
{
	struct orm_conn *conn = data;
	int rc = SQLITE_OK;

	if (pages >= conn->checkpoint_pages)
		rc = sqlite3_wal_checkpoint_v2(db, schema, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if ((rc & 0xff) == SQLITE_IOERR)
		conn->unsafe = true;
	return SQLITE_OK;
}

static void set_checkpoints(struct orm_conn *conn, int64_t pages)
{
	conn->checkpoint_pages = (int)MIN(pages, INT_MAX);
	sqlite3_wal_hook(conn->db, pages > 0 ? on_wal : NULL, conn);
}

static int set_switches(struct orm_conn *conn)
{
	static const struct {
		int op;
		int value;
	} switches[] = {
		{SQLITE_DBCONFIG_DEFENSIVE, 1},
		{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
		/* A misspelt "name" is an error and not the text 'name'. */
		{SQLITE_DBCONFIG_DQS_DML, 0},
		{SQLITE_DBCONFIG_DQS_DDL, 0},
	};
	int rc = sqlite3_extended_result_codes(conn->db, 1);

	for (size_t i = 0; i < ARRAY_LEN(switches) && rc == SQLITE_OK; i++)
		rc = sqlite3_db_config(conn->db, switches[i].op, switches[i].value, (int *)NULL);
	return rc;
}

int lite_configure(struct orm_conn *conn, const struct orm_options *o, struct orm_error *err)
{
	char sql[512];
	int rc = set_switches(conn), r;

	if (rc != SQLITE_OK)
		return lite_fail(conn, rc, "cannot open", err);
	conn->relaxed_sync = lite_sync_of(o->synchronous);
	/* A deleted journal is gone for good only when its folder was written, too. */
	conn->durable_sync = MAX(conn->relaxed_sync,
				 strcasecmp(o->journal_mode, "DELETE") ? LITE_FULL : LITE_EXTRA);
	if (conn->writer && !conn->read_only) {
		r = set_journal(conn, o->journal_mode, err);
		if (r)
			return r;
	}
	snprintf(sql, sizeof(sql),
		 "PRAGMA case_sensitive_like=ON;" /* LIKE as PostgreSQL has it */
		 "PRAGMA cache_size=%lld; PRAGMA mmap_size=%lld; PRAGMA temp_store=%s;"
		 "PRAGMA foreign_keys=%s;"
		 "PRAGMA synchronous=%s; PRAGMA query_only=%s;"
		 "SELECT 1 FROM sqlite_schema LIMIT 1", /* read it now: a bad file is told here */
		 (long long)(conn->writer ? o->cache_size : o->reader_cache_size),
		 (long long)MAX(o->mmap_size, 0), o->temp_store, o->foreign_keys > 0 ? "ON" : "OFF",
		 o->synchronous, conn->writer && !conn->read_only ? "OFF" : "ON");
	set_checkpoints(conn, o->wal_autocheckpoint);
	rc = sqlite3_exec(conn->db, sql, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return lite_fail(conn, rc, "cannot open", err);
	conn->sync = conn->relaxed_sync;
	return 0;
}
