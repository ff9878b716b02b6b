/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy from inside. One thread does all of it, with three sessions: `from` reads the source in a
 * read-only transaction with one snapshot; `seen` reads the target likewise, for comparing; `to`
 * writes, a transaction for each batch, with the table's row of orm_copy. Functions return as
 * error.h says, with copier.err filled; copy_took() brings a session's error there.
 */
#ifndef STRAZH_ORM_COPY_IMPL_H
#define STRAZH_ORM_COPY_IMPL_H

#include <strazh/base/compiler.h>
#include <strazh/orm/copy.h>
#include <strazh/orm/tx.h>

#include <orm/base/arena.h>
#include <orm/copy/digest.h>

/* One row a table, in the target. */
#define ORM_COPY(X)                                                                                \
	X(str, name, TEXT, PK)                                                                     \
	X(str, source, TEXT, NN)   /* SHA-256 of its URL without password and options */           \
	X(str, layout, TEXT, NN)   /* SHA-256 of the table's description */                        \
	X(b, created, BOOLEAN, NN) /* by the copy */                                               \
	X(b, linked, BOOLEAN, NN)  /* its indexes and foreign keys are there */                    \
	X(str, state, TEXT, NN)                                                                    \
	X(i32, pass, INTEGER, NN)                                                                  \
	X(bytes, last_key, BYTES, 0) /* of the first pass */                                       \
	X(i64, row_count, BIGINT, NN)                                                              \
	X(i64, byte_count, BIGINT, NN)                                                             \
	X(i64, took_ms, BIGINT, NN)                                                                \
	X(str, digest, TEXT, NN) /* the sum of what the copy put there */                          \
	X(str, run, TEXT, NN)	 /* who writes; another run that began later has its own */        \
	X(i64, changed_ms, TIMESTAMP_MS, NN)
ORM_TABLE(orm_copy, ORM_COPY)

enum copy_state {
	COPY_NEW,
	COPY_COPYING,
	COPY_COPIED,
	COPY_CAUGHT_UP,
	COPY_EQUAL,
	COPY_PROVED,
	COPY_DIFFERENT,
	COPY_UNDONE,
	COPY_KEPT,
};
const char *copy_state_name(enum copy_state state);
enum copy_state copy_state_find(const char *name);

struct copy_table {
	const struct orm_table *t; /* as the source has it; both sides are read with it */
	struct orm_table bare;	   /* without what is added when the rows are there */
	struct orm_column *bare_columns;
	struct orm_key *bare_keys;
	uint64_t key; /* mask of the primary key; 0: none */
	struct orm_copy_line *line;
	char layout[65];
	/* As in orm_copy. */
	enum copy_state state;
	bool known; /* it has a row there */
	bool created;
	bool linked;
	int32_t pass;
	struct copy_buffer last_key;
	uint64_t rows, bytes, took_ms;
	struct copy_sum digest;
	uint64_t differed; /* in the last pass; of these */
	uint64_t left;	   /* could not be repaired yet, and */
	uint64_t mended;   /* could be */
};

struct copier {
	const struct orm_copy_job *job;
	struct orm *from_db, *to_db;
	struct orm_session *from, *seen, *to;
	struct orm_schema *schema; /* of the source */
	struct copy_table *tables; /* a table after those that it refers to */
	size_t count;
	struct copy_digester digester;
	struct orm_copy_report *report;
	char source[65];
	char run[33];
	uint32_t batch;
	bool resumed; /* of an earlier run */
	bool replace; /* delete what changed before it is written: see repair.c */
	struct orm_error err;
};

int copy_took(struct copier *c, const struct orm_session *s, int r);
int copy_fail(struct copier *c, int class, const char *format, ...) printf_like(3, 4);
int copy_tell(struct copier *c, const struct copy_table *t, unsigned pass, uint64_t rows,
	      uint64_t bytes) must_check;
int64_t copy_now_ms(void);

/* ---- key.c ---- */

#define COPY_KEY_COLUMNS 16U
/* NULL, or the column that cannot be in a key: it has no order that both databases share, or is one
 * too many. */
