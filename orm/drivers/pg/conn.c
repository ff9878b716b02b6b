/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing. One round trip after the connect asks what the session is like: behind a
 * pooler the backend that answers is not the one that greeted us, and then no statement is named
 * and no setting of the session changed; else what differs from what we need is set.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <orm/drivers/pg/conn.h>
#include <orm/fault.h>

#define PARAM_BYTES_MAX (1U << 30) /* of one statement; the server takes a message of 1 GiB */

/* An option that is 0 is the default; -1 switches a limit off. */
static int64_t number(int64_t option, int64_t otherwise)
{
	return option < 0 ? 0 : option ? option : otherwise;
}

/* Libraries say nothing. The server's last words arrive like a notice when nobody asks it. */
static void on_notice(void *data, const PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	struct pg_conn *c = data;

	if (severity && (!strcmp(severity, "FATAL") || !strcmp(severity, "PANIC")))
		c->head.broken = true;
}

/* One step of the handshake; *ret_done: it is over, well or not. */
static int handshake(PGconn *pg, PostgresPollingStatusType status, int64_t until,
		     struct orm_error *err)
{
	struct pollfd fd = {.fd = PQsocket(pg),
			    .events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT};
	int64_t left = until - pg_now_ms();
	int n = left > 0 ? poll(&fd, 1, (int)MIN(left, 1 << 30)) : 0;

	if (n < 0 && errno != EINTR)
		return orm_fail(err, -errno, "cannot wait for the server: %s", strerror(errno));
	if (!n)
		return orm_fail(err, ORM_E_CONNECTION, "the server did not answer in time");
	return 0;
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

static int connect_now(struct pg_conn *c, const char *address, const struct orm_options *options,
		       struct orm_error *err)
{
	int64_t until = pg_now_ms() + number(options->connect_timeout_ms, 5000);
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	int r;

	c->pg = begin_connect(address, options);
	if (!c->pg)
		return orm_fail(err, -ENOMEM, "no memory for a connection");
	PQsetErrorVerbosity(c->pg, PQERRORS_VERBOSE);
	PQsetNoticeReceiver(c->pg, on_notice, c);
	if (PQstatus(c->pg) == CONNECTION_BAD)
		return pg_blame_connect(c->pg, err);
	while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
		r = handshake(c->pg, status, until, err);
		if (r)
			return r;
		status = PQconnectPoll(c->pg);
	}
	if (status == PGRES_POLLING_FAILED)
		return pg_blame_connect(c->pg, err);
	if (PQsetnonblocking(c->pg, 1))
		return pg_lost(c, err);
	return pg_canceller_new(c->pg, &c->canceller)
		       ? orm_fail(err, -ENOMEM, "no memory for a connection")
		       : 0;
}

/* What the session must be like, when it is not. */
static int adjust(struct pg_conn *c, bool sync_on, bool want_sync, bool hex, struct orm_error *err)
{
	const char *strings = PQparameterStatus(c->pg, "standard_conforming_strings");
	const char *dates = PQparameterStatus(c->pg, "DateStyle");
	char sql[192];
	int n;

	n = snprintf(sql, sizeof(sql), "%s%s%s%s",
		     strings && !strcmp(strings, "on") ? "" : "SET standard_conforming_strings=on;",
		     dates && !strncmp(dates, "ISO", 3) ? "" : "SET DateStyle=ISO;",
		     hex ? "" : "SET bytea_output=hex;",
		     sync_on == want_sync ? ""
		     : want_sync	  ? "SET synchronous_commit=on;"
					  : "SET synchronous_commit=off;");
	c->sync_on = want_sync;
	return n ? pg_simple(c, sql, (struct pg_risk){0}, NULL, err) : 0;
}

static int ask_session(struct pg_conn *c, const struct orm_options *options, struct orm_error *err)
{
	const char *prepare = options->prepare ? options->prepare : "auto";
	bool pooled, sync_on, hex;
	PGresult *result;
	int r;

	pg_arm(c, (struct pg_risk){0});
	if (!PQsendQuery(c->pg, "SELECT pg_backend_pid(), current_setting('synchronous_commit'),"
				" current_setting('bytea_output')"))
		return pg_lost(c, err);
	r = pg_next(c, &result, err);
	if (r)
		return r;
	if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
		r = pg_blame(c, result, err);
		PQclear(result);
		return r;
	}
	pooled = strtol(PQgetvalue(result, 0, 0), NULL, 10) != PQbackendPID(c->pg);
	sync_on = strcmp(PQgetvalue(result, 0, 1), "off") != 0;
	hex = !strcmp(PQgetvalue(result, 0, 2), "hex");
	PQclear(result);
	r = pg_drain(c, &result, err);
	PQclear(r ? NULL : result);
	if (r)
		return r;
	c->named = !strcmp(prepare, "on") || (strcmp(prepare, "off") != 0 && !pooled);
	c->sync_on = sync_on;
	return pooled ? 0 : adjust(c, sync_on, options->durable >= 0, hex, err);
}

static int init(struct pg_conn *c, const struct orm_options *options)
{
	int64_t bytes = number(options->result_bytes_max, 268435456);

	c->row_bytes_max = bytes ? (size_t)bytes : SIZE_MAX;
	c->query_timeout_ms = number(options->query_timeout_ms, 30000);
	arena_init(&c->row, c->row_bytes_max);
	arena_init(&c->params.arena, PARAM_BYTES_MAX);
	return pg_cache_init(&c->cache, (size_t)MIN(number(options->statements, 256), 1 << 20));
}

static int check_address(const char *address, const char *prepare, struct orm_error *err)
{
	PQconninfoOption *parts;
	char *why = NULL;

	if (prepare && strcmp(prepare, "auto") && strcmp(prepare, "on") && strcmp(prepare, "off"))
		return orm_fail(err, -EINVAL, "option 'prepare' is auto, on or off");
	parts = PQconninfoParse(address, &why);
	if (!parts) {
		char text[256];

		pg_one_line(text, sizeof(text), why);
		PQfreemem(why);
		return orm_fail(err, -EINVAL, "the address is malformed: %s", text);
	}
	PQconninfoFree(parts);
	return 0;
}

int pg_open(const char *address, const struct orm_options *options, enum orm_role role,
	    struct orm_conn **ret_conn, struct orm_error *err)
{
	static const struct orm_options defaults;
	const char *version;
	struct pg_conn *c;
	int r;

	(void)role; /* any connection may write; what a replica refuses, it says */
	options = options ? options : &defaults;
	r = check_address(address, options->prepare, err);
	if (r)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return orm_fail(err, -ENOMEM, "no memory for a connection");
	c->head.driver = &orm_driver_pg;
	r = init(c, options) ? orm_fail(err, -ENOMEM, "no memory for a connection") : 0;
	if (!r)
		r = connect_now(c, address, options, err);
	if (!r)
		r = ask_session(c, options, err);
	if (r) {
		pg_close((struct orm_conn *)c);
		return r;
	}
	version = PQparameterStatus(c->pg, "server_version");
	snprintf(c->server, sizeof(c->server), "PostgreSQL %s", version ? version : "?");
	c->server[strcspn(c->server + 11, " ") + 11] = '\0';
	*ret_conn = (struct orm_conn *)c;
	return 0;
}

/* Without waiting for a server that hangs: what runs is cut off. */
void pg_close(struct orm_conn *conn)
{
	struct pg_conn *c = pg_of(conn);

	if (!c)
		return;
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
