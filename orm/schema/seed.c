/* SPDX-License-Identifier: Apache-2.0 */
/* Seeds: an upsert a row, through the builders; then PostgreSQL is told which numbers are used. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <strazh/base/own.h>
#include <strazh/orm/seed.h>

#include <orm/base/fault.h>
#include <orm/run/session.h>
#include <orm/schema/schema_ddl.h>
#include <orm/table/constraint.h>
#include <orm/table/item.h>
#include <orm/table/json.h>

/* The columns by which a row of these columns is known; 0: there is no such key. */
static uint64_t key_of(const struct orm_table *table, uint64_t mask)
{
	uint64_t primary = orm_primary_mask(table);

	if (primary && !(primary & ~mask))
		return primary;
	for (unsigned i = 0; i < table->count; i++)
		if (table->columns[i].flags & ORM_UNIQUE && mask >> i & 1)
			return 1ULL << i;
	for (unsigned i = 0; i < table->key_count; i++) {
		uint64_t key = 0;

		if (table->keys[i].kind == ORM_KEY_UNIQUE)
			key = orm_names_mask(table, table->keys[i].a);
		if (key && !(key & ~mask))
			return key;
	}
	return 0;
}

/* An AUTO column that is 0 is the database's to fill: it is no key. */
static uint64_t without_auto_zero(const struct orm_table *table, const void *row, uint64_t mask)
{
	for (unsigned i = 0; i < table->count; i++) {
		struct orm_value v = orm_row_get(table, i, row);

		if (table->columns[i].flags & ORM_AUTO && (v.kind == ORM_K_NULL || !v.i))
			mask &= ~(1ULL << i);
	}
	return mask;
}

static int seed_row(struct orm_session *s, const struct orm_table *table, const void *row,
		    uint64_t mask)
{
	struct orm_query *q;
	uint64_t key;
	int r;

	mask = without_auto_zero(table, row, mask);
	key = key_of(table, mask);
	if (!key)
		return session_fail(s, ORM_E_QUERY,
				    "table '%s': the row has neither its primary key nor a UNIQUE",
				    table->name);
	q = orm_insert(s, table);
	orm_row_masked(q, row, mask);
	query_conflict(q, table, key, mask & ~key & table_all(table));
	r = orm_exec(s, q, NULL);
	orm_query_free(q);
	return r;
}

/* PostgreSQL's own numbers go on behind those that were given. */
static int move_numbers(struct orm_session *s, const struct orm_table *table)
{
	own_sqltext struct sqltext sql = {0};
	struct orm_query *q;
	struct orm_value v;
	unsigned i = 0;
	int r;

	while (i < table->count && !(table->columns[i].flags & ORM_AUTO))
		i++;
	if (i == table->count || orm_dialect(s->db) != ORM_POSTGRESQL)
		return 0;
	sqltext_addf(&sql,
		     "SELECT setval(q.s, greatest(max(t.\"%s\"), pg_sequence_last_value(q.s))) "
		     "FROM \"%s\" t, (SELECT pg_get_serial_sequence('\"%s\"', '%s')::regclass s) q "
		     "GROUP BY q.s",
		     table->columns[i].name, table->name, table->name, table->columns[i].name);
	if (sql.fault)
		return session_fail(s, sql.fault, "no room for a statement");
	q = orm_raw(s, sql.text);
	r = orm_value(s, q, &v);
	orm_query_free(q);
	return r == ORM_E_END ? 0 : r; /* an empty table */
}

/* One transaction: the caller's, or ours, which *ret_mine says. */
static int enter(struct orm_session *s, bool *ret_mine)
{
	*ret_mine = !orm_in_transaction(s);
	return *ret_mine ? orm_begin(s, NULL) : 0;
}

static int leave(struct orm_session *s, bool mine, int r)
{
	struct orm_error kept;

	if (!mine)
		return r;
	if (!r)
		return orm_commit(s);
	kept = s->error;
	orm_rollback(s);
	s->error = kept;
	return r;
}

int orm_seed_rows(struct orm_session *s, const struct orm_table *table, const void *rows,
		  size_t count, uint64_t mask)
{
	bool mine = false;
	int r = orm_table_check(table, &s->error);

	if (!mask)
		mask = table_written(table);
	if (!r)
		r = enter(s, &mine);
	for (size_t i = 0; i < count && !r; i++) {
		r = seed_row(s, table, (const char *)rows + i * table->size, mask);
		if (r)
			s->error.row = i;
	}
	if (!r)
		r = move_numbers(s, table);
	return leave(s, mine, r);
}

/* ---- JSON ---- */

static int seed_list(struct orm_session *s, const struct orm_table *table, const json_t *list)
{
	own_free char *text = NULL;
	struct orm_json *json = NULL;
	int r = orm_json_dump(list, JSON_COMPACT, &text);

	if (r)
		return session_fail(s, r, "no memory for JSON");
	r = orm_json_read(table, text, strlen(text), ORM_MASK_ALL, 0, &json, &s->error);
	for (size_t i = 0; !r && i < orm_json_count(json); i++) {
		const char *row = (const char *)orm_json_structs(json) + i * table->size;

		r = seed_row(s, table, row, orm_json_given(json, i));
		if (r)
			s->error.row = i;
	}
	orm_json_free(json);
	return r ? r : move_numbers(s, table);
}

/* Every member is one of the tables, and a list. */
static int check_members(struct orm_session *s, const struct orm_table *const *tables, size_t n,
			 json_t *document)
{
	const char *name;
	json_t *list;

	if (!json_is_object(document))
		return session_fail(s, ORM_E_VALUE, "seeds are an object: {\"table\": [...]}");
	json_object_foreach(document, name, list)
	{
		size_t i = 0;

		while (i < n && strcmp(tables[i]->name, name) != 0)
			i++;
		if (i == n)
			return session_fail(s, ORM_E_VALUE, "there is no table '%.63s' to seed",
					    name);
		if (!json_is_array(list))
			return session_fail(s, ORM_E_VALUE, "the seeds of '%s' should be an array",
					    name);
	}
	return 0;
}

static int seed_all(struct orm_session *s, const struct orm_table *const *order, size_t n,
		    const json_t *document)
{
	bool mine = false;
	int r = enter(s, &mine);

	for (size_t i = 0; i < n && !r; i++) {
		const json_t *list = json_object_get(document, order[i]->name);

		if (list)
			r = seed_list(s, order[i], list);
	}
	return leave(s, mine, r);
}

int orm_seed_json(struct orm_session *s, const struct orm_table *const *tables, size_t n,
		  const char *text, size_t len)
{
	own_free const struct orm_table **order = calloc(n + 1, sizeof(*order));
	own_json json_t *document = NULL;
	int r = 0;

	if (!order)
		return session_fail(s, -ENOMEM, "no memory for seeds");
	for (size_t i = 0; i < n && !r; i++)
		r = orm_table_check(tables[i], &s->error);
	if (!r)
		r = orm_json_parse(text, len, &document, &s->error);
	if (!r)
		r = check_members(s, tables, n, document);
	if (r)
		return r;
	if (schema_order(tables, n, order))
		return session_fail(s, -ENOMEM, "no memory for seeds");
	return seed_all(s, order, n, document);
}
