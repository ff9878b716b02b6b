/* SPDX-License-Identifier: Apache-2.0 */
/* Many rows: one INSERT, prepared once, bound to field after field. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/drivers/sqlite/lite.h>

struct load {
	struct orm_conn *conn;
	const struct orm_table *table;
	const char *conflict; /* "" or " ON CONFLICT ..." */
	uint64_t changed;
	sqlite3_stmt *sql;
	uint8_t columns[ORM_COLUMNS_MAX]; /* that are written, in order */
	unsigned count;
};

/* Names of a table that was checked need no escape. */
static int prepare(struct load *load, struct orm_error *err)
{
	size_t size = 64 + ORM_NAME_MAX + (size_t)load->count * (ORM_NAME_MAX + 8) +
		      strlen(load->conflict),
	       len;
	own_free char *text = malloc(size);

	if (!text)
		return orm_fail(err, -ENOMEM, "out of memory for a load");
	len = (size_t)snprintf(text, size, "INSERT INTO \"%s\"(", load->table->name);
	for (unsigned i = 0; i < load->count; i++)
		len += (size_t)snprintf(text + len, size - len, "%s\"%s\"", i ? "," : "",
					load->table->columns[load->columns[i]].name);
	for (unsigned i = 0; i < load->count; i++)
		len += (size_t)snprintf(text + len, size - len, "%s?", i ? "," : ")VALUES(");
	len += (size_t)snprintf(text + len, size - len, ")%s", load->conflict);
	return lite_prepare(load->conn, text, len, 0, &load->sql, err);
}

static int insert(struct load *load, const void *row, struct orm_error *err)
{
	struct lite_slot slot = {.sql = load->sql};
	int rc, r;

	for (unsigned i = 0; i < load->count; i++) {
		const struct orm_column *column = &load->table->columns[load->columns[i]];
		struct orm_value value = orm_row_get(load->table, load->columns[i], row);

		slot.index = (int)i + 1;
		slot.column = column->name;
		r = lite_bind(load->conn, &slot, (enum orm_type)column->type, &value, err);
		if (r)
			return r;
	}
	load->conn->step_until_ms = 0;
	rc = sqlite3_step(load->sql);
	r = rc == SQLITE_DONE ? 0 : lite_fail(load->conn, rc, "cannot insert the row", err);
	load->changed += rc == SQLITE_DONE ? (uint64_t)sqlite3_changes64(load->conn->db) : 0;
	sqlite3_reset(load->sql);
	if (load->conn->bound.total)
		arena_reset(&load->conn->bound);
	return r;
}

static int insert_all(struct load *load, const struct orm_source *source, struct orm_error *err)
{
	uint64_t rows = 0;
	const void *row;
	int r;

	while (!(r = source->next(source->data, &row))) {
		r = insert(load, row, err);
		if (r) {
			if (err)
				err->row = rows;
			return r;
		}
		rows++;
	}
	if (r != ORM_E_END) {
		r = orm_fail(err, r, "the source of the load failed after %llu rows: %s",
			     (unsigned long long)rows, orm_class_text(r));
		if (err)
			err->row = rows;
		return r;
	}
	return 0;
}

static int load_rows(struct orm_conn *conn, const struct orm_source *source, const char *conflict,
		     uint64_t *ret_changed, struct orm_error *err)
{
	struct load load = {.conn = conn, .table = source->table, .conflict = conflict};
	int r;

	if (conn->run.sql)
		return orm_fail(err, -EINVAL, "the statement before was not finished");
	if (!conn->in_tx || sqlite3_get_autocommit(conn->db))
		return lite_refuse(err, ORM_E_STATE, "25P01", "a load needs an open transaction");
	atomic_store_explicit(&conn->cancelled, false, memory_order_relaxed);
	for (unsigned i = 0; i < source->table->count; i++)
		if (source->mask >> i & 1)
			load.columns[load.count++] = (uint8_t)i;
	if (!load.count)
		return orm_fail(err, -EINVAL, "a load of no columns");
	r = prepare(&load, err);
	if (r)
		return r;
	r = insert_all(&load, source, err);
	sqlite3_finalize(load.sql);
	arena_deinit(&conn->bound);
	if (!r)
		*ret_changed = load.changed;
	return r;
}

int lite_load(struct orm_conn *conn, const struct orm_source *source, uint64_t *ret_rows,
	      struct orm_error *err)
{
	return load_rows(conn, source, "", ret_rows, err);
}

int lite_insert(struct orm_conn *conn, const struct orm_rows *rows, enum orm_batch_way way,
		const char *conflict, uint64_t *ret_inserted, struct orm_error *err)
{
	struct orm_array array = {.rows = rows};
	struct orm_source source = {rows->table, rows->mask, orm_array_next, &array};

	(void)way; /* there is one here: a loop costs no round trips */
	return load_rows(conn, &source, conflict, ret_inserted, err);
}
