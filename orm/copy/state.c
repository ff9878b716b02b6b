/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table orm_copy: one row a table, written in the transaction that did what it says. A run puts
 * its name on the rows before it begins, and changes only rows that still have it: of two runs at
 * once the one that began first fails at its next batch, with nothing of that batch done.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <strazh/base/own.h>
#include <strazh/orm/batch.h>

#include <orm/copy/copy.h>
#include <orm/schema/introspect.h>

static const char *const names[] = {
	[COPY_NEW] = "new",
	[COPY_COPYING] = "copying",
	[COPY_COPIED] = "copied",
	[COPY_CAUGHT_UP] = "caught up",
	[COPY_EQUAL] = "equal",
	[COPY_PROVED] = "proved",
	[COPY_DIFFERENT] = "different",
	[COPY_UNDONE] = "undone",
	[COPY_KEPT] = "kept",
};

const char *copy_state_name(enum copy_state state)
{
	return names[state];
}

enum copy_state copy_state_find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(names[i], name))
			return i;
	return COPY_NEW;
}

int copy_state_open(struct copier *c)
{
	const struct orm_table *const tables[] = {T(orm_copy)};

	return copy_took(c, c->to, orm_schema_create(c->to, tables, 1));
}

int copy_state_rows(struct copier *c, struct orm_result **ret_result)
{
	static const char *const name[] = {"orm_copy"};
	own_schema struct orm_schema *have = NULL;
	struct orm_query *q;
	int r = orm_schema_inspect(c->seen, name, 1, &have);

	*ret_result = NULL;
	if (r || !orm_schema_count(have))
		return copy_took(c, c->seen, r);
	q = orm_select(c->seen, T(orm_copy));
	orm_order_by(q, orm_asc(C(orm_copy, name)));
	r = orm_fetch(c->seen, q, T(orm_copy), ret_result);
	orm_query_free(q);
	return copy_took(c, c->seen, r);
}

static int take_row(struct copier *c, struct copy_table *t, const struct orm_copy *row)
{
	t->known = true;
	t->created = row->created;
	t->linked = row->linked;
	/* Comparing with any database is fine. */
	if (c->job->mode == ORM_COPY_VERIFY)
		return 0;
	if (strcmp(row->source, c->source) != 0)
		return copy_fail(c, ORM_E_SCHEMA,
				 "table '%s' of the target is from another source; undo that copy "
				 "first",
				 row->name);
	if (strcmp(row->layout, t->layout) != 0)
		return copy_fail(c, ORM_E_SCHEMA,
				 "table '%s' of the source is not what it was when its copy was "
				 "begun; undo the copy first",
				 row->name);
	if (!copy_sum_parse(row->digest, &t->digest))
		return copy_fail(c, ORM_E_SCHEMA, "table '%s': its sum in orm_copy is damaged",
				 row->name);
	t->state = copy_state_find(row->state);
	t->pass = row->pass;
	t->rows = (uint64_t)row->row_count;
	t->bytes = (uint64_t)row->byte_count;
	t->took_ms = (uint64_t)row->took_ms;
	c->resumed = true;
	if (row->last_key.data &&
	    copy_buffer_add(&t->last_key, row->last_key.data, row->last_key.len))
		return copy_fail(c, -ENOMEM, "no memory for a key");
	return 0;
}

int copy_state_read(struct copier *c)
{
	own_result struct orm_result *result = NULL;
	const struct orm_copy *rows;
	int r = copy_state_rows(c, &result);

	if (r || !result)
		return r;
	rows = orm_result_rows(result);
	for (size_t i = 0; i < orm_result_count(result) && !r; i++)
		for (size_t k = 0; k < c->count && !r; k++)
			if (!strcmp(rows[i].name, c->tables[k].t->name))
				r = take_row(c, &c->tables[k], &rows[i]);
	return r;
}

/* Texts are borrowed from the copier, the table, and `digest`. */
static struct orm_copy make_row(const struct copier *c, const struct copy_table *t, char digest[65])
{
	copy_sum_emit(&t->digest, digest);
	return (struct orm_copy){
		.name = t->t->name,
		.source = c->source,
		.layout = t->layout,
		.created = t->created,
		.linked = t->linked,
		.state = copy_state_name(t->state),
		.pass = t->pass,
		.orm_null = t->last_key.len ? 0 : ORM_BIT(orm_copy, last_key),
		.last_key = {t->last_key.len ? t->last_key.data : NULL, t->last_key.len},
		.row_count = (int64_t)t->rows,
		.byte_count = (int64_t)t->bytes,
		.took_ms = (int64_t)t->took_ms,
		.digest = digest,
		.run = c->run,
		.changed_ms = copy_now_ms(),
	};
}

int copy_state_claim(struct copier *c, struct copy_table *t)
{
	char digest[65];
	struct orm_copy row = make_row(c, t, digest);
	struct orm_batch batch = {.table = T(orm_copy),
				  .rows = &row,
				  .count = 1,
				  .conflict = "name",
				  .update = (1ULL << T(orm_copy)->count) - 2};

	t->known = true;
	return copy_took(c, c->to, orm_insert_batch(c->to, &batch, NULL));
}

int copy_state_save(struct copier *c, struct copy_table *t)
{
	char digest[65];
	struct orm_copy row = make_row(c, t, digest);
	struct orm_query *q = orm_update(c->to, T(orm_copy));
	uint64_t changed = 0;
	int r;

	for (unsigned i = 1; i < T(orm_copy)->count; i++) {
		struct orm_expr column = {
			.op = ORM_OP_COLUMN, .column = (uint16_t)i, .of = T(orm_copy)};

		orm_set_expr(q, column, orm_expr_value_(orm_row_get(T(orm_copy), i, &row)));
	}
	orm_where(q,
		  orm_and(orm_eq(C(orm_copy, name), row.name), orm_eq(C(orm_copy, run), c->run)));
	r = orm_exec(c->to, q, &changed);
	orm_query_free(q);
	if (r || changed == 1)
		return copy_took(c, c->to, r);
	return copy_fail(c, ORM_E_STATE, "another run of this copy has taken over");
}

int copy_state_report(struct copier *c)
{
	own_result struct orm_result *result = NULL;
	const struct orm_copy *rows;
	size_t n;
	int r = copy_state_rows(c, &result);

	if (r || !result)
		return r;
	rows = orm_result_rows(result);
	n = orm_result_count(result);
	c->report->lines = calloc(n + 1, sizeof(*c->report->lines));
	if (!c->report->lines)
		return copy_fail(c, -ENOMEM, "no memory for the report");
	for (size_t i = 0; i < n; i++) {
		struct orm_copy_line *l = &c->report->lines[i];

		snprintf(l->table, sizeof(l->table), "%s", rows[i].name);
		snprintf(l->target_sum, sizeof(l->target_sum), "%s", rows[i].digest);
		l->state = copy_state_name(copy_state_find(rows[i].state));
		l->created = rows[i].created;
		l->pass = (unsigned)rows[i].pass;
		l->rows = (uint64_t)rows[i].row_count;
		l->bytes = (uint64_t)rows[i].byte_count;
		l->took_ms = (uint64_t)rows[i].took_ms;
	}
	c->report->count = n;
	c->report->done = true;
	return 0;
}
