/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing. One round trip after the connect asks what the session is like: behind a
 * pooler the backend that answers is not the one that greeted us, and then no statement is named
 * and no setting of the session changed. A connect can be waited for (pg_open()) or polled.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <orm/base/fault.h>
#include <orm/drivers/pg/conn.h>

#define PARAM_BYTES_MAX (1U << 30) /* of one statement; the server takes a message of 1 GiB */

int64_t pg_option(int64_t option, int64_t otherwise)
{
	return option < 0 ? 0 : option ? option : otherwise;
}

/* Libraries say nothing. The server's last words arrive like a notice when nobody asks it. */
static void on_notice(void *data, const PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *from = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
	struct pg_conn *c = data;

	if (from && !strcmp(from, "SyncRepWaitForLSN"))
		c->unreplicated = true;
	if (severity && (!strcmp(severity, "FATAL") || !strcmp(severity, "PANIC")))
		c->head.broken = true;
}

static PGconn *begin_connect(const char *address, const struct orm_options *options)
{
	const char *name = options->application_name;
	const char *keys[] = {"application_name", "target_session_attrs", "dbname",
			      "client_encoding", NULL};
	/* What stands before the address is only used where the address does not say it. Of several
	 * hosts the one that may write is wanted. */
	const char *values[] = {name ? name : "strazh-orm",
				strchr(address, ',') ? "read-write" : "any", address, "UTF8", NULL};

	return PQconnectStartParams(keys, values, 1);
}

/* Once it is connected. */
static int take_over(struct pg_conn *c, struct orm_error *err)
{
	const char *version = PQparameterStatus(c->pg, "server_version");

	if (PQsetnonblocking(c->pg, 1))
		return pg_lost(c, err);
	if (pg_canceller_new(c->pg, &c->canceller))
		return orm_fail(err, -ENOMEM, "no memory for a connection");
	snprintf(c->server, sizeof(c->server), "PostgreSQL %s", version ? version : "?");
	c->server[strcspn(c->server + 11, " ") + 11] = '\0';
	return 0;
}

int pg_conn_poll(struct pg_conn *c, short *ret_events, struct orm_error *err)
{
	int r = 0;

	switch (PQconnectPoll(c->pg)) {
	case PGRES_POLLING_READING:
		*ret_events = POLLIN;
		break;
	case PGRES_POLLING_WRITING:
		*ret_events = POLLOUT;
		break;
	case PGRES_POLLING_OK:
		r = take_over(c, err);
		if (!r)
			*ret_events = 0;
		break;
	case PGRES_POLLING_FAILED:
	case PGRES_POLLING_ACTIVE:
		r = pg_blame_connect(c->pg, NULL, err);
		break;
	}
	return r;
}

/* ---- the session ---- */

/*
 * $1 is the backend that greeted us, $2 what synchronous_commit shall be, or NULL: anything but
 * off. With a pooler in between another one answers, and its settings are not ours to change.
 */
#define SYNC "current_setting('synchronous_commit')"
static const char session_sql[] =
	"SELECT (pg_backend_pid() = $1::int)::text, " SYNC ","
	" CASE WHEN pg_backend_pid() = $1::int THEN"
	" set_config('standard_conforming_strings', 'on', false) ||"
	" set_config('DateStyle', 'ISO', false) || set_config('bytea_output', 'hex', false) ||"
	" set_config('synchronous_commit',"
	" COALESCE($2, CASE " SYNC " WHEN 'off' THEN 'on' ELSE " SYNC " END), false) END";
static const uint8_t session_params[] = {ORM_T_BIGINT, ORM_T_TEXT};
const struct orm_stmt pg_session_stmt = {
	.sql = session_sql,
	.sql_len = sizeof(session_sql) - 1,
	.flags = ORM_STMT_ROWS | ORM_STMT_ONCE,
	.params = 2,
	.param_type = session_params,
};

void pg_session_values(const struct pg_conn *c, const struct orm_options *options,
		       struct orm_value ret_values[2])
{
	ret_values[0] = orm_value_i64(PQbackendPID(c->pg));
	ret_values[1] = orm_value_text(options->durable < 0 ? "off" : NULL);
}

static bool is_text(const struct orm_value *v, const char *text)
{
	return v->kind == ORM_K_TEXT && v->len == strlen(text) && !memcmp(v->p, text, v->len);
}

void pg_session_learn(struct pg_conn *c, const struct orm_options *options,
		      const struct orm_value values[2])
{
	const char *prepare = options->prepare ? options->prepare : "auto";
	bool own = is_text(&values[0], "true");

	c->named = !strcmp(prepare, "on") || (strcmp(prepare, "off") != 0 && own);
	c->sync_on = own ? options->durable >= 0 : !is_text(&values[1], "off");
}

static int ask_session(struct pg_conn *c, const struct orm_options *options, struct orm_error *err)
{
	struct orm_conn *conn = (struct orm_conn *)c;
	struct orm_value values[2];
	int r;

	pg_session_values(c, options, values);
	r = pg_start(conn, &pg_session_stmt, values, err);
	if (!r)
		r = pg_step(conn, err);
	if (!r)
		r = pg_value(conn, 0, &values[0], err);
	if (!r)
		r = pg_value(conn, 1, &values[1], err);
	if (!r)
		pg_session_learn(c, options, values);
	pg_finish(conn);
	return r;
}

