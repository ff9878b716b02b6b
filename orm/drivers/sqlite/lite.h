/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQLite driver inside: one connection, its statements, its limits. Functions are named lite_*;
 * those of the driver's table do as orm/drivers/driver.h says.
 */
#ifndef STRAZH_ORM_DRIVERS_SQLITE_LITE_H
#define STRAZH_ORM_DRIVERS_SQLITE_LITE_H

#include <stdatomic.h>

#include <sqlite3.h>

#include <orm/base/arena.h>
#include <orm/drivers/driver.h>

enum lite_sync { LITE_OFF, LITE_NORMAL, LITE_FULL, LITE_EXTRA, LITE_UNKNOWN };

/* The prepared statements of a connection: found by orm_stmt.id, the longest unused one goes. */
struct lite_cache {
	struct lite_kept *kept;
	uint32_t *heads; /* of hash chains: index + 1 */
	uint32_t count;
	uint32_t room; /* a power of two, of both arrays */
	uint32_t max;
	uint32_t newest; /* index + 1, as all links here */
	uint32_t oldest;
};

/* What a connection does between start() and finish(). */
struct lite_run {
	sqlite3_stmt *sql; /* NULL: nothing */
	const struct orm_stmt *stmt;
	bool once;     /* not in the cache: finalized at the end */
	bool pointers; /* something was bound by reference */
	bool begun;    /* the first step was done */
	int over;      /* 0: rows may follow; ORM_E_END; or how it failed */
	int64_t total; /* sqlite3_total_changes64() before it */
	uint64_t changed;
};

struct orm_conn {
	struct orm_conn_head head;
	sqlite3 *db;
	char *path; /* for messages */
	char server[32];
	bool writer;
	bool memory;
	bool read_only;
	int checkpoint_pages; /* of the WAL, then it is copied into the database */
	bool unsafe;	      /* a commit failed in the disk: what the WAL holds may not be on it */
	bool in_tx;	      /* begin() was called, neither commit() nor rollback() yet */
	bool no_control;    /* the authorizer refuses BEGIN, COMMIT and the like: a caller's SQL */
	bool in_script;	    /* what it refuses of scripts is less */
	const char *denied; /* why the authorizer refused */
	enum lite_sync sync, relaxed_sync, durable_sync;
	sqlite3_stmt *begin, *begin_now, *commit, *undo, *json_type;
	struct lite_cache cache;
	struct lite_run run;
	struct arena bound;   /* texts made for parameters; until finish() */
	struct arena fetched; /* values made of the row; until the next step() */

	/* limits; the flags are set by other threads */
	int64_t busy_timeout_ms;
	int64_t query_timeout_ms; /* for one step(); < 0: none */
	int64_t busy_since_ms;
	int64_t waited_ms;     /* of the last wait for a lock */
	uint64_t waits;	       /* how often there was one */
	int64_t step_until_ms; /* 0: not known yet in this step */
	bool timed_out;
	atomic_bool cancelled;
	atomic_bool closing; /* sticky: wait for no lock any more */
};

/* ---- conn.c, options.c ---- */
int lite_open(const char *address, const struct orm_options *options, enum orm_role role,
	      struct orm_conn **ret_conn, struct orm_error *err) must_check;
void lite_close(struct orm_conn *conn);
/* Options with every default in place. */
struct orm_options lite_options(const struct orm_options *options);
/* 0, and words are constants now; or ORM_E_VALUE: one that is none of PRAGMA's. */
int lite_options_check(struct orm_options *options, struct orm_error *err) must_check;
/* Settings of a connection that was just opened. */
int lite_configure(struct orm_conn *conn, const struct orm_options *options,
		   struct orm_error *err) must_check;
enum lite_sync lite_sync_of(const char *word);

/* ---- limits.c: locks of other processes, timeouts, what a caller's SQL may not do ---- */
void lite_limits_set(struct orm_conn *conn);
int64_t lite_now_ms(void);
void lite_cancel(struct orm_conn *conn);

/* ---- tx.c ---- */
int lite_begin(struct orm_conn *conn, const struct orm_tx_options *options, bool durable,
	       struct orm_error *err) must_check;
int lite_commit(struct orm_conn *conn, struct orm_error *err) must_check;
void lite_rollback(struct orm_conn *conn);
int lite_script(struct orm_conn *conn, const char *sql, struct orm_error *err) must_check;
int lite_check(struct orm_conn *conn, struct orm_error *err) must_check;
bool lite_is_moved(struct orm_conn *conn);

