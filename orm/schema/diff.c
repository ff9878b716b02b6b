/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diff. The order is the same in both directions: foreign keys and items that are in the way go,
 * tables go, tables that stay change, tables come, foreign keys come. The way back is the same
 * with the sides exchanged; it restores the form of what was dropped, not its data.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/schema/diff.h>

void diff_comment(struct diff *d, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sqltext_addf(&d->text, "-- %s\n", text);
}

void diff_destroys(struct diff *d, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sqltext_addf(&d->text, "-- destroys data: %s\n", text);
	d->destroys = true;
}

bool column_not_null(const struct orm_column *c)
{
	return c->flags & (ORM_NN | ORM_PK | ORM_AUTO);
}

/* Place of a number's type among those that hold it, or 0. */
static unsigned integer_rank(enum orm_type type)
{
	static const enum orm_type ranks[] = {ORM_T_SMALLINT, ORM_T_INTEGER, ORM_T_BIGINT,
					      ORM_T_NUMERIC};

	for (unsigned i = 0; i < ARRAY_LEN(ranks); i++)
		if (ranks[i] == type)
			return i + 1;
	return 0;
}

bool type_widens(enum orm_type from, enum orm_type to)
{
	static const struct {
		enum orm_type from, to;
	} wider[] = {
		{ORM_T_REAL, ORM_T_DOUBLE},	{ORM_T_SMALLINT, ORM_T_REAL},
		{ORM_T_SMALLINT, ORM_T_DOUBLE}, {ORM_T_INTEGER, ORM_T_DOUBLE},
		{ORM_T_CIDR, ORM_T_INET},	{ORM_T_NUMERIC, ORM_T_TEXT},
		{ORM_T_UUID, ORM_T_TEXT},	{ORM_T_INET, ORM_T_TEXT},
		{ORM_T_CIDR, ORM_T_TEXT},	{ORM_T_JSON, ORM_T_TEXT},
		{ORM_T_JSONB, ORM_T_JSON},	{ORM_T_JSONB, ORM_T_TEXT},
		{ORM_T_VECTOR, ORM_T_DOUBLES},
	};

	if (integer_rank(from) && integer_rank(to))
		return integer_rank(from) <= integer_rank(to);
	if (integer_rank(from) && to == ORM_T_TEXT)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(wider); i++)
		if (wider[i].from == from && wider[i].to == to)
			return true;
	return from == to;
}

bool item_is_in(const struct orm_table *x, const struct orm_item *item, const struct orm_table *y,
		const struct orm_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (orm_item_same(x, item, y, &items[i]))
			return true;
	return false;
}

/* The next column of the primary key from *at on, or NULL. */
static const char *next_primary(const struct orm_table *table, unsigned *at)
{
	while (*at < table->count) {
		const struct orm_column *c = &table->columns[(*at)++];

		if (c->flags & ORM_PK)
			return c->name;
	}
	return NULL;
}

bool same_primary(const struct pair *p)
{
	unsigned i = 0, k = 0;

	for (;;) {
		const char *x = next_primary(p->a, &i), *y = next_primary(p->b, &k);

		if (!x || !y)
			return x == y;
		if (strcmp(x, y) != 0)
			return false;
	}
}

void diff_not_renamed(struct diff *d, const struct pair *p)
{
	const char *gone = NULL, *come = NULL;

	for (unsigned i = 0; i < p->a->count && !gone; i++)
		if (orm_table_find(p->b, p->a->columns[i].name, strlen(p->a->columns[i].name)) < 0)
			gone = p->a->columns[i].name;
	for (unsigned i = 0; i < p->b->count && !come; i++)
		if (orm_table_find(p->a, p->b->columns[i].name, strlen(p->b->columns[i].name)) < 0)
			come = p->b->columns[i].name;
	if (gone && come)
		diff_comment(d,
			     "table '%s': '%s' goes and '%s' comes; if that is a rename, write "
			     "ALTER TABLE \"%s\" RENAME COLUMN \"%s\" TO \"%s\" instead",
			     p->a->name, gone, come, p->a->name, gone, come);
}

/* ---- the tables of both sides ---- */

static void pair_release(struct pair *p)
{
	free(p->ai);
	free(p->bi);
}

static int pair_open(const struct orm_table *a, const struct orm_table *b, struct pair *p)
{
	int r;

	*p = (struct pair){.a = a, .b = b};
	r = orm_items(a, &p->ai, &p->an);
	return r ? r : orm_items(b, &p->bi, &p->bn);
}

/* Tables of x that y does not have. */
static int lacking(const struct orm_schema *x, const struct orm_schema *y,
		   const struct orm_table ***ret_tables, size_t *ret_count)
{
	const struct orm_table **tables = calloc(x->count + 1, sizeof(*tables));
	size_t n = 0;

	if (!tables)
		return -ENOMEM;
	for (size_t i = 0; i < x->count; i++)
		if (!orm_schema_find(y, x->tables[i].t.name))
			tables[n++] = &x->tables[i].t;
	*ret_tables = tables;
	*ret_count = n;
	return 0;
}

