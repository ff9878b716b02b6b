/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DDL of several tables in an order that works: a table after those that its foreign keys name.
 * Tables that refer to each other in a ring are created all the same: on PostgreSQL the key that
 * closes the ring is added afterwards, SQLite takes a key to a table that is not there yet.
 */
#include <errno.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/schema/schema_ddl.h>

static bool names_table(const struct orm_table *table, const char *other)
{
	for (unsigned i = 0; i < table->key_count; i++)
		if (table->keys[i].kind == ORM_KEY_FOREIGN && !strcmp(table->keys[i].a, other))
			return true;
	return false;
}

/* Does it refer to a table of the list that has not been placed? */
static bool must_wait(const struct orm_table *const *tables, size_t n, const bool *placed, size_t i)
{
	for (size_t k = 0; k < n; k++)
		if (k != i && !placed[k] && names_table(tables[i], tables[k]->name))
			return true;
	return false;
}

int schema_order(const struct orm_table *const *tables, size_t n, const struct orm_table **to)
{
	own_free bool *placed = calloc(n + 1, sizeof(*placed));
	size_t count = 0;

	if (!placed)
		return -ENOMEM;
	while (count < n) {
		size_t next = n;

		for (size_t i = 0; i < n && next == n; i++)
			if (!placed[i] && !must_wait(tables, n, placed, i))
				next = i;
		/* A ring: break it at its first. */
		for (size_t i = 0; i < n && next == n; i++)
			if (!placed[i])
				next = i;
		placed[next] = true;
		to[count++] = tables[next];
	}
	return 0;
}

/* Is `name` one of the tables that come after `i`? */
static bool comes_later(const struct orm_table *const *order, size_t n, size_t i, const char *name)
{
	for (size_t k = i + 1; k < n; k++)
		if (!strcmp(order[k]->name, name))
			return true;
	return false;
}

static int create_one(struct sqltext *t, struct sqltext *after,
		      const struct orm_table *const *order, size_t n, size_t i,
		      enum orm_dialect dialect)
{
	own_free struct orm_item *items = NULL;
	own_free bool *later = NULL;
	size_t count = 0;
	int r = orm_items(order[i], &items, &count);

	if (r)
		return r;
	later = calloc(count + 1, sizeof(*later));
	if (!later)
		return -ENOMEM;
	for (size_t k = 0; k < count && dialect == ORM_POSTGRESQL; k++) {
		later[k] = items[k].kind == ORM_KEY_FOREIGN &&
			   comes_later(order, n, i, items[k].target);
		if (later[k])
			ddl_add_item(after, order[i], &items[k], dialect);
	}
	ddl_table(t, order[i], order[i]->name, items, count, later, dialect);
	ddl_after(t, order[i], items, count, dialect);
	return 0;
}

int schema_create_all(struct sqltext *t, const struct orm_table *const *tables, size_t n,
		      enum orm_dialect dialect)
{
	own_free const struct orm_table **order = calloc(n + 1, sizeof(*order));
	own_sqltext struct sqltext after = {0};
	int r = order ? schema_order(tables, n, order) : -ENOMEM;

	for (size_t i = 0; i < n && !r; i++)
		r = create_one(t, &after, order, n, i, dialect);
	if (after.len)
		sqltext_addn(t, after.text, after.len);
	if (!r)
		r = after.fault ? after.fault : t->fault; /* a cut script must not be run */
	return r;
}

int orm_schema_ddl(const struct orm_schema *schema, enum orm_dialect dialect, char **ret_sql,
		   struct orm_error *ret_error)
{
	own_free const struct orm_table **tables = calloc(schema->count + 1, sizeof(*tables));
	own_sqltext struct sqltext t = {0};
	int r = -ENOMEM;

	if (tables) {
		for (size_t i = 0; i < schema->count; i++)
			tables[i] = &schema->tables[i].t;
		r = schema_create_all(&t, tables, schema->count, dialect);
	}
	if (!r)
		r = sqltext_take(&t, ret_sql);
	return r ? orm_fail(ret_error, r, "no room for the statements of the schema") : 0;
}
