/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The store inside. Who owns what:
 *
 *	lock     the queue, the flight's list, what is finished, pending sources, counters, health
 *	writer   (its thread, or a test that calls store_turn()) db's session, the group's buffers,
 *		 the acts of the flight themselves while `running`
 *
 * An act goes queue -> flight -> decided. The flight is one transaction and keeps its acts until
 * the database has said what became of it: never mixed with others, so that the number of the group
 * (store_writer.batch) answers for all of them.
 */
#ifndef STRAZH_USER_STORE_INSIDE_H
#define STRAZH_USER_STORE_INSIDE_H

#include <pthread.h>

#include <strazh/orm/copy.h>

#include <user/store/audit.h>
#include <user/store/move.h>
#include <user/store/pending.h>
#include <user/store/store.h>
#include <user/store/tables.h>

#define STORE_SOURCES_BATCH 1000U
#define STORE_AUDIT_ACTOR "store" /* of what the store does by itself, */
#define STORE_AUDIT_CUT "cut"	  /* which is to cut the audit */

union store_row {
	struct ban ban;
	struct allowed allow;
	struct address_list list;
	struct feed feed;
	struct alert alert;
	struct setting setting;
};

/* An act on its way, in one piece of memory with all of its texts. */
struct store_op {
	struct store_op *next;
	uint64_t ticket; /* order in which they were taken */
	store_done done;
	void *data;
	int result;
	bool waited;	/* store_do() holds it, and frees it */
	bool abandoned; /* it does not any more: who decides it frees it */
	bool decided;
	bool removes, quiet;
	bool clears;   /* all rows of the table; of settings, those that begin with key */
	bool forgives; /* it clears all bans, and what sources are held to have done */
	const struct orm_table *table; /* NULL: a note */
	const char *key;	       /* of the row, as text: the same key, the same row */
	struct store_record record;    /* without seq and hash */
	union store_row row;
	char text[];
};
/* 0, -EINVAL, -ENOMEM. free() it. */
int store_op_make(const struct store_act *act, struct store_op **ret_op) must_check;
/* Is it UTF-8 of at most `max` bytes without control characters? NULL is. */
bool store_text_ok(const char *text, size_t max);
bool store_time_ok(int64_t ms);
/* A row of the table from a source; its texts are in `cidr`, its numbers in the source itself. */
struct source store_source_row(const struct store_source *from, char cidr[PREFIX_TEXT_LEN]);

struct store_ops {
	struct store_op *first, **last;
	uint32_t count;
};
void store_ops_push(struct store_ops *ops, struct store_op *op); /* at the end */

/* What a group needs, made once for group_max. */
struct store_group {
	struct store_op **order;
	union store_row *rows;
	const char **keys;
	struct audit *records;
	uint8_t (*hashes)[STORE_HASH_LEN];
	struct source *sources; /* STORE_SOURCES_BATCH */
	char (*cidrs)[PREFIX_TEXT_LEN];
	struct store_source *out; /* sources that are being written */
	uint32_t out_count;
	bool forgiven; /* while they were out: what comes back is forgiven too */
};

#define STORE_SWITCHES_MAX 8U
struct store_switch {
	char *to; /* asked for, or under way; NULL: neither */
	int (*commit)(void *data, const char *url);
	void *data;
	struct store_switched state; /* of it, or of the last one */
};

struct store {
	char *url;
	struct store_options opt;
	char id[33]; /* of this writer */
	int event;   /* eventfd */

	pthread_mutex_t lock;
	pthread_cond_t wake; /* the writer: there is something to do */
	pthread_cond_t told; /* who waits: something was decided */
	pthread_t thread;
	bool started;
	bool stopping;
	int64_t stop_at_ms; /* monotonic */

	struct store_ops queue, flight, finished;
	uint32_t held;	  /* acts taken and not given back */
	uint64_t tickets; /* given out */
	uint32_t single;  /* acts to be written one by one: one of them was refused */
	bool running;	  /* the writer is in the database */
	bool unknown;	  /* whether the flight was written */
	bool flushing;	  /* sources are due */
	struct store_pending pending;
	int64_t sources_due_ms, retain_due_ms, retry_at_ms, pause_ms;
	struct store_health health;

