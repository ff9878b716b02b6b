// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * A store as JSON lines, in one snapshot. The order is that of the key's bytes: PostgreSQL would
 * sort text by its locale and networks by number, so both are told.
 */
#include <user/store/inside.h>
#include <user/store/move.h>

#include <errno.h>
#include <stdlib.h>

static void order(struct orm_session *s, struct orm_query *q, const struct orm_table *table)
{
	bool pg = orm_dialect(orm_session_db(s)) == ORM_POSTGRESQL;

	if (pg && table->columns[0].type == ORM_T_CIDR)
		orm_order_by(q, orm_sql_literal(ORM_T_TEXT, "cidr::text COLLATE \"C\""));
	else if (pg && table == T(alert))
		orm_order_by(q, orm_sql_literal(ORM_T_TEXT, "kind COLLATE \"C\""),
			     orm_sql_literal(ORM_T_TEXT, "subject COLLATE \"C\""),
			     C(alert, opened_ms));
	else if (table->columns[0].type == ORM_T_CIDR)
		orm_order_by(q, orm_sql_literal(ORM_T_TEXT, "cidr"));
	else if (table == T(alert))
		orm_order_by(q, C(alert, kind), C(alert, subject), C(alert, opened_ms));
	else if (pg && table->columns[0].type == ORM_T_TEXT)
		orm_order_by(q, orm_sql_literal(ORM_T_TEXT, "name COLLATE \"C\""));
	else
		orm_order_by(q, orm_named(table, table->columns[0].name));
}

static int write_row(FILE *to, const struct orm_table *table, const void *row,
		     struct store_fault *ret_fault)
{
	struct orm_error error = {0};
	char *text = NULL;
	int r = orm_json_row(table, row, ORM_MASK_ALL, &text, &error);

	if (r) {
		store_fault_set(ret_fault, r, error.text);
		return r < 0 ? r : STORE_BROKEN;
	}
	r = fprintf(to, "{\"%s\":%s}\n", table->name, text) < 0 ? -errno : 0;
	free(text);
	return r;
}

static int write_table(struct orm_session *s, FILE *to, const struct orm_table *table,
		       uint64_t *rows, struct store_fault *ret_fault)
{
	struct orm_query *q = orm_select(s, table);
	struct orm_cursor *c;
	const void *row;
	int r, bad = 0;

	order(s, q, table);
	r = orm_cursor_open(s, q, table, &c);
	orm_query_free(q);
	if (r)
		return store_condition_of(r, s, ret_fault);
	for (; !bad && (r = orm_cursor_next(c, &row)) == 0; ++*rows)
		bad = write_row(to, table, row, ret_fault);
	if (!bad && r != ORM_E_END)
		bad = store_condition_of(r, s, ret_fault);
	orm_cursor_close(c);
	return bad;
}

static int write_all(struct orm_session *s, FILE *to, uint64_t *rows, struct store_fault *ret_fault)
{
	static const struct orm_tx_options snapshot = {
		.isolation = ORM_REPEATABLE_READ,
		.read_only = true,
	};
	int r = store_condition_of(orm_begin(s, &snapshot), s, ret_fault);

	if (r)
		return r;
	if (fprintf(to, "{\"strazh store\":{\"version\":1}}\n") < 0)
		r = -errno;
	for (unsigned i = 0; i < STORE_TABLE_COUNT && !r; i++)
		r = write_table(s, to, store_table_at(i).table, rows, ret_fault);
	orm_rollback(s);
	if (!r && (fprintf(to, "{\"end\":{\"rows\":%llu}}\n", (unsigned long long)*rows) < 0 ||
		   fflush(to) != 0))
		r = -errno;
	return r;
}

int store_export(struct store *st, FILE *to, uint64_t *ret_rows, struct store_fault *ret_fault)
{
	struct orm_session *s;
	uint64_t rows = 0;
	int r = store_reader(st, &s, ret_fault);

	if (r)
		return r;
	r = write_all(s, to, &rows, ret_fault);
	orm_session_close(s);
	if (!r && ret_rows)
		*ret_rows = rows;
	return r;
}
