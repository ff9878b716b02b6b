/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many rows by INSERT, in one of two ways, each one transaction by itself:
 *
 *	ROWS	one INSERT a row in a pipeline with one sync. Which row failed is known by its
 *		place.
 *	UNNEST	one INSERT from one array a column, as fast as binary parameters can be. The server
 *		does not say which row failed, so a failed one is run again as ROWS, to be told.
 *
 * Columns that are arrays themselves cannot be unnested: then it is ROWS.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/drivers/pg/bulk.h>
#include <orm/drivers/pg/codec.h>
#include <orm/drivers/pg/conn.h>
#include <orm/drivers/pg/oid.h>
#include <orm/drivers/pg/wire.h>

#define UNNEST_ROWS 8192U /* of one statement: what a message must hold is bounded */
#define ARENA_MAX ((size_t)1 << 30)

struct insert {
	struct pg_conn *c;
	const struct orm_rows *rows;
	uint8_t columns[ORM_COLUMNS_MAX];
	uint16_t count;
	const char *conflict;
	uint64_t inserted;
};

/* Of the array type, and of its elements. */
static const struct {
	uint32_t array, element;
	const char *sql;
} arrays[ORM_T_COUNT] = {
	[ORM_T_BOOLEAN] = {PG_BOOLS, PG_BOOL, "boolean[]"},
	[ORM_T_SMALLINT] = {PG_INT2S, PG_INT2, "smallint[]"},
	[ORM_T_INTEGER] = {PG_INT4S, PG_INT4, "integer[]"},
	[ORM_T_BIGINT] = {PG_INT8S, PG_INT8, "bigint[]"},
	[ORM_T_REAL] = {PG_FLOAT4S, PG_FLOAT4, "real[]"},
	[ORM_T_DOUBLE] = {PG_FLOAT8S, PG_FLOAT8, "double precision[]"},
	[ORM_T_NUMERIC] = {PG_NUMERICS, PG_NUMERIC, "numeric[]"},
	[ORM_T_TEXT] = {PG_TEXTS, PG_TEXT, "text[]"},
	[ORM_T_BYTES] = {PG_BYTEAS, PG_BYTEA, "bytea[]"},
	[ORM_T_TIMESTAMP_MS] = {PG_TIMESTAMPTZS, PG_TIMESTAMPTZ, "timestamptz[]"},
	[ORM_T_UUID] = {PG_UUIDS, PG_UUID, "uuid[]"},
	[ORM_T_INET] = {PG_INETS, PG_INET, "inet[]"},
	[ORM_T_CIDR] = {PG_CIDRS, PG_CIDR, "cidr[]"},
	[ORM_T_JSON] = {PG_JSONS, PG_JSON, "json[]"},
	[ORM_T_JSONB] = {PG_JSONBS, PG_JSONB, "jsonb[]"},
};

static const struct orm_column *column_of(const struct insert *in, unsigned i)
{
	return &in->rows->table->columns[in->columns[i]];
}

static struct orm_value field(const struct insert *in, size_t row, unsigned i)
{
	const char *rows = in->rows->rows;

	return orm_row_get(in->rows->table, in->columns[i], rows + row * in->rows->table->size);
}

static int refuse(const struct insert *in, size_t row, unsigned i, int r, const char *why,
		  struct orm_error *err)
{
	const char *name = column_of(in, i)->name;

	if (r < 0)
		orm_fail(err, r, "no memory for row %zu", row);
	else
		orm_fail(err, r, "row %zu, column '%s': %s", row, name,
			 r == ORM_E_TOO_BIG ? "more than the limit allows" : why);
	orm_fault_name(err->column, name);
	err->row = row;
	return r;
}

/* INSERT INTO t (...) SELECT * FROM unnest(...) ON CONFLICT ... */
static int write_sql(const struct insert *in, char **ret_sql, struct orm_error *err)
{
	const struct orm_table *t = in->rows->table;
	size_t size = 256 + strlen(in->conflict) + (size_t)in->count * (ORM_NAME_MAX + 40), n;
	char *sql = malloc(size);

	if (!sql)
		return orm_fail(err, -ENOMEM, "no memory for an insert");
	n = (size_t)snprintf(sql, size, "INSERT INTO \"%s\"", t->name);
	for (unsigned i = 0; i < in->count; i++)
		n += (size_t)snprintf(sql + n, size - n, "%s\"%s\"", i ? "," : " (",
				      column_of(in, i)->name);
	n += (size_t)snprintf(sql + n, size - n, ") SELECT * FROM unnest(");
	for (unsigned i = 0; i < in->count; i++)
		n += (size_t)snprintf(sql + n, size - n, "%s$%u::%s", i ? "," : "", i + 1,
				      arrays[column_of(in, i)->type].sql);
	snprintf(sql + n, size - n, ")%s", in->conflict);
	*ret_sql = sql;
	return 0;
}