/* ---- stmt.c ---- */
int lite_cache_get(struct orm_conn *conn, const struct orm_stmt *stmt, sqlite3_stmt **ret_sql,
		   struct orm_error *err) must_check;
/* Prepare without the cache; the caller finalizes. */
int lite_prepare(struct orm_conn *conn, const char *sql, size_t len, unsigned flags,
		 sqlite3_stmt **ret_sql, struct orm_error *err) must_check;
void lite_cache_deinit(struct lite_cache *cache);

/* ---- run.c ---- */
int lite_start(struct orm_conn *conn, const struct orm_stmt *stmt, const struct orm_value *values,
	       struct orm_error *err) must_check;
int lite_step(struct orm_conn *conn, struct orm_error *err) must_check;
unsigned lite_columns(struct orm_conn *conn);
const char *lite_name(struct orm_conn *conn, unsigned column);
int lite_value(struct orm_conn *conn, unsigned column, struct orm_value *ret_value,
	       struct orm_error *err) must_check;
int lite_fill(struct orm_conn *conn, const struct orm_table *row, void *ret_row,
	      struct orm_error *err) must_check;
uint64_t lite_changed(struct orm_conn *conn);
void lite_finish(struct orm_conn *conn);
/* Bind parameters 1 to n. */
int lite_bind_all(struct orm_conn *conn, sqlite3_stmt *sql, const struct orm_stmt *stmt,
		  const struct orm_value *values, struct orm_error *err) must_check;
int lite_explain(struct orm_conn *conn, const struct orm_stmt *stmt, const struct orm_value *values,
		 char **ret_text, struct orm_error *err) must_check;
int lite_load(struct orm_conn *conn, const struct orm_source *source, uint64_t *ret_rows,
	      struct orm_error *err) must_check;

int lite_insert(struct orm_conn *conn, const struct orm_rows *rows, enum orm_batch_way way,
		const char *conflict, uint64_t *ret_inserted, struct orm_error *err) must_check;

/* ---- codec.c, fetch.c, array.c, form.c ---- */
/* Where a value goes, for messages: a column by name, or a parameter by number. */
struct lite_slot {
	sqlite3_stmt *sql;
	int index; /* from 1 */
	const char *column;
};
int lite_bind(struct orm_conn *conn, const struct lite_slot *slot, enum orm_type type,
	      const struct orm_value *value, struct orm_error *err) must_check;
int lite_fetch(struct orm_conn *conn, sqlite3_stmt *sql, unsigned column, enum orm_type type,
	       struct orm_value *ret_value, struct orm_error *err) must_check;
/* 0, -ENOMEM, or ORM_E_VALUE with *ret_why. */
int lite_array_emit(struct arena *arena, enum orm_type type, const struct orm_value *value,
		    const char **ret_text, size_t *ret_len, const char **ret_why) must_check;
int lite_array_parse(struct arena *arena, enum orm_type type, const char *text, size_t len,
		     struct orm_value *ret_value, const char **ret_why) must_check;
/* The text form of one value as `type` stores it (UUID, INET, CIDR, NUMERIC), in the arena. */
int lite_text_form(struct arena *arena, enum orm_type type, const char *text, size_t len,
		   const char **ret_text, size_t *ret_len, const char **ret_why) must_check;

/* The shortest decimal text that reads back as the same double; its length. Finite numbers only. */
#define LITE_DOUBLE_TEXT 32
size_t lite_double_emit(char to[LITE_DOUBLE_TEXT], double f);

/* ---- faults.c ---- */
/* What SQLite said last, in our classes. `doing`: "cannot begin a transaction". */
int lite_fail(struct orm_conn *conn, int code, const char *doing, struct orm_error *err);
/* A fault of our own, with its SQLSTATE. */
int lite_refuse(struct orm_error *err, int class, const char *sqlstate, const char *format, ...)
	printf_like(4, 5);

/* ---- writer.c ---- */
int lite_writer_open(const char *address, const struct orm_options *options,
		     struct orm_meter *meter, struct orm_writer **ret_writer,
		     struct orm_error *err) must_check;
void lite_writer_close(struct orm_writer *writer);
int lite_write(struct orm_writer *writer, struct orm_write *write,
	       struct orm_error *err) must_check;
int lite_lease(struct orm_writer *writer, int64_t timeout_ms, struct orm_conn **ret_conn,
	       struct orm_error *err) must_check;
void lite_give_back(struct orm_writer *writer, struct orm_conn *conn);

#endif
