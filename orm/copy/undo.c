/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undoing a copy: the tables that it created are dropped, in one transaction which first keeps all
 * others out and sees that each still has what the copy put there (the sum in orm_copy follows
 * every batch). Tables that were there before are left as they are.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/copy/copy.h>
#include <orm/schema/introspect.h>
#include <orm/schema/schema_ddl.h>
#include <orm/table/item.h>

struct undo {
	struct copier *c;
	struct orm_result *rows;
	struct orm_schema *have;
	const struct orm_table **drop; /* in an order that works */
	size_t count;
};

static int script(struct copier *c, const char *sql)
{
	struct orm_session *s = c->to;

	return copy_took(c, s, s->db->driver->script(s->lane.conn, sql, &s->error));
}

/* A statement before and after the names of all tables; SQLite takes one at a time. */
static int on_tables(struct undo *u, const char *before, const char *after)
{
	bool pg = orm_dialect(u->c->to_db) == ORM_POSTGRESQL;
	own_sqltext struct sqltext sql = {0};

	for (size_t i = 0; i < u->count; i++) {
		sqltext_add(&sql, pg && i ? ", " : before);
		sqltext_name(&sql, u->drop[i]->name);
		if (!pg)
			sqltext_add(&sql, ";\n");
	}
	sqltext_add(&sql, after);
	if (sql.fault)
		return copy_fail(u->c, sql.fault, "no room for a statement");
	return script(u->c, sql.text);
}

static int check_sum(struct undo *u, const struct orm_copy *row, struct orm_copy_line *l)
{
	const struct orm_table *t = orm_schema_find(u->have, row->name);
	struct copy_table table = {.t = t, .line = l};
	struct copy_scan scan;
	int r;

	r = copy_scan_open(&scan, u->c, u->c->to, &table, NULL);
	if (!r)
		r = copy_scan_next(&scan);
	while (!r && scan.row)
		r = copy_scan_next(&scan);
	copy_scan_close(&scan);
	if (r)
		return r;
	l->rows = scan.rows;
	l->bytes = scan.bytes;
	copy_sum_emit(&scan.sum, l->target_sum);
	if (strcmp(l->target_sum, row->digest) != 0 && !u->c->job->force)
		return copy_fail(
			u->c, ORM_E_STATE,
			"table '%s': somebody has written to it since it was copied; force "
			"the undoing to drop it all the same",
			row->name);
	return 0;
}

static bool is_wanted(const struct undo *u, const struct orm_copy *row)
{
	const struct orm_copy_job *job = u->c->job;

	return !job->table_count || look_wanted(row->name, job->tables, job->table_count);
}

/* Which are dropped. A table that somebody has dropped is undone already. */
static int choose(struct undo *u)
{
	const struct orm_copy *rows = orm_result_rows(u->rows);
	size_t n = orm_result_count(u->rows), count = 0;
	own_free const struct orm_table **list = calloc(n + 1, sizeof(*list));

	u->drop = calloc(n + 1, sizeof(*u->drop));
	u->c->report->lines = calloc(n + 1, sizeof(*u->c->report->lines));
	if (!list || !u->drop || !u->c->report->lines)
		return copy_fail(u->c, -ENOMEM, "no memory for the schema");
	for (size_t i = 0; i < n; i++) {
		const struct orm_table *t = orm_schema_find(u->have, rows[i].name);

		if (t && rows[i].created && is_wanted(u, &rows[i]))
			list[count++] = t;
	}
	if (schema_order(list, count, u->drop))
		return copy_fail(u->c, -ENOMEM, "no memory for the schema");
	/* Those that refer to others go first. */
	for (size_t i = 0; i < count / 2; i++) {
		const struct orm_table *t = u->drop[i];

		u->drop[i] = u->drop[count - 1 - i];
		u->drop[count - 1 - i] = t;
	}
	u->count = count;
	return 0;
}

static int check_all(struct undo *u)
{
	const struct orm_copy *rows = orm_result_rows(u->rows);
	struct orm_copy_report *report = u->c->report;
	int r = 0;

	for (size_t i = 0; i < orm_result_count(u->rows) && !r; i++) {
		struct orm_copy_line *l = &report->lines[report->count];

		if (!is_wanted(u, &rows[i]))
			continue;
		report->count++;
		snprintf(l->table, sizeof(l->table), "%s", rows[i].name);
		l->created = rows[i].created;
		l->state = copy_state_name(l->created ? COPY_UNDONE : COPY_KEPT);
		if (l->created && orm_schema_find(u->have, rows[i].name))
			r = check_sum(u, &rows[i], l);
	}
	return r;
}

static int forget(struct undo *u)
{
	const struct orm_copy *rows = orm_result_rows(u->rows);
	struct orm_session *to = u->c->to;
	struct orm_query *q;
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < orm_result_count(u->rows) && !r; i++) {
		if (!is_wanted(u, &rows[i])) {
			kept++;
			continue;
		}
		q = orm_delete(to, T(orm_copy));
		orm_where(q, orm_eq(C(orm_copy, name), rows[i].name));
		r = copy_took(u->c, to, orm_exec(to, q, NULL));
		orm_query_free(q);
	}
	return r || kept ? r : script(u->c, "DROP TABLE \"orm_copy\"");
}

static int undo_all(struct undo *u)
{
	bool pg = orm_dialect(u->c->to_db) == ORM_POSTGRESQL;
	struct orm_session *to = u->c->to;
	int r;

	orm_session_promise(to, ORM_DURABLE);
	r = copy_took(u->c, to, orm_begin(to, NULL));
	if (!r && pg && u->count)
		r = on_tables(u, "LOCK TABLE ", " IN ACCESS EXCLUSIVE MODE");
	if (!r)
		r = check_all(u);
	if (!r && u->count)
		r = on_tables(u, "DROP TABLE ", "");
	if (!r)
		r = forget(u);
	if (!r)
		r = copy_took(u->c, to, orm_commit(to));
	if (r)
		orm_rollback(to);
	return r;
}

int copy_undo(struct copier *c)
{
	own_result struct orm_result *rows = NULL;
	struct undo u = {.c = c};
	int r = copy_state_rows(c, &rows);

	if (!r && !rows)
		return copy_fail(c, ORM_E_SCHEMA,
				 "the target has no table orm_copy: nothing to undo");
	u.rows = rows;
	if (!r)
		r = copy_took(c, c->to, orm_schema_inspect(c->to, NULL, 0, &c->schema));
	u.have = c->schema;
	if (!r)
		r = choose(&u);
	if (!r)
		r = undo_all(&u);
	c->report->done = !r;
	free(u.drop);
	return r;
}
