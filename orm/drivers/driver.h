/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a database must be able to do, in one table of functions. Above it nothing knows which
 * database it is but the renderer (dialect). One thread uses a connection at a time.
 *
 * Errors: each function that takes an `err` fills it whenever it returns other than 0 (for step():
 * other than 0 and ORM_E_END), and returns err->class. The class decides what is done about it, so
 * a driver maps its database's codes with care: retryable, CONNECTION (nothing was done, or only
 * reads), UNKNOWN_OUTCOME (a write may have been done).
 */
#ifndef STRAZH_ORM_DRIVER_H
#define STRAZH_ORM_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/batch.h>
#include <strazh/orm/db.h>
#include <strazh/orm/error.h>
#include <strazh/orm/table.h>
#include <strazh/orm/tx.h>

#include <orm/base/meter.h>
#include <orm/table/rowset.h>

enum orm_stmt_flag {
	ORM_STMT_WRITES = 1, /* needs a connection that may write */
	ORM_STMT_ROWS = 2,   /* gives rows (SELECT, RETURNING); raw text: not known, then set */
	ORM_STMT_RAW = 4,    /* a programmer's text: parameter and column types are not known */
	ORM_STMT_ONCE = 8,   /* not worth preparing: DDL, multi-row INSERT of odd size */
	ORM_STMT_STAYS = 32, /* of raw text: may leave a setting or the like on its connection */
	ORM_STMT_ONE = 16,   /* gives one row at most, if the table's keys are as declared */
};

/* A rendered statement: immutable, and alive while any call that was given it runs. */
struct orm_stmt {
	const char *sql; /* ends in NUL */
	size_t sql_len;
	uint64_t id;   /* one text, one id, in this process: the key of prepared-statement caches */
	uint8_t flags; /* enum orm_stmt_flag */
	uint16_t params;
	const uint8_t *param_type; /* enum orm_type each; ORM_T_NONE: as the value's kind says */
	uint16_t columns;
	const uint8_t *column_type; /* enum orm_type each; ORM_T_NONE: as the database says */
};

enum orm_role { ORM_READER, ORM_WRITER };

struct orm_conn; /* a driver's own structure, which begins with struct orm_conn_head */
struct orm_conn_head {
	const struct orm_driver *driver;
	bool broken;		/* set by the driver: close it, it is of no more use */
	struct orm_tally tally; /* what the driver counts; a meter knows it while one wants to */
};

/* What orm_driver.load reads: rows one after the other, and which columns of them. */
struct orm_source {
	const struct orm_table *table;
	uint64_t mask; /* resolved: the columns to write, never 0 */
	int (*next)(void *data, const void **ret_row);
	void *data;
};

/* Rows of a table in memory. */
struct orm_rows {
	const struct orm_table *table;
	uint64_t mask; /* the columns to write, never 0 */
	const void *rows;
	size_t count;
	/* INSERT of one row of these columns, its ON CONFLICT included. */
	const struct orm_stmt *one;
};

/* The next() of a source whose rows are in memory; its data. */
struct orm_array {
	const struct orm_rows *rows;
	size_t next;
};
static inline int orm_array_next(void *data, const void **ret_row)
{
	struct orm_array *a = data;

	if (a->next == a->rows->count)
		return ORM_E_END;
	*ret_row = (const char *)a->rows->rows + a->next++ * a->rows->table->size;
	return 0;
}

/* One write for a writer that groups the writes of many callers into one commit. */
struct orm_write {
	const struct orm_stmt *stmt;
	const struct orm_value *values;
	bool durable;		 /* the promise */
	struct orm_rowset *rows; /* what it returns goes here; NULL: nothing is wanted */
	uint64_t changed;	 /* out */
};
struct orm_writer; /* thread-safe */

struct orm_driver {
	enum orm_dialect dialect;
	/* `address` is the URL without our options. A reader of SQLite is opened read-only. */
	int (*open)(const char *address, const struct orm_options *options, enum orm_role role,
		    struct orm_conn **ret_conn, struct orm_error *err) must_check;
	void (*close)(struct orm_conn *conn);
	const char *(*server)(struct orm_conn *conn); /* name and version */
	/* Does it still live? A round trip. */
	int (*check)(struct orm_conn *conn, struct orm_error *err) must_check;