static int init(struct pg_conn *c, const struct orm_options *options)
{
	int64_t bytes = pg_option(options->result_bytes_max, 268435456);

	c->row_bytes_max = bytes ? (size_t)bytes : SIZE_MAX;
	c->query_timeout_ms = pg_option(options->query_timeout_ms, 30000);
	arena_init(&c->row, c->row_bytes_max);
	arena_init(&c->params.arena, PARAM_BYTES_MAX);
	return pg_cache_init(&c->cache, (size_t)MIN(pg_option(options->statements, 256), 1 << 20));
}

/* What libpq quotes of an address may be a password, or all of it; the name of an option is not. */
static void cut_quote(char *text)
{
	char *quote = strstr(text, ": \"");

	if (quote && strncmp(text, "invalid URI query parameter", 27) != 0)
		*quote = '\0';
}

static int check_address(const char *address, const char *prepare, struct orm_error *err)
{
	PQconninfoOption *parts;
	char *why = NULL;

	if (prepare && strcmp(prepare, "auto") && strcmp(prepare, "on") && strcmp(prepare, "off"))
		return orm_fail(err, ORM_E_VALUE, "option 'prepare' is auto, on or off");
	parts = PQconninfoParse(address, &why);
	if (!parts) {
		char text[256];

		if (!why)
			return orm_fail(err, -ENOMEM, "out of memory for the address");
		pg_one_line(text, sizeof(text), why);
		pg_hide_secrets(text, address);
		PQfreemem(why);
		cut_quote(text);
		return orm_fail(err, ORM_E_VALUE, "the address is malformed: %s", text);
	}
	PQconninfoFree(parts);
	return 0;
}

int pg_conn_begin(const char *address, const struct orm_options *options, struct pg_conn **ret_conn,
		  struct orm_error *err)
{
	struct pg_conn *c;
	int r = check_address(address, options->prepare, err);

	if (r)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return orm_fail(err, -ENOMEM, "no memory for a connection");
	c->head.driver = &orm_driver_pg;
	c->pg = init(c, options) ? NULL : begin_connect(address, options);
	if (!c->pg) {
		pg_close((struct orm_conn *)c);
		return orm_fail(err, -ENOMEM, "no memory for a connection");
	}
	PQsetErrorVerbosity(c->pg, PQERRORS_VERBOSE); /* for pg_blame_connect() */
	PQsetNoticeReceiver(c->pg, on_notice, c);
	if (PQstatus(c->pg) == CONNECTION_BAD) {
		r = pg_blame_connect(c->pg, address, err);
		pg_close((struct orm_conn *)c);
		return r;
	}
	*ret_conn = c;
	return 0;
}

static int connect_now(struct pg_conn *c, int64_t until, struct orm_error *err)
{
	short events = POLLOUT;

	while (events) {
		struct pollfd fd = {.fd = PQsocket(c->pg), .events = events};
		int64_t left = until - pg_now_ms();
		int n = left > 0 ? poll(&fd, 1, (int)MIN(left, 1 << 30)) : 0, r;

		if (n < 0 && errno != EINTR)
			return orm_fail(err, -errno, "cannot wait for the server: %s",
					strerror(errno));
		if (!n)
			return orm_fail(err, ORM_E_CONNECTION, "the server did not answer in time");
		r = n > 0 ? pg_conn_poll(c, &events, err) : 0;
		if (r)
			return r;
	}
	return 0;
}

int pg_open(const char *address, const struct orm_options *options, enum orm_role role,
	    struct orm_conn **ret_conn, struct orm_error *err)
{
	static const struct orm_options defaults;
	int64_t begin = pg_now_ms();
	struct pg_conn *c;
	int r;

	(void)role; /* any connection may write; what a replica refuses, it says */
	options = options ? options : &defaults;
	r = pg_conn_begin(address, options, &c, err);
	if (r)
		return r;
	r = connect_now(c, begin + pg_option(options->connect_timeout_ms, 5000), err);
	if (!r)
		r = ask_session(c, options, err);
	if (r) {
		pg_close((struct orm_conn *)c);
		return r;
	}
	*ret_conn = (struct orm_conn *)c;
	return 0;
}

/* Without waiting for a server that hangs: what runs is cut off. */
void pg_close(struct orm_conn *conn)
{
	struct pg_conn *c = pg_of(conn);

	if (!c)
		return;
	orm_meter_leave(&c->head.tally);
	PQclear(c->run.result);
	free(c->run.preparing);
	PQfinish(c->pg);
	pg_canceller_free(c->canceller);
	pg_cache_deinit(&c->cache);
	pg_params_deinit(&c->params);
	arena_deinit(&c->row);
	free(c);
}

const char *pg_server(struct orm_conn *conn)
{
	return pg_of(conn)->server;
}

int pg_check(struct orm_conn *conn, struct orm_error *err)
{
	struct pg_conn *c = pg_of(conn);

	pg_finish(conn);
	if (c->head.broken) {
		c->risk = (struct pg_risk){0};
		return pg_lost(c, err);
	}
	return pg_simple(c, "", (struct pg_risk){0}, NULL, err);
}
