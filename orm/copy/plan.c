/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tables are copied, and what the target needs for them. Tables that are missing there are
 * made without what is cheaper, or only possible, when the rows are there: indexes that are not
 * unique and, on PostgreSQL, foreign keys; copy_link() adds these. Tables that are there already
 * must be the same, and keep all they have.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/copy/copy.h>
#include <orm/schema/introspect.h>
#include <orm/schema/schema_ddl.h>
#include <orm/table/item.h>
#include <orm/table/sqltext.h>

/* ---- the source ---- */

static int add_note(struct copier *c, const char *note)
{
	struct orm_copy_report *report = c->report;
	char **more = realloc(report->notes, (report->note_count + 1) * sizeof(*more));

	if (more)
		report->notes = more;
	if (!more || !(more[report->note_count] = strdup(note)))
		return copy_fail(c, -ENOMEM, "no memory for the report");
	report->note_count++;
	return 0;
}

/* "table 'x': ..." of a table that could not be described at all is an error, others are told. */
static int take_notes(struct copier *c, const struct orm_schema *have)
{
	int r = 0;

	for (size_t i = 0; i < orm_schema_note_count(have) && !r; i++) {
		const char *note = orm_schema_note(have, i), *begin = strchr(note, '\'');
		const char *end = begin ? strchr(begin + 1, '\'') : NULL;
		char name[ORM_NAME_MAX + 1] = "";

		if (end && end - begin <= ORM_NAME_MAX)
			snprintf(name, sizeof(name), "%.*s", (int)(end - begin - 1), begin + 1);
		r = orm_schema_find(have, name) ? add_note(c, note)
						: copy_fail(c, ORM_E_SCHEMA, "%s", note);
	}
	return r;
}

static const char *note_of_column(const struct orm_schema *have, const char *table,
				  const char *column)
{
	char head[2 * ORM_NAME_MAX + 32];

	snprintf(head, sizeof(head), "table '%s': column '%.63s' ", table, column);
	for (size_t i = 0; i < orm_schema_note_count(have); i++)
		if (!strncmp(orm_schema_note(have, i), head, strlen(head)))
			return orm_schema_note(have, i);
	return "";
}

/* Every column that the database has is in the description, or nothing is copied. */
static int check_columns(struct copier *c, const struct orm_schema *have, const struct orm_table *t)
{
	own_result struct orm_result *result = NULL;
	char sql[ORM_NAME_MAX + 40];
	struct orm_query *q;
	int r;

	snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\" LIMIT 0", t->name);
	q = orm_raw(c->from, sql);
	r = copy_took(c, c->from, orm_fetch(c->from, q, NULL, &result));
	orm_query_free(q);
	for (unsigned i = 0; !r && i < orm_result_columns(result); i++) {
		const char *name = orm_result_name(result, i), *note;

		if (orm_table_find(t, name, strlen(name)) >= 0)
			continue;
		note = note_of_column(have, t->name, name);
		r = *note ? copy_fail(c, ORM_E_SCHEMA, "%s, and cannot be copied", note)
			  : copy_fail(c, ORM_E_SCHEMA,
				      "table '%s': column '%.63s' is in the source and not in the "
				      "lists",
				      t->name, name);
	}
	return r;
}

/* A table of the caller's lists: the source has its columns, of its types where it has types. */
static int check_declared(struct copier *c, const struct orm_schema *have,
			  const struct orm_table *t)
{
	const struct orm_table *other = orm_schema_find(have, t->name);

	if (!other)
		return copy_fail(c, ORM_E_SCHEMA, "table '%s' is not in the source", t->name);
	for (unsigned i = 0; i < t->count; i++) {
		const struct orm_column *x = &t->columns[i];
		int at = orm_table_find(other, x->name, strlen(x->name));

		if (at < 0)
			return copy_fail(c, ORM_E_SCHEMA,
					 "table '%s': column '%s' is not in the source", t->name,
					 x->name);
		if (orm_dialect(c->from_db) == ORM_POSTGRESQL && other->columns[at].type != x->type)
			return copy_fail(
				c, ORM_E_SCHEMA,
				"table '%s': column '%s' is %s in the source, %s is declared",
				t->name, x->name, orm_type_name(other->columns[at].type),
				orm_type_name(x->type));
	}
	return 0;
}

/* SHA-256 of all that makes the table what it is. */
static int make_layout(struct copier *c, struct copy_table *t)
{
	own_sqltext struct sqltext text = {0};
	struct copy_sum sum;
	int r;

	sqltext_addf(&text, "%s\n", t->t->name);
	for (unsigned i = 0; i < t->t->count; i++)
		sqltext_addf(&text, "%s %s %u\n", t->t->columns[i].name,
			     orm_type_name((enum orm_type)t->t->columns[i].type),
			     t->t->columns[i].flags);
	for (unsigned i = 0; i < t->t->key_count; i++)
		sqltext_addf(&text, "%u %s|%s|%s\n", t->t->keys[i].kind, t->t->keys[i].name,
			     t->t->keys[i].a, t->t->keys[i].b);
	r = text.fault ? text.fault : copy_sha256(&c->digester, text.text, text.len, &sum);
	if (r)
		return copy_fail(c, r, "no memory for the schema");
	copy_sum_emit(&sum, t->layout);
	return 0;
}

