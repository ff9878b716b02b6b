/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to PostgreSQL, and what the files of this driver do with it. */
#ifndef STRAZH_ORM_PG_CONN_H
#define STRAZH_ORM_PG_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#include <strazh/base/compiler.h>

#include <orm/base/arena.h>
#include <orm/drivers/driver.h>
#include <orm/drivers/pg/cache.h>
#include <orm/drivers/pg/cancel.h>

/* Parameters of one execution, in the arrays that libpq takes; kept for the next one. */
struct pg_params {
	struct arena arena; /* what the values point to, when it is not the caller's */
	const char **values;
	int *lengths;
	int *formats;
	Oid *oids;
	uint16_t count, room;
};

enum pg_run_state {
	PG_IDLE,
	PG_ROWS,  /* rows may come */
	PG_ENDED, /* every result was taken: the connection is free for the next statement */
};

/* The statement that runs. */
struct pg_run {
	enum pg_run_state state;
	const struct orm_stmt *stmt;
	PGresult *result;	       /* its row, or its end */
	int rows, next;		       /* of `result`, and which of them step() gives next */
	bool in_tx;		       /* it was sent inside a transaction */
	bool text;		       /* results are in text format */
	bool pipeline;		       /* sent in pipeline mode: a sync ends it */
	bool leads;		       /* something went before it: pg_take_leads() */
	struct pg_prepared *prepared;  /* what it runs: the cache's; NULL: unnamed */
	struct pg_prepared *preparing; /* owned, until the server has prepared it */
	uint64_t changed;
};

/* How a failure of what was sent is to be read. */
struct pg_risk {
	bool write;	/* it may have been done, when no answer comes */
	bool ambiguous; /* also when the answer is that the server goes away */
};

struct pg_conn {
	struct orm_conn_head head;
	PGconn *pg;
	struct pg_canceller *canceller;
	struct pg_cache cache;
	bool named;   /* prepared statements have names: no pooler is in between */
	bool sync_on; /* the session's commits wait for the disk */
	bool tx_wrote;
	bool unreplicated;	  /* what runs was committed, but no standby said so */
	bool timed_out;		  /* the running call used up its time: it is being cancelled */
	bool heard;		  /* the server sent something, for load() to see */
	int64_t query_timeout_ms; /* 0: none */
	int64_t left_ms;	  /* of the running call, waiting only counts; -1: no end */
	size_t row_bytes_max;
	const char *begin;	/* a BEGIN that goes out with what comes next; NULL: none */
	const char *begin_sync; /* and the SET LOCAL after it */
	struct pg_risk risk;
	struct pg_params params;
	struct pg_run run;
	struct arena row; /* what the values of the row point to */
	char server[64];
};

static inline struct pg_conn *pg_of(struct orm_conn *conn)
{
	return (struct pg_conn *)(void *)conn;
}

/* ---- conn.c ---- */
int pg_open(const char *address, const struct orm_options *options, enum orm_role role,
	    struct orm_conn **ret_conn, struct orm_error *err) must_check;
void pg_close(struct orm_conn *conn);
const char *pg_server(struct orm_conn *conn);
int pg_check(struct orm_conn *conn, struct orm_error *err) must_check;

/* A connect that is not waited for: poll it when its socket is ready; events 0: connected. Then
 * the session is to be asked and learnt from before statements are named. */
int pg_conn_begin(const char *address, const struct orm_options *options, struct pg_conn **ret_conn,
		  struct orm_error *err) must_check;
int pg_conn_poll(struct pg_conn *c, short *ret_events, struct orm_error *err) must_check;
extern const struct orm_stmt pg_session_stmt;
void pg_session_values(const struct pg_conn *c, const struct orm_options *options,
		       struct orm_value ret_values[2]);
void pg_session_learn(struct pg_conn *c, const struct orm_options *options,
		      const struct orm_value values[2]);
/* An option that is 0 is the default; -1 switches a limit off. */
int64_t pg_option(int64_t option, int64_t otherwise);

/* ---- wait.c ---- */
int64_t pg_now_ms(void);
/* A call begins: it has the whole time, and this is at stake. */
void pg_arm(struct pg_conn *c, struct pg_risk risk);
/* The running call is to end: the server is asked to cancel it. false: it cannot be asked, or was.
 */
bool pg_hurry(struct pg_conn *c) must_check;
/* Send what is left to send, and wait until a result can be taken. */
int pg_wait(struct pg_conn *c, struct orm_error *err) must_check;
/* The same until nothing is left to send. */
int pg_flush(struct pg_conn *c, struct orm_error *err) must_check;
/* The next result; *ret_result NULL: no more of this statement. */
int pg_next(struct pg_conn *c, PGresult **ret_result, struct orm_error *err) must_check;
/* Take what is left of the results, so that the next statement may be sent. *ret_failed: the first
 * that is an error, or NULL; to be cleared. */
