/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bulk load: binary COPY FROM STDIN. Rows are encoded into a chunk that is sent when it is full.
 * The server says what is wrong only at the end, unless one looks: client_min_messages keeps it
 * from sending anything but an error, so whatever arrives during the load ends it. Warnings are
 * let through again before the commit: one of them says that no standby has it (pg_doubt()).
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/drivers/pg/bulk.h>
#include <orm/drivers/pg/codec.h>
#include <orm/drivers/pg/conn.h>
#include <orm/drivers/pg/wire.h>

#define CHUNK_SIZE 131072U
#define SQL_MAX (ORM_COLUMNS_MAX * (ORM_NAME_MAX + 4) + 256)

static const char signature[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"; /* flags and extension: 0 */

struct load {
	struct pg_conn *c;
	const struct orm_source *source;
	char *chunk; /* CHUNK_SIZE; what does not fit is sent by itself */
	size_t len;
	uint16_t columns;
	uint64_t rows;
	bool in_tx;
	bool stopped; /* the server does not want more */
};

bool pg_is_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return n && n <= ORM_NAME_MAX && !name[n] && !(*name >= '0' && *name <= '9');
}

static int write_sql(struct load *l, char sql[SQL_MAX], struct orm_error *err)
{
	const struct orm_table *t = l->source->table;
	size_t n;

	if (!pg_is_name(t->name) || t->count > ORM_COLUMNS_MAX)
		return orm_fail(err, ORM_E_QUERY, "the name of a table is refused");
	n = (size_t)snprintf(sql, SQL_MAX, "SET LOCAL client_min_messages=error;COPY \"%s\" (",
			     t->name);
	for (unsigned i = 0; i < t->count; i++) {
		if (!(l->source->mask >> i & 1))
			continue;
		if (!pg_is_name(t->columns[i].name))
			return orm_fail(err, ORM_E_QUERY, "the name of a column is refused");
		n += (size_t)snprintf(sql + n, SQL_MAX - n, "%s\"%s\"", l->columns++ ? "," : "",
				      t->columns[i].name);
	}
	if (!l->columns)
		return orm_fail(err, ORM_E_QUERY, "no column is to be written");
	snprintf(sql + n, SQL_MAX - n,
		 ") FROM STDIN (FORMAT binary);"
		 "SET LOCAL client_min_messages=warning");
	return 0;
}

/* Until the server waits for data. */
static int enter_copy(struct load *l, const char *sql, struct orm_error *err)
{
	struct pg_conn *c = l->c;
	bool ready = false;

	if (!PQsendQuery(c->pg, sql))
		return pg_lost(c, err);
	while (!ready) {
		PGresult *result;
		int r = pg_next(c, &result, err);

		if (r)
			return r;
		if (!result)
			return pg_lost(c, err);
		ready = PQresultStatus(result) == PGRES_COPY_IN;
		if (!ready && PQresultStatus(result) != PGRES_COMMAND_OK) {
			PGresult *more = NULL;
			struct orm_error ignored;

			r = pg_blame(c, result, err);
			PQclear(result);
			if (!c->head.broken && pg_drain(c, &more, &ignored))
				c->head.broken = true;
			PQclear(more);
			return r;
		}
		PQclear(result);
	}
	return 0;
}

static int send_bytes(struct load *l, const char *bytes, size_t len, struct orm_error *err)
{
	struct pollfd fd = {.fd = PQsocket(l->c->pg), .events = POLLIN};
	int r;

	if (!len || l->stopped)
		return 0;
	l->c->left_ms = l->c->query_timeout_ms ? l->c->query_timeout_ms : -1;
	l->c->heard = false;
	l->stopped = poll(&fd, 1, 0) > 0;
	if (PQputCopyData(l->c->pg, bytes, (int)len) != 1)
		return pg_lost(l->c, err);
	r = pg_flush(l->c, err);
	l->stopped |= l->c->heard;
	return r;
}