/* ---- UNNEST ---- */

/* A growing piece of bytes: one column's array. */
struct bytes {
	char *data;
	size_t len, room;
};

static int bytes_put(struct bytes *b, const void *data, size_t len)
{
	if (len > b->room - b->len) {
		size_t room = b->room;
		char *more;

		while (room - b->len < len)
			room = room ? room * 2 : 4096;
		more = room <= ARENA_MAX ? realloc(b->data, room) : NULL;
		if (!more)
			return room <= ARENA_MAX ? -ENOMEM : ORM_E_TOO_BIG;
		b->data = more;
		b->room = room;
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
	return 0;
}

/* Header of a one-dimensional array: dimensions, has-NULLs, element type, length, lower bound. */
static int array_head(struct bytes *b, uint32_t element, uint32_t n)
{
	char head[20];

	wire_put32(head, 1);
	wire_put32(head + 4, 1);
	wire_put32(head + 8, element);
	wire_put32(head + 12, n);
	wire_put32(head + 16, 1);
	return bytes_put(b, head, sizeof(head));
}

static int array_of(const struct insert *in, unsigned i, size_t first, size_t n,
		    struct arena *arena, struct bytes *b, struct orm_error *err)
{
	enum orm_type type = (enum orm_type)column_of(in, i)->type;
	int r = array_head(b, arrays[type].element, (uint32_t)n);

	for (size_t row = first; row < first + n && !r; row++) {
		struct orm_value value = field(in, row, i);
		const char *why = "";
		struct pg_cell cell;
		char len[4];

		arena_reset(arena);
		r = pg_encode(arena, &value, type, PG_FIELD, &cell, &why);
		if (r)
			return refuse(in, row, i, r, why, err);
		wire_put32(len, cell.data ? cell.len : UINT32_MAX);
		r = bytes_put(b, len, sizeof(len));
		if (!r && cell.data)
			r = bytes_put(b, cell.data, cell.len);
	}
	return r ? refuse(in, first, i, r, "", err) : 0;
}

static int run_to_end(struct pg_conn *c, const struct orm_stmt *stmt, struct orm_error *err)
{
	struct orm_conn *conn = (struct orm_conn *)(void *)c;
	int r = pg_start_bound(c, stmt, err);

	while (!r)
		r = pg_step(conn, err);
	return r == ORM_E_END ? 0 : r;
}

static int unnest_some(struct insert *in, const struct orm_stmt *stmt, size_t first, size_t n,
		       struct bytes *columns, struct orm_error *err)
{
	struct pg_params *p = &in->c->params;
	struct arena arena;
	int r = 0;

	pg_finish((struct orm_conn *)(void *)in->c);
	if (pg_params_room(p, in->count))
		return orm_fail(err, -ENOMEM, "no memory for the parameters");
	arena_init(&arena, ARENA_MAX);
	for (unsigned i = 0; i < in->count && !r; i++) {
		columns[i].len = 0;
		r = array_of(in, i, first, n, &arena, &columns[i], err);
		p->values[i] = columns[i].data;
		p->lengths[i] = (int)columns[i].len;
		p->formats[i] = 1;
		p->oids[i] = arrays[column_of(in, i)->type].array;
	}
	arena_deinit(&arena);
	if (r)
		return r;
	r = run_to_end(in->c, stmt, err);
	in->inserted += r ? 0 : in->c->run.changed;
	pg_finish((struct orm_conn *)(void *)in->c);
	return r;
}

static int unnest(struct insert *in, struct orm_error *err)
{
	struct bytes columns[ORM_COLUMNS_MAX] = {{0}};
	struct orm_stmt stmt = {.flags = ORM_STMT_WRITES | ORM_STMT_ONCE};
	own_free char *sql = NULL;
	int r = write_sql(in, &sql, err);

	stmt.sql = sql;
	stmt.params = in->count;
	for (size_t at = 0; at < in->rows->count && !r; at += UNNEST_ROWS)
		r = unnest_some(in, &stmt, at, MIN(in->rows->count - at, UNNEST_ROWS), columns,
				err);
	for (unsigned i = 0; i < in->count; i++)
		free(columns[i].data);
	return r;
}

/* ---- ROWS ---- */

struct array {
	const struct insert *in;
	size_t next;
	struct orm_value values[ORM_COLUMNS_MAX];
};

static int array_next(void *data, const struct orm_value **ret_values)
{
	struct array *a = data;

	if (a->next == a->in->rows->count)
		return ORM_E_END;
	for (unsigned i = 0; i < a->in->count; i++)
		a->values[i] = field(a->in, a->next, i);
	a->next++;
	*ret_values = a->values;
	return 0;
}

static int insert_rows(struct insert *in, struct orm_error *err)
{
	struct array array = {.in = in};

	return pg_run_many((struct orm_conn *)(void *)in->c, in->rows->one, array_next, &array,
			   &in->inserted, err);
}

/* ---- which way, and the transaction around it ---- */

static bool can_unnest(const struct insert *in)
{
	for (unsigned i = 0; i < in->count; i++) {
		if (!arrays[column_of(in, i)->type].array)
			return false;
	}
	return true;
}

/* A failure of the server's that names no row: run again one by one, to be told. */
static int name_row(struct insert *in, int r, struct orm_error *err)
{
	struct orm_error first = *err;

	if (in->c->head.broken || err->row != ORM_NO_ROW || r < 0 ||
	    (r != ORM_E_VALUE && r != ORM_E_UNIQUE && r != ORM_E_FOREIGN_KEY &&
	     r != ORM_E_NOT_NULL && r != ORM_E_CHECK && r != ORM_E_CONSTRAINT))
		return r;
	in->inserted = 0;
	r = insert_rows(in, err);
	if (r && err->row == ORM_NO_ROW && !in->c->head.broken) {
		*err = first;
		r = first.class;
	}
	return r;
}

static int unnest_in_transaction(struct insert *in, struct orm_error *err)
{
	struct orm_conn *conn = (struct orm_conn *)(void *)in->c;
	struct orm_error first;
	int r = pg_script(conn, "SAVEPOINT orm_unnest", err);

	if (r)
		return r;
	r = unnest(in, err);
	first = *err;
	if (!r)
		return pg_script(conn, "RELEASE SAVEPOINT orm_unnest", err);
	if (!in->c->head.broken && !pg_script(conn, "ROLLBACK TO SAVEPOINT orm_unnest", err)) {
		*err = first;
		return name_row(in, r, err);
	}
	*err = first;
	return r;
}

/* More than one statement outside a transaction: it gets one. */
static int unnest_many(struct insert *in, struct orm_error *err)
{
	static const struct orm_tx_options plain = {0};
	struct orm_conn *conn = (struct orm_conn *)(void *)in->c;
	int r = pg_begin(conn, &plain, in->c->sync_on, err);

	if (r)
		return r;
	r = unnest_in_transaction(in, err);
	if (!r)
		return pg_commit(conn, err);
	if (!in->c->head.broken)
		pg_rollback(conn);
	return r;
}

int pg_insert(struct orm_conn *conn, const struct orm_rows *rows, enum orm_batch_way way,
	      const char *conflict, uint64_t *ret_inserted, struct orm_error *err)
{
	struct pg_conn *c = pg_of(conn);
	struct insert in = {.c = c, .rows = rows, .conflict = conflict};
	bool in_tx;
	int r = 0;

	pg_finish(conn);
	for (unsigned i = 0; i < rows->table->count; i++) {
		if (!(rows->mask >> i & 1))
			continue;
		if (!pg_is_name(rows->table->columns[i].name))
			return orm_fail(err, ORM_E_QUERY, "the name of a column is refused");
		in.columns[in.count++] = (uint8_t)i;
	}
	if (!in.count || !pg_is_name(rows->table->name))
		return orm_fail(err, ORM_E_QUERY,
				"the name of a table is refused, or no column "
				"is written");
	if (c->begin)
		r = pg_script(conn, "", err);
	if (r)
		return r;
	in_tx = pg_in_tx(c);
	c->tx_wrote |= in_tx;
	pg_arm(c, (struct pg_risk){.write = !in_tx, .ambiguous = !in_tx});
	r = pg_look(c, err);
	if (r)
		return r;
	if (way != ORM_BATCH_UNNEST || !can_unnest(&in))
		r = insert_rows(&in, err);
	else if (in_tx)
		r = unnest_in_transaction(&in, err);
	else if (rows->count > UNNEST_ROWS)
		r = unnest_many(&in, err);
	else if ((r = unnest(&in, err)))
		r = name_row(&in, r, err);
	if (!r)
		*ret_inserted = in.inserted;
	return r;
}