	/* Transactions. `durable` of commit: the promise (db.h). */
	int (*begin)(struct orm_conn *conn, const struct orm_tx_options *options, bool durable,
		     struct orm_error *err) must_check;
	int (*commit)(struct orm_conn *conn, struct orm_error *err) must_check;
	void (*rollback)(struct orm_conn *conn);
	/* SQL without parameters or rows: DDL, SAVEPOINT, several statements separated by ';'. */
	int (*script)(struct orm_conn *conn, const char *sql, struct orm_error *err) must_check;

	/*
	 * Run one statement. Then step() gives rows: 0 is a row, ORM_E_END the end, after which
	 * changed() is known. finish() may be called at any time and always must be, before the
	 * next start(). Values are borrowed until the next step() or finish(); TEXT ends in NUL.
	 * An array parameter for `= ANY` or json_each comes as an array value.
	 */
	int (*start)(struct orm_conn *conn, const struct orm_stmt *stmt,
		     const struct orm_value *values, struct orm_error *err) must_check;
	int (*step)(struct orm_conn *conn, struct orm_error *err) must_check;
	unsigned (*columns)(struct orm_conn *conn);
	const char *(*name)(struct orm_conn *conn, unsigned column);
	/* As stmt->column_type says, NULL aside. ORM_E_VALUE: what is stored is not of that type.
	 */
	int (*value)(struct orm_conn *conn, unsigned column, struct orm_value *ret_value,
		     struct orm_error *err) must_check;
	/* The whole row into a struct of so many columns, as value() and orm_row_put() would. */
	int (*fill)(struct orm_conn *conn, const struct orm_table *row, void *ret_row,
		    struct orm_error *err) must_check;
	uint64_t (*changed)(struct orm_conn *conn);
	void (*finish)(struct orm_conn *conn);

	/* Bulk load inside the open transaction: binary COPY, or a prepared INSERT. err->row says
	 * which row failed. */
	int (*load)(struct orm_conn *conn, const struct orm_source *source, uint64_t *ret_rows,
		    struct orm_error *err) must_check;
	/*
	 * INSERT of `count` rows of an array, all or none, the way that is asked for (ROWS or
	 * UNNEST); inside a transaction or, where the database makes one by itself, outside.
	 * `conflict` is "" or " ON CONFLICT ...". err->row says which row failed.
	 */
	int (*insert)(struct orm_conn *conn, const struct orm_rows *rows, enum orm_batch_way way,
		      const char *conflict, uint64_t *ret_inserted,
		      struct orm_error *err) must_check;
	/*
	 * NULL where any connection may write (PostgreSQL). SQLite: one writer thread, which alone
	 * holds the connection that writes. write() blocks until the write is committed as
	 * promised, or has failed alone. lease(): the connection for a caller's own transaction,
	 * between two groups; others wait until give_back(). `meter` may be NULL.
	 */
	int (*writer_open)(const char *address, const struct orm_options *options,
			   struct orm_meter *meter, struct orm_writer **ret_writer,
			   struct orm_error *err) must_check;
	void (*writer_close)(struct orm_writer *writer);
	int (*write)(struct orm_writer *writer, struct orm_write *write,
		     struct orm_error *err) must_check;
	int (*lease)(struct orm_writer *writer, int64_t timeout_ms, struct orm_conn **ret_conn,
		     struct orm_error *err) must_check;
	void (*give_back)(struct orm_writer *writer, struct orm_conn *conn);

	/* Stop what another thread runs on this connection: it fails with ORM_E_CANCELLED. */
	void (*cancel)(struct orm_conn *conn);
	/* The plan of the statement as text, one line a node; for the slow-query log. malloc'ed. */
	int (*explain)(struct orm_conn *conn, const struct orm_stmt *stmt,
		       const struct orm_value *values, char **ret_text,
		       struct orm_error *err) must_check;
};

extern const struct orm_driver orm_driver_sqlite;
extern const struct orm_driver orm_driver_pg;

#endif