static int flush_chunk(struct load *l, struct orm_error *err)
{
	int r = send_bytes(l, l->chunk, l->len, err);

	l->len = 0;
	return r;
}

static int put(struct load *l, const void *bytes, size_t len, struct orm_error *err)
{
	if (len > CHUNK_SIZE - l->len) {
		int r = flush_chunk(l, err);

		if (r)
			return r;
		if (len > CHUNK_SIZE)
			return send_bytes(l, bytes, len, err);
	}
	memcpy(l->chunk + l->len, bytes, len);
	l->len += len;
	return 0;
}

static int put_cell(struct load *l, const struct pg_cell *cell, struct orm_error *err)
{
	char head[4];
	int r;

	wire_put32(head, cell->data ? cell->len : UINT32_MAX);
	r = put(l, head, sizeof(head), err);
	return !r && cell->data && cell->len ? put(l, cell->data, cell->len, err) : r;
}

static int refuse_cell(const struct load *l, unsigned column, int r, const char *why,
		       struct orm_error *err)
{
	const char *name = l->source->table->columns[column].name;

	if (r < 0)
		orm_fail(err, r, "no memory for a row");
	else
		orm_fail(err, r, "row %" PRIu64 ", column '%s': %s", l->rows, name,
			 r == ORM_E_TOO_BIG ? "more than the limit allows" : why);
	orm_fault_name(err->column, name);
	err->row = l->rows;
	return r;
}

/* Eight bytes and their length, where there is room. */
static void put_word(struct load *l, uint64_t word)
{
	wire_put32(l->chunk + l->len, 8);
	wire_put64(l->chunk + l->len + 4, word);
	l->len += 12;
}

/* What most columns are, straight into the chunk. false: it needs pg_encode(), or more room. */
static bool put_plain(struct load *l, enum orm_type type, const struct orm_value *v)
{
	size_t room = CHUNK_SIZE - l->len;
	uint64_t word;

	if (room < 12)
		return false;
	if (v->kind == ORM_K_NULL) {
		wire_put32(l->chunk + l->len, UINT32_MAX);
		l->len += 4;
		return true;
	}
	if (type == ORM_T_BIGINT && v->kind == ORM_K_I64) {
		put_word(l, (uint64_t)v->i);
		return true;
	}
	if (type == ORM_T_DOUBLE && v->kind == ORM_K_F64) {
		memcpy(&word, &v->f, sizeof(word));
		put_word(l, word);
		return true;
	}
	if (type != ORM_T_TEXT || v->kind != ORM_K_TEXT || v->len > room - 4 ||
	    (v->len && memchr(v->p, '\0', v->len)))
		return false;
	wire_put32(l->chunk + l->len, (uint32_t)v->len);
	if (v->len)
		memcpy(l->chunk + l->len + 4, v->p, v->len);
	l->len += 4 + v->len;
	return true;
}

static int put_row(struct load *l, const void *row, struct orm_error *err)
{
	const struct orm_table *t = l->source->table;
	struct arena *arena = &l->c->params.arena;
	char head[2];
	int r;

	arena_reset(arena);
	wire_put16(head, l->columns);
	r = put(l, head, sizeof(head), err);
	for (unsigned i = 0; !r && i < t->count; i++) {
		struct orm_value value;
		const char *why = "";
		struct pg_cell cell;

		if (!(l->source->mask >> i & 1))
			continue;
		value = orm_row_get(t, i, row);
		if (put_plain(l, t->columns[i].type, &value))
			continue;
		r = pg_encode(arena, &value, t->columns[i].type, PG_FIELD, &cell, &why);
		if (r)
			return refuse_cell(l, i, r, why, err);
		r = put_cell(l, &cell, err);
	}
	return r;
}

/* All rows of the source. A failure here is ours or the source's, not the server's. */
static int put_rows(struct load *l, struct orm_error *err)
{
	int r = put(l, signature, sizeof(signature), err);

	while (!r && !l->stopped) {
		const void *row;

		r = l->source->next(l->source->data, &row);
		if (r == ORM_E_END)
			return put(l, "\377\377", 2, err) ? err->class : flush_chunk(l, err);
		if (r) {
			orm_fail(err, r, "the source of the rows failed at row %" PRIu64, l->rows);
			err->row = l->rows;
			return r;
		}
		r = put_row(l, row, err);
		l->rows += !r;
	}
	return r;
}

