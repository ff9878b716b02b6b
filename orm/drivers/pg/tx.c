/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions. begin() sends nothing: BEGIN goes out with the first statement (send.c), and a
 * transaction without one costs nothing. The server's transaction status says the rest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/drivers/pg/conn.h>

#define EXPLAIN_MAX (1U << 20) /* of a plan's text */
#define CANCEL_MS 5000

bool pg_in_tx(const struct pg_conn *c)
{
	PGTransactionStatusType status = PQtransactionStatus(c->pg);

	return c->begin || status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

int pg_begin(struct orm_conn *conn, const struct orm_tx_options *options, bool durable,
	     struct orm_error *err)
{
	static const char *const texts[][2] = {
		[ORM_READ_COMMITTED] = {"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
					"BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"},
		[ORM_REPEATABLE_READ] = {"BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE",
					 "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"},
		[ORM_SERIALIZABLE] = {"BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE",
				      "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"},
	};
	struct pg_conn *c = pg_of(conn);
	enum orm_isolation isolation = options ? options->isolation : ORM_READ_COMMITTED;
	bool read_only = options && options->read_only;

	pg_finish(conn);
	if (c->head.broken || PQstatus(c->pg) != CONNECTION_OK) {
		c->risk = (struct pg_risk){0};
		return pg_lost(c, err);
	}
	if (pg_in_tx(c))
		return orm_fail(err, ORM_E_STATE, "a transaction is open");
	if ((unsigned)isolation >= ARRAY_LEN(texts))
		return orm_fail(err, -EINVAL, "there is no such isolation level");
	c->tx_wrote = false;
	c->begin = texts[isolation][read_only];
	c->begin_sync = durable == c->sync_on || read_only ? NULL
			: durable			   ? "SET LOCAL synchronous_commit TO on"
							   : "SET LOCAL synchronous_commit TO off";
	return 0;
}

/* Takes every result; the first failure is kept. */
static int take_all(struct pg_conn *c, char ret_tag[16], struct orm_error *err)
{
	int first = 0;

	for (;;) {
		ExecStatusType status;
		PGresult *result;
		int r = pg_next(c, &result, err);

		if (r)
			return r;
		if (!result)
			break;
		status = PQresultStatus(result);
		if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
			if (!first)
				first = pg_blame(c, result, err);
		} else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
			PQclear(result);
			c->head.broken = true;
			return orm_fail(err, ORM_E_QUERY, "COPY cannot be run as a statement");
		} else if (ret_tag) {
			snprintf(ret_tag, 16, "%s", PQcmdStatus(result));
		}
		PQclear(result);
	}
	if (!first && PQstatus(c->pg) != CONNECTION_OK)
		first = pg_lost(c, err);
	return first ? first : pg_doubt(c, err);
}

int pg_simple(struct pg_conn *c, const char *sql, struct pg_risk risk, char ret_tag[16],
	      struct orm_error *err)
{
	int r;

	pg_arm(c, risk);
	if (!PQsendQuery(c->pg, sql)) {
		c->risk = (struct pg_risk){0};
		return pg_lost(c, err);
	}
	PQsetSingleRowMode(c->pg);
	r = take_all(c, ret_tag, err);
	if (c->timed_out && !pg_canceller_wait(c->canceller, CANCEL_MS))
		c->head.broken = true;
	c->timed_out = false;
	return r;
}

int pg_commit(struct orm_conn *conn, struct orm_error *err)
{
	struct pg_conn *c = pg_of(conn);
	char tag[16] = "";
	int r;

	pg_finish(conn);
	if (c->begin) {
		c->begin = c->begin_sync = NULL;
		return 0;
	}
	if (c->head.broken || PQstatus(c->pg) != CONNECTION_OK) {
		c->risk = (struct pg_risk){0};
		return pg_lost(c, err);
	}
	if (!pg_in_tx(c))
		return orm_fail(err, ORM_E_STATE, "no transaction is open");
	r = pg_simple(c, "COMMIT", (struct pg_risk){.write = c->tx_wrote, .ambiguous = c->tx_wrote},
		      tag, err);
	if (!r && !strcmp(tag, "ROLLBACK"))
		return orm_fail(err, ORM_E_STATE, "the transaction had failed and was rolled back");
	return r;
}

