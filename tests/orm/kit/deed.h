/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Writes whose fate can be judged afterwards. A deed is one write of one writer: a row, several
 * rows, or a row with a count. Its rows say how many they are, so that a torn one shows; half of
 * the deeds go to a table with a unique key, where a repeated one is refused, the others to one
 * without, where it shows.
 *
 * A ledger keeps what the writers were told. ledger_check() reads the database past the library and
 * compares: what was acknowledged is there once, what failed is not, what is uncertain is there as
 * a whole or not at all, and every count is the number of rows that counted.
 */
#ifndef TESTS_ORM_KIT_DEED_H
#define TESTS_ORM_KIT_DEED_H

#include <pthread.h>

#include <strazh/orm.h>
#include <strazh/orm/batch.h>
#include <strazh/orm/tx.h>

#include <tests/orm/kit/database.h>

#define DEED_PARTS_MAX 48
#define DEED_TALLIES 4

/* clang-format off */
#define DEED_ROW(X)                                                                                \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(i32, writer, INTEGER, NN)                                                                \
	X(i64, seq, BIGINT, NN)                                                                    \
	X(i32, part, INTEGER, NN)                                                                  \
	X(i32, parts, INTEGER, NN)                                                                 \
	X(i32, tally, INTEGER, NN)                                                                 \
	X(str, body, TEXT, NN)
#define DEED_ROW_KEYS(K) K(UNIQUE, deed_once, "writer, seq, part", "")
/* clang-format on */
ORM_TABLE_KEYS(deed, DEED_ROW, DEED_ROW_KEYS)
/* The same columns, and so the same struct, without the key. */
ORM_TABLE(note, DEED_ROW)

#define TALLY_ROW(X) X(i32, id, INTEGER, PK) X(i64, n, BIGINT, NN)
ORM_TABLE(tally, TALLY_ROW)

enum deed_way {
	DEED_ROW_ALONE,
	DEED_ROW_RETURNING,
	DEED_ROWS_ONE_INSERT,
	DEED_TALLY, /* a transaction: reads a count, writes it one higher, adds a row */
	DEED_TALLY_SERIALIZABLE,
	DEED_BATCH_ROWS,
	DEED_BATCH_UNNEST,
	DEED_BATCH_COPY,
	DEED_LOAD,
	DEED_WAYS,
};
#define DEED_EVERY_WAY ((1U << DEED_WAYS) - 1)

struct deed_plan {
	int32_t writer;
	int64_t seq;
	int32_t parts;
	int32_t tally; /* from 1; 0: none */
	enum deed_way way;
	bool keyed;
	bool durable;
};

/* The next of that writer, one of the `ways` (bits). The random state is the caller's. */
struct deed_plan deed_draw(uint64_t *random, int32_t writer, int64_t seq, unsigned ways);
/* As the library returned it. The promise is the session's to set. */
int deed_do(struct orm_session *s, const struct deed_plan *plan);
/* The tables, made past the library, and the counts at 0. */
void deed_tables(const struct database *db);
uint64_t deed_random(uint64_t *state);

struct ledger_line {
	int32_t writer;
	int32_t parts;
	int64_t seq;
	enum deed_way way;
	int class;	      /* 0: acknowledged */
	bool durable;	      /* it was promised */
	uint64_t begun, told; /* positions in one order of all that happened; 0: not noted */
	unsigned found;	      /* rows: ledger_check() */
};

struct ledger {
	pthread_mutex_t lock;
	struct ledger_line *lines;
	size_t n, room;
	uint64_t clock;
	/* rows of deeds that are not in the ledger: the writer died before it was told. */
	bool strangers;
	/* The server itself died: of what was relaxed some may be gone, as a whole. */
	bool relaxed_may_go;
	/* Another server took over, which may lack the last commits before this position. */
	uint64_t failover;
	uint64_t gone; /* ledger_check() */
	uint64_t by_class[ORM_CLASS_COUNT];
};

void ledger_init(struct ledger *l);
void ledger_deinit(struct ledger *l);
uint64_t ledger_now(struct ledger *l);
/* Thread-safe; the line is copied. `told` is set when it is 0. */
void ledger_add(struct ledger *l, const struct ledger_line *line);
/* Do it and note what came of it. */
int ledger_do(struct ledger *l, struct orm_session *s, const struct deed_plan *plan);
/*
 * Fails the test with what is wrong. `cut` 0: everything acknowledged must be there. Else power
 * went at that position: what was told before it and promised durable must be there; of the others
 * only the last ones may be missing.
 */
void ledger_check(struct ledger *l, const struct database *db, uint64_t cut);
/* One line of TAP comment: how many of each class. */
void ledger_tell(const struct ledger *l, const char *what);

/* ---- writers in other processes ---- */

/* What one was told, for a pipe: whole, since it is shorter than PIPE_BUF. */
struct deed_told {
	int32_t writer;
	int32_t parts; /* 0: it says something else, in `class` and `text` */
	int64_t seq;
	int32_t class;
	char text[96];
};
/* Ends the process when nobody reads any more. s NULL: no text. */
void deed_report(int pipe, const struct deed_plan *plan, int class, const struct orm_session *s);
void deed_say(int pipe, int class, const char *text);
/* One report into the ledger; a failure fails the test. true: nobody writes any more. */
bool ledger_take(struct ledger *l, int pipe);

#endif