/* Foreign keys of a table that goes: they may be in the way of another that goes. */
static int drop_foreign(struct diff *d, const struct orm_table *table)
{
	own_free struct orm_item *items = NULL;
	size_t n = 0;
	int r = orm_items(table, &items, &n);

	for (size_t i = 0; i < n && !r; i++)
		if (items[i].kind == ORM_KEY_FOREIGN && strcmp(items[i].target, table->name) != 0)
			ddl_drop_item(&d->text, table, &items[i], d->dialect);
	return r;
}

static int drop_tables(struct diff *d, const struct orm_table *const *tables, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r && d->dialect == ORM_POSTGRESQL; i++)
		r = drop_foreign(d, tables[i]);
	for (size_t i = 0; i < n && !r; i++) {
		diff_destroys(d, "all rows of table '%s'", tables[i]->name);
		sqltext_add(&d->text, "DROP TABLE ");
		sqltext_name(&d->text, tables[i]->name);
		sqltext_add(&d->text, ";\n");
		/* DROP TABLE deletes the rows first, and what refers to them would go too. */
		d->foreign_keys_off |= d->dialect == ORM_SQLITE;
	}
	return r;
}

/* One step for each table that both sides have. */
static int each_pair(struct diff *d, void (*step)(struct diff *d, const struct pair *p),
		     int (*step_may_fail)(struct diff *d, const struct pair *p))
{
	int r = 0;

	for (size_t i = 0; i < d->from->count && !r; i++) {
		const struct orm_table *a = &d->from->tables[i].t;
		const struct orm_table *b = orm_schema_find(d->to, a->name);
		struct pair p;

		if (!b)
			continue;
		r = pair_open(a, b, &p);
		if (!r && step)
			step(d, &p);
		else if (!r)
			r = step_may_fail(d, &p);
		pair_release(&p);
	}
	return r;
}

static int run(struct diff *d)
{
	own_free const struct orm_table **gone = NULL, **come = NULL;
	size_t gone_n = 0, come_n = 0;
	bool pg = d->dialect == ORM_POSTGRESQL;
	int r = lacking(d->from, d->to, &gone, &gone_n);

	if (!r)
		r = lacking(d->to, d->from, &come, &come_n);
	if (!r && gone_n && come_n)
		diff_comment(d,
			     "table '%s' goes and '%s' comes; if that is a rename, write ALTER "
			     "TABLE \"%s\" RENAME TO \"%s\" instead",
			     gone[0]->name, come[0]->name, gone[0]->name, come[0]->name);
	if (!r && pg)
		r = each_pair(d, diff_pg_before, NULL);
	if (!r)
		r = drop_tables(d, gone, gone_n);
	if (!r)
		r = pg ? each_pair(d, diff_pg_table, NULL) : each_pair(d, NULL, diff_sqlite_table);
	if (!r)
		r = schema_create_all(&d->text, come, come_n, d->dialect);
	if (!r && pg)
		r = each_pair(d, diff_pg_after, NULL);
	return r ? r : d->text.fault;
}

/* A schema that shares the tables of `all`, those aside that `other` does not have. */
static int only_shared(const struct orm_schema *all, const struct orm_schema *other,
		       struct orm_schema *to)
{
	*to = (struct orm_schema){.tables = calloc(all->count + 1, sizeof(*to->tables))};
	if (!to->tables)
		return -ENOMEM;
	for (size_t i = 0; i < all->count; i++)
		if (orm_schema_find(other, all->tables[i].t.name))
			to->tables[to->count++] = all->tables[i];
	return 0;
}

static int one_way(const struct orm_schema *from, const struct orm_schema *to,
		   enum orm_dialect dialect, char **ret_text, bool *ret_destroys, bool *ret_off,
		   struct orm_error *err)
{
	struct diff d = {.dialect = dialect, .from = from, .to = to, .err = err};
	int r = run(&d);

	if (!r)
		r = sqltext_take(&d.text, ret_text);
	free(d.text.text);
	*ret_destroys |= d.destroys;
	*ret_off |= d.foreign_keys_off;
	if (r && r != ORM_E_SCHEMA)
		return orm_fail(err, r, "no room for the statements of the change");
	return r;
}

int orm_schema_diff(const struct orm_schema *from, const struct orm_schema *to,
		    enum orm_dialect dialect, unsigned flags, struct orm_change *ret_change,
		    struct orm_error *ret_error)
{
	struct orm_schema shared = {0};
	struct orm_change change = {0};
	bool down_destroys = false;
	int r = 0;

	if (!(flags & ORM_DIFF_DROP_TABLES)) {
		if (only_shared(from, to, &shared))
			return orm_fail(ret_error, -ENOMEM, "no memory for the change");
		from = &shared;
	}
	r = one_way(from, to, dialect, &change.up, &change.destroys, &change.foreign_keys_off,
		    ret_error);
	if (!r)
		r = one_way(to, from, dialect, &change.down, &down_destroys,
			    &change.foreign_keys_off, ret_error);
	free(shared.tables);
	if (r) {
		orm_change_free(&change);
		return r;
	}
	*ret_change = change;
	return 0;
}

void orm_change_free(struct orm_change *change)
{
	free(change->up);
	free(change->down);
	*change = (struct orm_change){0};
}