/* "COPY t, line 3, column c": the words may be of another language, the order is the same. */
static uint64_t row_of_context(const PGresult *result, const char *table)
{
	const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);
	const char *at = context ? strstr(context, table) : NULL;
	uint64_t line;

	if (!at)
		return ORM_NO_ROW;
	at += strlen(table);
	at += strcspn(at, "0123456789\n");
	line = strtoull(at, NULL, 10);
	return line ? line - 1 : ORM_NO_ROW;
}

/* The server's verdict over what was sent. */
static int take_verdict(struct load *l, uint64_t *ret_rows, struct orm_error *err)
{
	PGresult *result, *more = NULL;
	struct orm_error ignored;
	int r = pg_next(l->c, &result, err);

	if (r)
		return r;
	if (!result)
		return pg_lost(l->c, err);
	if (PQresultStatus(result) == PGRES_COMMAND_OK) {
		*ret_rows = strtoull(PQcmdTuples(result), NULL, 10);
	} else {
		r = pg_blame(l->c, result, err);
		err->row = row_of_context(result, l->source->table->name);
	}
	PQclear(result);
	if (!l->c->head.broken && pg_drain(l->c, &more, r ? &ignored : err))
		r = r ? r : err->class;
	if (!r && more)
		r = pg_blame(l->c, more, err);
	PQclear(more);
	return r;
}

static int leave_copy(struct load *l, const char *why, struct orm_error *err)
{
	l->c->left_ms = l->c->query_timeout_ms ? l->c->query_timeout_ms : -1;
	if (PQputCopyEnd(l->c->pg, why) != 1)
		return pg_lost(l->c, err);
	return pg_flush(l->c, err);
}

static int run(struct load *l, uint64_t *ret_rows, struct orm_error *err)
{
	struct orm_error ignored;
	uint64_t none;
	int r = put_rows(l, err);

	if (l->c->head.broken)
		return r;
	if (r) {
		/* The first failure is the one that is told; the server is made to forget. */
		if (leave_copy(l, "the source of the rows failed", &ignored) ||
		    !take_verdict(l, &none, &ignored))
			l->c->head.broken = true;
		return r;
	}
	/* When the server spoke it was an error, and it is told whatever we say. If it was not, the
	 * load fails rather than end with fewer rows. */
	l->c->risk = (struct pg_risk){.write = !l->in_tx, .ambiguous = !l->in_tx};
	r = leave_copy(l, l->stopped ? "the load was stopped" : NULL, err);
	return r ? r : take_verdict(l, ret_rows, err);
}

int pg_load(struct orm_conn *conn, const struct orm_source *source, uint64_t *ret_rows,
	    struct orm_error *err)
{
	struct pg_conn *c = pg_of(conn);
	struct load l = {.c = c, .source = source};
	own_free char *chunk = NULL, *sql = NULL;
	int r;

	pg_finish(conn);
	chunk = malloc(CHUNK_SIZE);
	sql = malloc(SQL_MAX);
	if (!chunk || !sql)
		return orm_fail(err, -ENOMEM, "no memory for a load");
	l.chunk = chunk;
	r = write_sql(&l, sql, err);
	if (!r && c->begin)
		r = pg_script(conn, "", err);
	if (r)
		return r;
	l.in_tx = pg_in_tx(c);
	c->tx_wrote |= l.in_tx;
	pg_arm(c, (struct pg_risk){.write = !l.in_tx});
	r = pg_look(c, err);
	/* Until the copy is ended a connection that breaks undoes it. */
	c->risk = (struct pg_risk){0};
	if (!r)
		r = enter_copy(&l, sql, err);
	return r ? r : run(&l, ret_rows, err);
}