const char *copy_key_unfit(const struct orm_table *t, uint64_t key);
/* Of the key's columns. */
int copy_key_compare(const struct copy_table *t, const void *a, const void *b);
/* The key as bytes, and back into a row (texts point into `bytes`). */
int copy_key_store(const struct copy_table *t, const void *row, struct copy_buffer *to) must_check;
bool copy_key_load(const struct copy_table *t, const struct copy_buffer *bytes,
		   void *row) must_check;
/* "id 7"; cut to what fits. */
void copy_key_print(const struct copy_table *t, const void *row, char *to, size_t size);
void copy_key_order(const struct copy_table *t, enum orm_dialect dialect, struct orm_query *q);
/* Behind the key of `row`; equal to it. */
void copy_key_after(const struct copy_table *t, enum orm_dialect dialect, const void *row,
		    struct orm_query *q);
void copy_key_is(const struct copy_table *t, const void *row, struct orm_query *q);

/* ---- scan.c: rows of a table, with their digests ---- */

struct copy_scan {
	struct copier *c;
	struct orm_session *s;
	const struct copy_table *t;
	struct orm_query *q;
	struct orm_cursor *cursor;
	const void *row; /* NULL: ended */
	struct copy_sum digest;
	uint64_t row_bytes;
	uint64_t rows, bytes; /* so far */
	struct copy_sum sum;
	struct copy_buffer before; /* the key of the last row, as bytes */
	void *last;		   /* and in a row */
};
/* All rows, or those behind the key of `after`, in the order of keys when there is one. */
int copy_scan_open(struct copy_scan *scan, struct copier *c, struct orm_session *s,
		   const struct copy_table *t, const void *after) must_check;
/* 0 with scan->row, which is NULL at the end. */
int copy_scan_next(struct copy_scan *scan) must_check;
void copy_scan_close(struct copy_scan *scan);

/* ---- load.c: the first pass ---- */

int copy_load_table(struct copier *c, struct copy_table *t) must_check;

/* ---- merge.c: comparing ---- */

/* repair: make the target's rows as the source's. Sums and counts go to t->line. */
int copy_compare_table(struct copier *c, struct copy_table *t, unsigned pass,
		       bool repair) must_check;

/* ---- repair.c: rows of the target to be written or deleted, in batches ---- */

struct copy_entry {
	void *row;
	bool drop;
	bool had; /* the target has a row of this key: `old` is its digest */
	struct copy_sum old, new;
};
struct copy_repair {
	struct copier *c;
	struct copy_table *t;
	struct arena arena; /* of the rows */
	struct copy_entry *entries;
	size_t count;
	uint64_t left; /* could not be done yet */
	uint64_t done;
	struct copy_sum added, removed; /* by what was done */
	struct orm_error last;		/* why the last one could not */
};
int copy_repair_init(struct copy_repair *p, struct copier *c, struct copy_table *t) must_check;
void copy_repair_deinit(struct copy_repair *p);
/* A row to be written; `old` NULL: the target has none of its key. */
int copy_repair_put(struct copy_repair *p, const void *row, const struct copy_sum *digest,
		    const struct copy_sum *old) must_check;
int copy_repair_drop(struct copy_repair *p, const void *row, const struct copy_sum *old) must_check;
int copy_repair_flush(struct copy_repair *p) must_check;

/* ---- state.c: the table orm_copy ---- */

int copy_state_open(struct copier *c) must_check;
/* *ret_result: rows of orm_copy by name; NULL when there is no such table. */
int copy_state_rows(struct copier *c, struct orm_result **ret_result) must_check;
/* What is recorded into c->tables; refuses another source or layout. */
int copy_state_read(struct copier *c) must_check;
/* The row of this table, made ours; inside the target's transaction. */
int copy_state_claim(struct copier *c, struct copy_table *t) must_check;
/* Inside the transaction that did what it says. ORM_E_STATE: another run has claimed it. */
int copy_state_save(struct copier *c, struct copy_table *t) must_check;
int copy_state_report(struct copier *c) must_check;

/* ---- plan.c, target.c: which tables, and what they need in the target ---- */

int copy_plan(struct copier *c) must_check;
/* Compare what is in the target, create what is not. */
int copy_plan_target(struct copier *c, bool create) must_check;
int copy_link(struct copier *c) must_check;
void copy_plan_deinit(struct copier *c);

/* ---- undo.c ---- */

int copy_undo(struct copier *c) must_check;

#endif
