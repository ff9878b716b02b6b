/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of a table on SQLite. Indexes come and go, and plain columns are added, in place; all
 * else builds the table anew (https://sqlite.org/lang_altertable.html, section 7): foreign keys are
 * off (the runner does that, outside the transaction, and runs foreign_key_check before it
 * commits), create under another name, copy, drop, rename, indexes and triggers again.
 */
#include <string.h>

#include <orm/base/fault.h>
#include <orm/schema/diff.h>

#define NEW_TABLE "orm_new_table"

/* ---- what has to be done ---- */

static const struct schema_table *find_whole(const struct orm_schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->count; i++)
		if (!strcmp(schema->tables[i].t.name, name))
			return &schema->tables[i];
	return NULL;
}

static bool same_column(const struct pair *p, unsigned ai, unsigned bi)
{
	const struct orm_column *a = &p->a->columns[ai], *b = &p->b->columns[bi];

	return a->type == b->type && column_not_null(a) == column_not_null(b) &&
	       (a->flags & ORM_AUTO) == (b->flags & ORM_AUTO) &&
	       orm_default_same(orm_default_of(p->a, ai), orm_default_of(p->b, bi));
}

/* ALTER TABLE ADD COLUMN takes a default that is a constant. */
static bool is_constant(const char *text)
{
	if (!strcmp(text, "true") || !strcmp(text, "false") || !strcmp(text, "NULL"))
		return true;
	if (*text == '\'') {
		const char *end = strrchr(text, '\'');

		return end > text && !end[1] && !memchr(text + 1, '\'', (size_t)(end - text) - 1);
	}
	text += *text == '-';
	return *text && !text[strspn(text, "0123456789.")];
}

/* Can the column be added in place? It goes to the end; nobody minds the order. */
static bool adds_plainly(const struct orm_table *table, unsigned column)
{
	const struct orm_column *c = &table->columns[column];
	const char *text = orm_default_of(table, column);

	if (c->flags & (ORM_PK | ORM_AUTO) || (text && !is_constant(text)))
		return false;
	return !column_not_null(c) || text;
}

static bool in_place(const struct orm_item *item)
{
	return item->kind == ORM_KEY_INDEX || item->kind == ORM_KEY_UNIQUE;
}

static bool must_build_anew(const struct diff *d, const struct pair *p)
{
	const struct schema_table *whole = find_whole(d->from, p->a->name);
	bool inner = whole && whole->inner_unique;

	for (unsigned i = 0; i < p->a->count; i++) {
		const char *name = p->a->columns[i].name;
		int at = orm_table_find(p->b, name, strlen(name));

		if (at < 0 || !same_column(p, i, (unsigned)at))
			return true;
	}
	for (unsigned i = 0; i < p->b->count; i++) {
		const char *name = p->b->columns[i].name;

		if (orm_table_find(p->a, name, strlen(name)) < 0 && !adds_plainly(p->b, i))
			return true;
	}
	for (size_t i = 0; i < p->an; i++)
		if ((!in_place(&p->ai[i]) || (inner && p->ai[i].kind == ORM_KEY_UNIQUE)) &&
		    !item_is_in(p->a, &p->ai[i], p->b, p->bi, p->bn))
			return true;
	for (size_t i = 0; i < p->bn; i++)
		if (!in_place(&p->bi[i]) && !item_is_in(p->b, &p->bi[i], p->a, p->ai, p->an))
			return true;
	return !same_primary(p);
}

/* ---- in place ---- */

static void change_in_place(struct diff *d, const struct pair *p)
{
	for (size_t i = 0; i < p->an; i++)
		if (!item_is_in(p->a, &p->ai[i], p->b, p->bi, p->bn))
			ddl_drop_item(&d->text, p->a, &p->ai[i], ORM_SQLITE);
	for (unsigned i = 0; i < p->b->count; i++) {
		const char *name = p->b->columns[i].name;

		if (orm_table_find(p->a, name, strlen(name)) >= 0)
			continue;
		sqltext_add(&d->text, "ALTER TABLE ");
		sqltext_name(&d->text, p->b->name);
		sqltext_add(&d->text, " ADD COLUMN ");
		ddl_column(&d->text, p->b, i, ORM_SQLITE);
		sqltext_add(&d->text, ";\n");
	}
	for (size_t i = 0; i < p->bn; i++)
		if (!item_is_in(p->b, &p->bi[i], p->a, p->ai, p->an))
			ddl_add_item(&d->text, p->b, &p->bi[i], ORM_SQLITE);
}

/* ---- anew ---- */

