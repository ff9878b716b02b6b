/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include <orm/render/typing.h>
#include <orm/run/rows.h>
#include <orm/table/fill.h>

unsigned rows_columns(const struct rows *rows)
{
	return rows->conn ? rows->session->db->driver->columns(rows->conn) : rows->set->columns;
}

const char *rows_name(const struct rows *rows, unsigned column)
{
	if (rows->conn)
		return rows->session->db->driver->name(rows->conn, column);
	return rows->set->names[column];
}

int rows_value(const struct rows *rows, unsigned column, struct orm_value *ret_value)
{
	struct orm_session *s = rows->session;

	if (rows->conn)
		return s->db->driver->value(rows->conn, column, ret_value, &s->error);
	*ret_value = rows->set->values[rows->at * rows->set->columns + column];
	return 0;
}

/* A driver refuses another number of columns than was rendered; of raw text none was. */
static bool is_known_to_fit(const struct orm_shape *shape, const struct orm_table *row)
{
	return __atomic_load_n(&shape->fits, __ATOMIC_RELAXED) == row &&
	       shape->stmt.columns == row->count;
}

static int shape_fits(struct orm_session *s, struct orm_shape *shape, unsigned n,
		      const struct orm_table *row)
{
	const struct orm_stmt *stmt = &shape->stmt;

	if (n != row->count)
		return session_fail(s, ORM_E_QUERY, "the query gives %u columns, struct %s has %u",
				    n, row->name, row->count);
	for (unsigned i = 0; i < stmt->columns; i++) {
		if (!type_reads_as(stmt->column_type[i], row->columns[i].kind))
			return session_fail(s, ORM_E_QUERY,
					    "column %u of the query is %s, which %s.%s cannot hold",
					    i + 1, orm_type_name(stmt->column_type[i]), row->name,
					    row->columns[i].name);
	}
	__atomic_store_n(&shape->fits, row, __ATOMIC_RELAXED);
	return 0;
}

int rows_fit(const struct rows *rows, const struct orm_table *row)
{
	if (is_known_to_fit(rows->shape, row))
		return 0;
	return shape_fits(rows->session, rows->shape, rows_columns(rows), row);
}

static int is_single(struct orm_session *s, unsigned n)
{
	return n == 1 ? 0
		      : session_fail(s, ORM_E_QUERY, "one column is wanted, the query gives %u", n);
}

int rows_single(const struct rows *rows)
{
	return is_single(rows->session, rows_columns(rows));
}

int sink_fits(const struct sink *sink, struct orm_session *s, struct orm_shape *shape)
{
	if (shape->stmt.flags & ORM_STMT_RAW)
		return 0;
	if (sink->into && is_known_to_fit(shape, sink->into))
		return 0;
	if (sink->into)
		return shape_fits(s, shape, shape->stmt.columns, sink->into);
	return sink->single ? is_single(s, shape->stmt.columns) : 0;
}

int rows_struct(const struct rows *rows, const struct orm_table *row, void *ret_row)
{
	struct orm_session *s = rows->session;

	memset(ret_row, 0, row->size);
	if (rows->conn)
		return s->db->driver->fill(rows->conn, row, ret_row, &s->error);
	for (unsigned i = 0; i < row->count; i++) {
		const struct orm_value *value =
			&rows->set->values[rows->at * rows->set->columns + i];
		int r = fill_field(row, i, value, ret_row, &s->error);

		if (r)
			return r;
	}
	return 0;
}

/* ---- into memory, and out of it ---- */

static const char *column_name(void *data, unsigned column)
{
	const struct rows *const *rows = data;

	return rows_name(*rows, column);
}

/* Says why, and passes it on. */
static int no_room(struct orm_session *s, int r, size_t max)
{
	if (r < 0)
		return session_fail(s, r, "out of memory for a result");
	return r ? session_fail(s, r, "the result is larger than %zu bytes", max) : 0;
}

static int collect_begin(struct sink *sink, const struct rows *rows)
{
	struct orm_rowset *set = ((struct collect *)sink)->set;

	orm_rowset_reset(set);
	return no_room(rows->session,
		       orm_rowset_columns(set, rows_columns(rows), column_name, &rows),
		       set->arena.max);
}

static int collect_row(struct sink *sink, const struct rows *rows)
{
	struct orm_rowset *set = ((struct collect *)sink)->set;
	struct orm_value few[16] = {{0}}, *values = few;
	int r = 0;

	if (set->columns > ARRAY_LEN(few))
		values = malloc(set->columns * sizeof(*values));
	if (!values)
		return session_fail(rows->session, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < set->columns && !r; i++)
		r = rows_value(rows, i, &values[i]);
	if (!r) {
		r = no_room(rows->session, orm_rowset_add(set, values), set->arena.max);
	}
	if (values != few)
		free(values);
	return r;
}

void collect_init(struct collect *collect, struct orm_rowset *set)
{
	*collect = (struct collect){{.begin = collect_begin, .row = collect_row}, set};
}

int rows_deliver(struct rows *rows, struct sink *sink)
{
	int r = sink->begin(sink, rows);

	for (rows->at = 0; !r && rows->at < rows->set->rows; rows->at++)
		r = sink->row(sink, rows);
	return r == ORM_E_END ? 0 : r;
}
