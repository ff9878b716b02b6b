/* SPDX-License-Identifier: Apache-2.0 */
/* The INSERT, UPDATE and DELETE builders, and raw statements. */
#include <strazh/orm/error.h>

#include <orm/query/query.h>
#include <orm/run/session.h>

static struct orm_query *begin(struct orm_session *s, enum clause kind,
			       const struct orm_table *table)
{
	struct orm_query *q = session_query(s);

	query_open(q, kind, 0);
	query_pointer(q, table);
	query_close(q);
	if (!q->class) /* there may be no query for want of memory, but one that all threads share
			*/
		q->table = table;
	return q;
}

struct orm_query *orm_insert(struct orm_session *s, const struct orm_table *into)
{
	return begin(s, CL_INSERT, into);
}

struct orm_query *orm_update(struct orm_session *s, const struct orm_table *table)
{
	return begin(s, CL_UPDATE, table);
}

struct orm_query *orm_delete(struct orm_session *s, const struct orm_table *from)
{
	return begin(s, CL_DELETE, from);
}

struct orm_query *orm_raw(struct orm_session *s, const char *sql)
{
	struct orm_query *q = session_query(s);

	query_open(q, CL_RAW, 0);
	query_text(q, sql, strlen(sql));
	query_close(q);
	return q;
}

void orm_param_expr(struct orm_query *q, struct orm_expr value)
{
	if (value.op != ORM_OP_VALUE) {
		query_fault(q, ORM_E_QUERY, "a parameter of a raw statement must be a value");
		return;
	}
	query_open(q, CL_PARAM, 0);
	query_expr(q, &value);
	query_close(q);
}

/* The columns of an INSERT of this row: AUTO columns that are 0 are the database's. */
static uint64_t row_mask(const struct orm_table *table, const void *row, uint64_t mask)
{
	for (unsigned i = 0; i < table->count; i++) {
		struct orm_value value;

		if (!(table->columns[i].flags & ORM_AUTO) || !(mask >> i & 1))
			continue;
		value = orm_row_get(table, i, row);
		if (value.kind == ORM_K_NULL || (value.kind == ORM_K_I64 && !value.i))
			mask &= ~(1ULL << i);
	}
	return table->count == ORM_COLUMNS_MAX ? mask : mask & ((1ULL << table->count) - 1);
}

void orm_row_masked(struct orm_query *q, const void *row, uint64_t mask)
{
	const struct orm_table *table = q->table;
	uint32_t first = q->n_values;

	if (q->class)
		return;
	if (!table || word_op(q->words[0]) != CL_INSERT) {
		query_fault(q, ORM_E_QUERY, "a row is for an INSERT");
		return;
	}
	mask = row_mask(table, row, mask);
	for (unsigned i = 0; i < table->count; i++) {
		struct orm_value value;

		if (!(mask >> i & 1))
			continue;
		value = orm_row_get(table, i, row);
		value.type = table->columns[i].type;
		query_value(q, &value);
	}
	query_open(q, CL_ROW, 0);
	query_word(q, mask);
	query_word(q, first);
	query_close(q);
}

void orm_row(struct orm_query *q, const void *row)
{
	orm_row_masked(q, row, ORM_MASK_ALL);
}

void orm_rows(struct orm_query *q, const void *rows, size_t n)
{
	size_t size = q->table ? q->table->size : 0; /* none: orm_row() refuses */

	if (!n) /* without rows an INSERT is of one row of defaults */
		query_fault(q, ORM_E_QUERY, "no rows are given");
	for (size_t i = 0; i < n && !q->class; i++)
		orm_row(q, (const char *)rows + i * size);
}

void orm_insert_from(struct orm_query *q, const struct orm_expr *columns, size_t n,
		     const struct orm_query *from)
{
	query_open(q, CL_INSERT_FROM, 0);
	query_word(q, n);
	query_exprs(q, columns, n);
	query_sub(q, from);
	query_close(q);
}

void orm_on_conflict_n(struct orm_query *q, const struct orm_expr *target, size_t n, bool update)
{
	query_open(q, CL_CONFLICT, update);
	query_exprs(q, target, n);
	query_close(q);
}

static void put_set(struct orm_query *q, enum clause clause, const struct orm_expr *column,
		    const struct orm_expr *value)
{
	if (column->op != ORM_OP_COLUMN && column->op != ORM_OP_NAMED)
		query_fault(q, ORM_E_QUERY, "what is set must be a column");
	query_open(q, clause, 0);
	query_expr(q, column);
	query_expr(q, value);
	query_close(q);
}

void orm_do_set(struct orm_query *q, struct orm_expr column, struct orm_expr value)
{
	put_set(q, CL_DO_SET, &column, &value);
}

void orm_set_expr(struct orm_query *q, struct orm_expr column, struct orm_expr value)
{
	put_set(q, CL_SET, &column, &value);
}

void orm_do_where(struct orm_query *q, struct orm_expr condition)
{
	query_open(q, CL_DO_WHERE, 0);
	query_expr(q, &condition);
	query_close(q);
}

void query_conflict(struct orm_query *q, const struct orm_table *table, uint64_t target,
		    uint64_t update)
{
	struct orm_expr columns[ORM_COLUMNS_MAX];
	size_t n = 0;

	for (unsigned i = 0; i < table->count; i++)
		if (target >> i & 1)
			columns[n++] = query_column(table, i);
	orm_on_conflict_n(q, columns, n, update);
	for (unsigned i = 0; i < table->count; i++) {
		struct orm_expr new = query_column(table, i);

		new.op = ORM_OP_EXCLUDED;
		if (update >> i & 1)
			orm_do_set(q, query_column(table, i), new);
	}
}

void orm_every_row(struct orm_query *q)
{
	query_open(q, CL_EVERY_ROW, 0);
	query_close(q);
}

void orm_returning_n(struct orm_query *q, const struct orm_expr *list, size_t n)
{
	query_open(q, CL_RETURNING, 0);
	query_exprs(q, list, n);
	query_close(q);
}
