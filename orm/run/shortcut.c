/* SPDX-License-Identifier: Apache-2.0 */
#include <strazh/orm/shortcut.h>

#include <orm/run/session.h>
#include <orm/table/constraint.h>
#include <orm/table/item.h>

/* The key's columns; 0: the call is refused, as *ret_class says. */
static uint64_t key_of(struct orm_session *s, const struct orm_table *table, const void *row,
		       int *ret_class)
{
	uint64_t key;

	*ret_class = orm_table_check(table, &s->error);
	if (*ret_class)
		return 0;
	key = orm_primary_mask(table);
	if (!key)
		*ret_class = session_fail(s, ORM_E_QUERY, "table '%s' has no primary key",
					  table->name);
	for (unsigned i = 0; i < table->count && !*ret_class; i++)
		if (key >> i & 1 && orm_row_get(table, i, row).kind == ORM_K_NULL)
			*ret_class = session_fail(s, ORM_E_VALUE, "%s.%s of the key is NULL",
						  table->name, table->columns[i].name);
	return *ret_class ? 0 : key;
}

static void where_key(struct orm_query *q, const struct orm_table *table, const void *row,
		      uint64_t key)
{
	for (unsigned i = 0; i < table->count; i++)
		if (key >> i & 1)
			orm_where(q, orm_eq(query_column(table, i), orm_row_get(table, i, row)));
}

/* Run and freed; ORM_E_END when it changed nothing. */
static int change(struct orm_session *s, struct orm_query *q)
{
	uint64_t changed = 0;
	int r = orm_exec(s, q, &changed);

	orm_query_free(q);
	return r || changed ? r : session_fail(s, ORM_E_END, "there is no row with this key");
}

int orm_get(struct orm_session *s, const struct orm_table *table, const void *key, void *ret_row)
{
	int r;
	uint64_t columns = key_of(s, table, key, &r);
	struct orm_query *q;

	if (r)
		return r;
	q = orm_select(s, table);
	where_key(q, table, key, columns);
	r = orm_first(s, q, table, ret_row);
	orm_query_free(q);
	return r;
}

static int auto_column(const struct orm_table *table)
{
	for (unsigned i = 0; i < table->count; i++)
		if (table->columns[i].flags & ORM_AUTO)
			return (int)i;
	return -1;
}

int orm_insert_row(struct orm_session *s, const struct orm_table *table, const void *row,
		   int64_t *ret_id)
{
	int column = auto_column(table), r;
	struct orm_value id;
	struct orm_query *q;

	if (ret_id && column < 0)
		return session_fail(s, ORM_E_QUERY, "table '%s' has no AUTO column", table->name);
	q = orm_insert(s, table);
	orm_row(q, row);
	if (ret_id)
		orm_returning(q, query_column(table, (unsigned)column));
	r = ret_id ? orm_value(s, q, &id) : orm_exec(s, q, NULL);
	orm_query_free(q);
	if (!r && ret_id)
		*ret_id = id.i;
	return r;
}

int orm_put(struct orm_session *s, const struct orm_table *table, const void *row)
{
	int r;
	uint64_t key = key_of(s, table, row, &r);
	struct orm_query *q;

	if (r)
		return r;
	q = orm_insert(s, table);
	orm_row(q, row);
	query_conflict(q, table, key, table_all(table) & ~key);
	r = orm_exec(s, q, NULL);
	orm_query_free(q);
	return r;
}

int orm_update_row(struct orm_session *s, const struct orm_table *table, const void *row,
		   uint64_t mask)
{
	int r;
	uint64_t key = key_of(s, table, row, &r);
	struct orm_query *q;

	if (r)
		return r;
	mask = (mask ? mask : table_all(table)) & table_all(table) & ~key;
	if (!mask)
		return session_fail(s, ORM_E_QUERY, "no column of '%s' is set", table->name);
	q = orm_update(s, table);
	for (unsigned i = 0; i < table->count; i++)
		if (mask >> i & 1)
			orm_set(q, query_column(table, i), orm_row_get(table, i, row));
	where_key(q, table, row, key);
	return change(s, q);
}

int orm_delete_row(struct orm_session *s, const struct orm_table *table, const void *key)
{
	int r;
	uint64_t columns = key_of(s, table, key, &r);
	struct orm_query *q;

	if (r)
		return r;
	q = orm_delete(s, table);
	where_key(q, table, key, columns);
	return change(s, q);
}

int orm_count_rows(struct orm_session *s, const struct orm_query *q, uint64_t *ret_count)
{
	struct orm_query *count = orm_select_query(s, q, "counted");
	struct orm_value n;
	int r;

	orm_columns(count, orm_count_all());
	r = orm_value(s, count, &n);
	orm_query_free(count);
	if (!r)
		*ret_count = (uint64_t)n.i;
	return r;
}
