/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong, from a result or from the connection. The one hard question is whether a write
 * was done when the connection ends:
 *
 *	an error came in place of the result	no: the statement failed, its transaction with it
 *	nothing came				nobody knows
 *
 * A COMMIT, a script and a CALL may have committed before the server said that it goes away: for
 * them (`ambiguous`) such an error is no answer either.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <orm/base/fault.h>
#include <orm/drivers/pg/conn.h>

void pg_one_line(char *to, size_t size, const char *text)
{
	size_t len = strcspn(text ? text : "", "\r\n");

	snprintf(to, size, "%.*s", (int)MIN(len, size), text ? text : "");
}

static const char *field(const PGresult *result, int code)
{
	const char *text = PQresultErrorField(result, code);

	return text ? text : "";
}

static bool is_fatal(const PGresult *result)
{
	const char *severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	return !strcmp(severity, "FATAL") || !strcmp(severity, "PANIC");
}

/* The server's own statement_timeout has the code of a cancellation. */
static bool is_timeout(const struct pg_conn *c, const PGresult *result)
{
	return c->timed_out || strstr(field(result, PG_DIAG_MESSAGE_PRIMARY), "timeout");
}

static int class_of(const struct pg_conn *c, const PGresult *result)
{
	const char *sqlstate = field(result, PG_DIAG_SQLSTATE);
	int class = orm_class_of_sqlstate(sqlstate);

	if (is_fatal(result) || class == ORM_E_CONNECTION)
		return c->risk.ambiguous ? ORM_E_UNKNOWN_OUTCOME : ORM_E_CONNECTION;
	if (class == ORM_E_CANCELLED && is_timeout(c, result))
		return ORM_E_TIMEOUT;
	/* A plan that a change of the table made useless, inside a transaction: it is lost, but
	 * the next try prepares anew. */
	if (!strcmp(field(result, PG_DIAG_SOURCE_FUNCTION), "RevalidateCachedQuery") ||
	    !strcmp(sqlstate, "26000"))
		return ORM_E_SERIALIZATION;
	return class;
}

int pg_blame(struct pg_conn *c, const PGresult *result, struct orm_error *err)
{
	const char *sqlstate = field(result, PG_DIAG_SQLSTATE);
	char text[sizeof(err->text)];

	if (!*sqlstate) /* libpq's own: the connection is gone, or memory ran out */
		return pg_lost(c, err);
	pg_one_line(text, sizeof(text), field(result, PG_DIAG_MESSAGE_PRIMARY));
	orm_fail(err, class_of(c, result), "%s", text);
	snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", sqlstate);
	orm_fault_name(err->table, field(result, PG_DIAG_TABLE_NAME));
	orm_fault_name(err->column, field(result, PG_DIAG_COLUMN_NAME));
	orm_fault_name(err->constraint, field(result, PG_DIAG_CONSTRAINT_NAME));
	if (is_fatal(result) || PQstatus(c->pg) != CONNECTION_OK)
		c->head.broken = true;
	return err->class;
}

int pg_lost(struct pg_conn *c, struct orm_error *err)
{
	char text[sizeof(err->text)];

	pg_one_line(text, sizeof(text), PQerrorMessage(c->pg));
	c->head.broken = true;
	if (!*text)
		snprintf(text, sizeof(text), "the server closed the connection");
	if (c->risk.write)
		orm_fail(err, ORM_E_UNKNOWN_OUTCOME, "%s", text);
	else
		orm_fail(err, ORM_E_CONNECTION, "%s", text);
	memcpy(err->sqlstate, "08006", 6);
	return err->class;
}

/*
 * A commit waits for a synchronous standby. When it is cancelled there, by us or by anybody else,
 * it stays committed here alone: the server reports success, with a warning. That is not to be
 * seen where client_min_messages hides it (COPY does); so a success after we cancelled is none.
 */
int pg_doubt(const struct pg_conn *c, struct orm_error *err)
{
	if (!c->risk.write || (!c->unreplicated && !c->timed_out))
		return 0;
	orm_fail(err, ORM_E_UNKNOWN_OUTCOME,
		 "it was cancelled while it was committed: no standby may have it");
	memcpy(err->sqlstate, "40003", 6);
	return err->class;
}

static bool has_secret(const char *address)
{
	const char *at = strrchr(address, '@'), *colon;

	if (strcasestr(address, "password"))
		return true;
	colon = strstr(address, "://");
	colon = colon ? strchr(colon + 3, ':') : NULL;
	return at && colon && colon < at;
}

/*
 * A password with an '@', a '/' or a '%' in it that should have been escaped is taken for another
 * part of the address, and quoted. The name of an unknown parameter may stay, behind the last '@'.
 */
void pg_hide_secrets(char *text, const char *address)
{
	static const char parameter[] = "invalid URI query parameter";
	const char *options = address ? strchr(address, '?') : NULL;
	char *open, *close;

	if (address && !has_secret(address))
		return;
	if (options && !strchr(options, '@') && !strncmp(text, parameter, sizeof(parameter) - 1))
		return;
	for (open = strchr(text, '"'); open; open = strchr(close + 1, '"')) {
		close = strchr(open + 1, '"');
		if (!close) { /* cut off */
			open[1] = '\0';
			return;
		}
		memmove(open + 1, close, strlen(close) + 1);
		close = open + 1;
	}
}

static bool is_sqlstate(const char *at)
{
	for (int i = 0; i < 5; i++)
		if (!isdigit((unsigned char)at[i]) && !(at[i] >= 'A' && at[i] <= 'Z'))
			return false;
	return at[5] == ':';
}

/*
 * libpq has no function for the SQLSTATE of a connect that failed, but its verbose text has it:
 * "connection to server on socket "..." failed: FATAL:  28P01: password authentication failed".
 */
int pg_blame_connect(PGconn *pg, const char *address, struct orm_error *err)
{
	const char *message = PQerrorMessage(pg), *at = message;
	char text[sizeof(err->text)], sqlstate[6] = "08001";

	while ((at = strstr(at, ":  ")) != NULL) {
		at += 3;
		if (is_sqlstate(at)) {
			memcpy(sqlstate, at, 5);
			message = at + 7;
			break;
		}
	}
	pg_one_line(text, sizeof(text), *message ? message : "out of memory");
	/* That it could not be reached tells where it is, and no more. */
	if (strncmp(text, "connection to server", 20) != 0 && message == PQerrorMessage(pg))
		pg_hide_secrets(text, address);
	orm_fail(err, orm_class_of_sqlstate(sqlstate), "%s", text);
	memcpy(err->sqlstate, sqlstate, sizeof(sqlstate));
	return err->class;
}