/* The table without indexes that are not unique and, for PostgreSQL, without foreign keys. */
static int make_bare(struct copier *c, struct copy_table *t)
{
	bool pg = orm_dialect(c->to_db) == ORM_POSTGRESQL;
	unsigned n = 0;

	t->bare_columns = calloc(t->t->count, sizeof(*t->bare_columns));
	t->bare_keys = calloc(t->t->key_count + 1U, sizeof(*t->bare_keys));
	if (!t->bare_columns || !t->bare_keys)
		return copy_fail(c, -ENOMEM, "no memory for the schema");
	for (unsigned i = 0; i < t->t->count; i++) {
		t->bare_columns[i] = t->t->columns[i];
		t->bare_columns[i].flags &= (uint16_t)~ORM_INDEX;
	}
	for (unsigned i = 0; i < t->t->key_count; i++) {
		const struct orm_key *key = &t->t->keys[i];

		if (key->kind != ORM_KEY_INDEX && !(pg && key->kind == ORM_KEY_FOREIGN))
			t->bare_keys[n++] = *key;
	}
	t->bare = *t->t;
	t->bare.columns = t->bare_columns;
	t->bare.keys = t->bare_keys;
	t->bare.key_count = (uint16_t)n;
	return 0;
}

static int make_table(struct copier *c, struct copy_table *t, const struct orm_table *table,
		      struct orm_copy_line *line)
{
	const char *unfit;

	*t = (struct copy_table){.t = table, .key = orm_primary_mask(table), .line = line};
	snprintf(line->table, sizeof(line->table), "%s", table->name);
	unfit = copy_key_unfit(table, t->key);
	if (unfit)
		return copy_fail(
			c, ORM_E_SCHEMA,
			"table '%s': column '%s' of its primary key cannot be sorted alike "
			"by both",
			table->name, unfit);
	if (!t->key && c->job->mode == ORM_COPY_ONLINE)
		return copy_fail(c, ORM_E_SCHEMA,
				 "table '%s' has no primary key: it can only be copied as a whole, "
				 "when nobody writes to the source (final)",
				 table->name);
	if (make_layout(c, t))
		return c->err.class;
	return make_bare(c, t);
}

static int make_tables(struct copier *c, const struct orm_schema *have)
{
	const struct orm_schema *want = c->job->schema ? c->job->schema : have;
	size_t n = orm_schema_count(want), count = 0;
	own_free const struct orm_table **list = calloc(n + 1, sizeof(*list));
	own_free const struct orm_table **order = calloc(n + 1, sizeof(*order));
	int r = 0;

	for (size_t i = 0; list && i < n; i++) {
		const struct orm_table *t = orm_schema_table(want, i);

		if (strcmp(t->name, "orm_copy") != 0 &&
		    (!c->job->table_count ||
		     look_wanted(t->name, c->job->tables, c->job->table_count)))
			list[count++] = t;
	}
	c->tables = calloc(count + 1, sizeof(*c->tables));
	c->report->lines = calloc(count + 1, sizeof(*c->report->lines));
	if (!list || !order || !c->tables || !c->report->lines || schema_order(list, count, order))
		return copy_fail(c, -ENOMEM, "no memory for the schema");
	for (size_t i = 0; i < count && !r; i++) {
		c->count = c->report->count = i + 1;
		r = check_declared(c, have, order[i]);
		if (!r)
			r = check_columns(c, have, order[i]);
		if (!r)
			r = make_table(c, &c->tables[i], order[i], &c->report->lines[i]);
		c->report->lines[i].state = copy_state_name(COPY_NEW);
	}
	return r;
}

static int check_wanted(struct copier *c)
{
	for (size_t i = 0; i < c->job->table_count; i++) {
		bool found = false;

		for (size_t k = 0; k < c->count && !found; k++)
			found = c->tables[k].t && !strcmp(c->tables[k].t->name, c->job->tables[i]);
		if (!found)
			return copy_fail(c, ORM_E_SCHEMA, "table '%.63s' is not in the source",
					 c->job->tables[i]);
	}
	return c->count ? 0 : copy_fail(c, ORM_E_SCHEMA, "the source has no tables");
}

int copy_plan(struct copier *c)
{
	int r = orm_schema_inspect(c->from, c->job->tables, c->job->table_count, &c->schema);

	if (r)
		return copy_took(c, c->from, r);
	r = take_notes(c, c->schema);
	if (!r)
		r = make_tables(c, c->schema);
	return r ? r : check_wanted(c);
}

void copy_plan_deinit(struct copier *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->tables[i].bare_columns);
		free(c->tables[i].bare_keys);
		free(c->tables[i].last_key.data);
	}
	free(c->tables);
	orm_schema_free(c->schema);
	c->tables = NULL;
	c->schema = NULL;
}