void pg_rollback(struct orm_conn *conn)
{
	struct pg_conn *c = pg_of(conn);
	struct orm_error ignored;

	pg_finish(conn);
	if (c->begin) {
		c->begin = c->begin_sync = NULL;
		return;
	}
	if (c->head.broken || !pg_in_tx(c))
		return;
	if (pg_simple(c, "ROLLBACK", (struct pg_risk){0}, NULL, &ignored))
		c->head.broken = true;
}

int pg_script(struct orm_conn *conn, const char *sql, struct orm_error *err)
{
	struct pg_conn *c = pg_of(conn);
	bool in_tx = pg_in_tx(c);
	own_free char *text = NULL;
	int r;

	pg_finish(conn);
	if (c->head.broken) {
		c->risk = (struct pg_risk){0};
		return pg_lost(c, err);
	}
	c->tx_wrote |= in_tx;
	if (c->begin &&
	    asprintf(&text, "%s;%s;%s", c->begin, c->begin_sync ? c->begin_sync : "", sql) < 0) {
		text = NULL;
		return orm_fail(err, -ENOMEM, "no memory for a script");
	}
	r = pg_simple(c, text ? text : sql, (struct pg_risk){.write = !in_tx, .ambiguous = !in_tx},
		      NULL, err);
	/* A script that cannot be parsed is refused as a whole, its BEGIN with it. */
	if (text && (!r || PQtransactionStatus(c->pg) != PQTRANS_IDLE))
		c->begin = c->begin_sync = NULL;
	return r;
}

void pg_cancel(struct orm_conn *conn)
{
	struct pg_conn *c = pg_of(conn);

	if (pg_canceller_ask(c->canceller))
		(void)!pg_canceller_wait(c->canceller, CANCEL_MS);
}

/* ---- EXPLAIN ---- */

static int collect_plan(struct orm_conn *conn, char **ret_text, struct orm_error *err)
{
	own_free char *text = calloc(1, 1);
	size_t len = 0;
	int r;

	while ((r = pg_step(conn, err)) == 0) {
		struct orm_value line;
		char *longer;

		r = pg_value(conn, 0, &line, err);
		if (r)
			return r;
		if (line.kind != ORM_K_TEXT || len + line.len + 2 > EXPLAIN_MAX)
			return orm_fail(err, ORM_E_TOO_BIG, "the plan is too long");
		longer = realloc(text, len + line.len + 2);
		if (!longer)
			return orm_fail(err, -ENOMEM, "no memory for a plan");
		text = longer;
		memcpy(text + len, line.p, line.len);
		len += line.len;
		text[len++] = '\n';
		text[len] = '\0';
	}
	if (r != ORM_E_END)
		return r;
	if (!text)
		return orm_fail(err, -ENOMEM, "no memory for a plan");
	*ret_text = take_ptr(text);
	return 0;
}

static int explain(struct orm_conn *conn, const struct orm_stmt *stmt,
		   const struct orm_value *values, char **ret_text, struct orm_error *err)
{
	struct orm_stmt plan = *stmt;
	own_free char *sql = NULL;
	int r;

	if (asprintf(&sql, "EXPLAIN (FORMAT TEXT) %s", stmt->sql) < 0) {
		sql = NULL;
		return orm_fail(err, -ENOMEM, "no memory for a plan");
	}
	plan.sql = sql;
	plan.sql_len = strlen(sql);
	plan.flags = ORM_STMT_ROWS | ORM_STMT_RAW | ORM_STMT_ONCE;
	plan.columns = 0;
	plan.column_type = NULL;
	r = pg_start(conn, &plan, values, err);
	if (!r)
		r = collect_plan(conn, ret_text, err);
	pg_finish(conn);
	return r;
}

/* A statement that cannot be explained must not cost the caller's transaction. */
int pg_explain(struct orm_conn *conn, const struct orm_stmt *stmt, const struct orm_value *values,
	       char **ret_text, struct orm_error *err)
{
	struct pg_conn *c = pg_of(conn);
	struct orm_error ignored;
	bool in_tx;
	int r;

	pg_finish(conn);
	in_tx = pg_in_tx(c);
	if (in_tx) {
		r = pg_script(conn, "SAVEPOINT strazh_orm_explain", err);
		if (r)
			return r;
	}
	r = explain(conn, stmt, values, ret_text, err);
	if (in_tx && !c->head.broken &&
	    pg_script(conn, "ROLLBACK TO strazh_orm_explain; RELEASE strazh_orm_explain", &ignored))
		c->head.broken = true;
	return r;
}