static void say_losses(struct diff *d, const struct pair *p)
{
	for (unsigned i = 0; i < p->a->count; i++) {
		const struct orm_column *a = &p->a->columns[i];
		int at = orm_table_find(p->b, a->name, strlen(a->name));

		if (at < 0)
			diff_destroys(d, "column '%s.%s'", p->a->name, a->name);
		else if (!type_widens(a->type, p->b->columns[at].type))
			diff_destroys(d, "'%s.%s' from %s to %s: what does not fit fails",
				      p->a->name, a->name, orm_type_name(a->type),
				      orm_type_name(p->b->columns[at].type));
	}
	for (unsigned i = 0; i < p->b->count; i++) {
		const struct orm_column *b = &p->b->columns[i];
		int at = orm_table_find(p->a, b->name, strlen(b->name));

		if (!column_not_null(b) || b->flags & ORM_AUTO || orm_default_of(p->b, i))
			continue;
		if (at < 0)
			diff_comment(d,
				     "fails when '%s' has rows: '%s' may not be NULL and has no "
				     "default",
				     p->b->name, b->name);
		else if (!column_not_null(&p->a->columns[at]))
			diff_comment(d, "fails while '%s.%s' is NULL in any row", p->b->name,
				     b->name);
	}
}

static bool shares_columns(const struct pair *p)
{
	for (unsigned i = 0; i < p->b->count; i++) {
		const char *name = p->b->columns[i].name;

		if (orm_table_find(p->a, name, strlen(name)) >= 0)
			return true;
	}
	return false;
}

/* The columns that both have, as they are, or with the default where NULL is no more allowed. */
static void copy_rows(struct diff *d, const struct pair *p)
{
	const char *comma = "";

	if (!shares_columns(p))
		return;
	sqltext_add(&d->text, "INSERT INTO \"" NEW_TABLE "\" (");
	for (unsigned i = 0; i < p->b->count; i++) {
		const char *name = p->b->columns[i].name;

		if (orm_table_find(p->a, name, strlen(name)) < 0)
			continue;
		sqltext_addf(&d->text, "%s\"%s\"", comma, name);
		comma = ", ";
	}
	sqltext_add(&d->text, ")\n\tSELECT ");
	comma = "";
	for (unsigned i = 0; i < p->b->count; i++) {
		const struct orm_column *b = &p->b->columns[i];
		int at = orm_table_find(p->a, b->name, strlen(b->name));
		const char *text = orm_default_of(p->b, i);

		if (at < 0)
			continue;
		sqltext_add(&d->text, comma);
		comma = ", ";
		if (text && column_not_null(b) && !column_not_null(&p->a->columns[at])) {
			sqltext_addf(&d->text, "coalesce(\"%s\", ", b->name);
			ddl_default(&d->text, text, ORM_SQLITE);
			sqltext_add(&d->text, ")");
		} else {
			sqltext_name(&d->text, b->name);
		}
	}
	sqltext_addf(&d->text, " FROM \"%s\";\n", p->a->name);
}

/* Whichever side comes from a live database knows what no list can say. */
static int find_extra(struct diff *d, const char *name, const char **ret_extra)
{
	const struct schema_table *sides[] = {find_whole(d->from, name), find_whole(d->to, name)};

	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		if (!sides[i])
			continue;
		if (sides[i]->odd)
			return orm_fail(d->err, ORM_E_SCHEMA,
					"table '%s' cannot be built anew, as this change needs: %s",
					name, sides[i]->odd);
		if (sides[i]->extra)
			*ret_extra = sides[i]->extra;
	}
	return 0;
}

static int build_anew(struct diff *d, const struct pair *p)
{
	const char *extra = NULL;
	int r = find_extra(d, p->b->name, &extra);

	if (r)
		return r;
	diff_not_renamed(d, p);
	say_losses(d, p);
	ddl_table(&d->text, p->b, NEW_TABLE, p->bi, p->bn, NULL, ORM_SQLITE);
	copy_rows(d, p);
	sqltext_addf(&d->text, "DROP TABLE \"%s\";\n", p->a->name);
	/* Without it a view of the table, which is away now, would fail the rename. */
	sqltext_add(&d->text, "PRAGMA legacy_alter_table = ON;\n");
	sqltext_addf(&d->text, "ALTER TABLE \"" NEW_TABLE "\" RENAME TO \"%s\";\n", p->b->name);
	sqltext_add(&d->text, "PRAGMA legacy_alter_table = OFF;\n");
	ddl_after(&d->text, p->b, p->bi, p->bn, ORM_SQLITE);
	if (extra)
		sqltext_add(&d->text, extra);
	d->foreign_keys_off = true;
	return 0;
}

int diff_sqlite_table(struct diff *d, const struct pair *p)
{
	if (must_build_anew(d, p))
		return build_anew(d, p);
	change_in_place(d, p);
	return 0;
}