	struct orm *db; /* NULL: not connected yet. Set once, under the lock. */
	struct orm_session *session;
	struct store_switch switching;
	struct orm *former[STORE_SWITCHES_MAX]; /* of before: readers may still be in them */
	unsigned former_count;
	int64_t batch; /* number of the last group that is known to be written */
	struct store_group group;
};

/* ---- switch.c ---- */
/* In the writer, between two flights: go over, when that was asked for. 0 also when it failed. */
void store_switch_turn(struct store *store);

/* ---- copy.c: store_copy(), that can be stopped ---- */
int store_copy_while(const char *from_url, const char *to_url, bool final,
		     int (*progress)(void *data, const struct orm_copy_progress *), void *data,
		     struct store_copied *ret_copied, struct store_fault *ret_fault) must_check;

/* All but the thread: with store_turn() a test is the writer. */
int store_new(const char *url, const struct store_options *options, struct store **ret_store,
	      struct store_fault *ret_fault) must_check;
int store_start(struct store *store) must_check;

/* ---- writer.c ---- */
int64_t store_now_ms(void); /* monotonic */
int64_t store_wall_ms(void);
/* One turn: what is due is written. 0, or STORE_DOWN. */
int store_turn(struct store *store) must_check;
void *store_run(void *store);

/* ---- group.c: in the database ---- */
int store_group_make(struct store *store) must_check;
void store_group_free(struct store *store);
/* 0: the flight is written; else as the ORM says, and `unknown` whether it may be all the same. */
int store_group_write(struct store *store) must_check;
int store_sources_write(struct store *store) must_check;
/* Of this session's writer: the row that its groups are numbered in. */
int store_writer_begin(struct store *store) must_check;

/* ---- append.c ---- */
struct store_head {
	int64_t seq, cut_seq;
	uint8_t hash[STORE_HASH_LEN], cut_hash[STORE_HASH_LEN];
};
/* In a transaction: the head, locked until its end. */
int store_head_lock(struct orm_session *s, struct store_head *ret_head) must_check;
int store_head_save(struct orm_session *s, const struct store_head *head) must_check;
/* The head as it is; without a row, that of an empty chain. */
int store_head_read(struct orm_session *s, struct store_head *ret_head, bool lock) must_check;
/* The next record of the chain as a row; head goes on. `hash` is the row's memory for it. */
int store_head_next(struct store_head *head, const struct store_record *record,
		    uint8_t hash[STORE_HASH_LEN], struct audit *ret_row) must_check;

/* ---- audit.c ---- */
/* In a transaction, so that head and records are of one moment. *ret_state is filled as far as it
 * was walked. 0, STORE_BROKEN, or what failed. */
int store_chain_walk(struct orm_session *s, struct store_audit_state *ret_state,
		     struct store_fault *ret_fault) must_check;

/* ---- retain.c ---- */
/* One small transaction's worth. *ret_deleted 0: nothing is left to do. */
int store_retain_step(struct store *store, struct orm_session *s, int64_t now_ms,
		      uint64_t *ret_deleted) must_check;

/* ---- read.c: rows as the callers' structs, which borrow the texts. 0 or STORE_BROKEN. ---- */
int store_prefix_of(const char *text, struct prefix *ret_prefix) must_check;
int store_ban_of(const struct ban *row, struct store_ban *ret_ban) must_check;
int store_source_of(const struct source *row, struct store_source *ret_source) must_check;

/* ---- store.c ---- */
/* Connect, once. As the ORM says. */
int store_connect(struct store *store, struct store_fault *ret_fault) must_check;
/* A session for reading, or STORE_DOWN. */
int store_reader(struct store *store, struct orm_session **ret_session,
		 struct store_fault *ret_fault) must_check;
/* What the ORM said as a condition: STORE_REFUSED for what it would say again of the same values,
 * else STORE_DOWN. Fills ret_fault (may be NULL); s NULL: no text. */
int store_condition_of(int r, const struct orm_session *s, struct store_fault *ret_fault);
void store_fault_set(struct store_fault *ret_fault, int class, const char *text);

#endif