int pg_drain(struct pg_conn *c, PGresult **ret_failed, struct orm_error *err) must_check;

/* ---- blame.c: failures ---- */
/* Of a result whose status says so. Returns err->class. */
int pg_blame(struct pg_conn *c, const PGresult *result, struct orm_error *err);
/* Of the connection itself: what libpq says of it. */
int pg_lost(struct pg_conn *c, struct orm_error *err);
/* All results were good: 0, or ORM_E_UNKNOWN_OUTCOME of a commit that is not what was promised. */
int pg_doubt(const struct pg_conn *c, struct orm_error *err);
/* Of the connection before there was one. `address` of pg_hide_secrets(). */
int pg_blame_connect(PGconn *pg, const char *address, struct orm_error *err);
/* What libpq quotes of an address (NULL: not known) that may have a password in it goes. */
void pg_hide_secrets(char *text, const char *address);
/* `text` without line ends, up to the first. */
void pg_one_line(char *to, size_t size, const char *text);

/* ---- bind.c ---- */
int pg_bind(struct pg_conn *c, const struct orm_stmt *stmt, const struct orm_value *values,
	    struct orm_error *err) must_check;
/* Room for so many; what was there is lost. 0 or -ENOMEM. */
int pg_params_room(struct pg_params *params, uint16_t count) must_check;
/* The same into parameters of their own, which need the values no more. */
int pg_bind_copy(struct pg_params *params, const struct orm_stmt *stmt,
		 const struct orm_value *values, struct orm_error *err) must_check;
void pg_params_deinit(struct pg_params *params);

/* ---- run.c ---- */
/* Before something is sent: is the connection there? */
int pg_look(struct pg_conn *c, struct orm_error *err) must_check;
/* After a failure: take the rest of the results and be free for the next statement. */
void pg_settle(struct pg_conn *c);
int pg_start(struct orm_conn *conn, const struct orm_stmt *stmt, const struct orm_value *values,
	     struct orm_error *err) must_check;
/* The same with c->params as they are. */
int pg_start_bound(struct pg_conn *c, const struct orm_stmt *stmt,
		   struct orm_error *err) must_check;
int pg_step(struct orm_conn *conn, struct orm_error *err) must_check;
unsigned pg_columns(struct orm_conn *conn);
const char *pg_name(struct orm_conn *conn, unsigned column);
int pg_value(struct orm_conn *conn, unsigned column, struct orm_value *ret_value,
	     struct orm_error *err) must_check;
int pg_fill(struct orm_conn *conn, const struct orm_table *row, void *ret_row,
	    struct orm_error *err) must_check;
uint64_t pg_changed(struct orm_conn *conn);
void pg_finish(struct orm_conn *conn);
/* Rows that the command of this result wrote. */
uint64_t pg_count_changed(PGresult *result);

/* ---- send.c: one statement on its way, with what must go before it ---- */
/* Sends c->params to `stmt`; sets run.text and run.pipeline. `leads` are then to be taken first. */
int pg_send(struct pg_conn *c, const struct orm_stmt *stmt, struct orm_error *err) must_check;
/* The first of many in one pipeline, to which the caller adds a sync; and the others. */
int pg_send_first(struct pg_conn *c, const struct orm_stmt *stmt, struct orm_error *err) must_check;
int pg_send_more(struct pg_conn *c, const struct orm_stmt *stmt, struct orm_error *err) must_check;
/* Gives up what must go before one more is prepared. */
void pg_drop_for_one(struct pg_conn *c);
/* Was it prepared for parameters of these types? */
bool pg_prepared_fits(const struct pg_prepared *p, const struct pg_params *params) must_check;
/* Takes the results of what went before. An error of one of them is in *ret_failed. */
int pg_take_leads(struct pg_conn *c, PGresult **ret_failed, struct orm_error *err) must_check;

/* ---- tx.c ---- */
bool pg_in_tx(const struct pg_conn *c);
int pg_begin(struct orm_conn *conn, const struct orm_tx_options *options, bool durable,
	     struct orm_error *err) must_check;
int pg_commit(struct orm_conn *conn, struct orm_error *err) must_check;
void pg_rollback(struct orm_conn *conn);
int pg_script(struct orm_conn *conn, const char *sql, struct orm_error *err) must_check;
int pg_explain(struct orm_conn *conn, const struct orm_stmt *stmt, const struct orm_value *values,
	       char **ret_text, struct orm_error *err) must_check;
void pg_cancel(struct orm_conn *conn);
/* SQL without parameters, rows thrown away. ret_tag (may be NULL): of the last command. */
int pg_simple(struct pg_conn *c, const char *sql, struct pg_risk risk, char ret_tag[16],
	      struct orm_error *err) must_check;

#endif
