/* SPDX-License-Identifier: Apache-2.0 */
/* The target's tables: comparing them with the source's, making what is missing, and what is left
 * for the time when the rows are there. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/copy/copy.h>
#include <orm/schema/introspect.h>
#include <orm/schema/schema_ddl.h>
#include <orm/table/item.h>

static bool refers_to(const struct orm_table *t, const char *name)
{
	for (unsigned i = 0; i < t->key_count; i++)
		if (t->keys[i].kind == ORM_KEY_FOREIGN && !strcmp(t->keys[i].a, name))
			return true;
	return false;
}

static int is_empty(struct copier *c, const struct copy_table *t, bool *ret_empty)
{
	struct orm_query *q = orm_select(c->seen, t->t);
	struct orm_cursor *cursor;
	int r;

	orm_limit(q, 1);
	r = orm_cursor_open(c->seen, q, NULL, &cursor);
	if (!r) {
		r = orm_cursor_next(cursor, NULL);
		*ret_empty = r == ORM_E_END;
		r = r == ORM_E_END ? 0 : r;
		orm_cursor_close(cursor);
	}
	orm_query_free(q);
	return copy_took(c, c->seen, r);
}

/* A table that the copy does not know, and that is there. */
static int adopt(struct copier *c, struct copy_table *t)
{
	bool empty = false;
	int r = is_empty(c, t, &empty);

	if (r)
		return r;
	if (!empty && !c->job->force && c->job->mode != ORM_COPY_VERIFY)
		return copy_fail(c, ORM_E_SCHEMA,
				 "table '%s' of the target has rows that no copy has put there; "
				 "empty it, or force the copy to make it equal",
				 t->t->name);
	/* PostgreSQL checks each batch: parents may be in a later one. Rows that wait for others
	 * are what repairing is made for. */
	if (!empty || (orm_dialect(c->to_db) == ORM_POSTGRESQL && refers_to(t->t, t->t->name)))
		t->state = COPY_COPIED;
	return 0;
}

/* Tables in a ring cannot be filled while their foreign keys are there. */
static int check_rings(struct copier *c)
{
	if (orm_dialect(c->to_db) != ORM_POSTGRESQL || c->job->mode == ORM_COPY_VERIFY)
		return 0;
	for (size_t i = 0; i < c->count; i++)
		for (size_t k = i + 1; k < c->count; k++)
			if (c->tables[i].linked && c->tables[i].state == COPY_NEW &&
			    refers_to(c->tables[i].t, c->tables[k].t->name))
				return copy_fail(c, ORM_E_SCHEMA,
						 "tables '%s' and '%s' of the target refer to each "
						 "other in a ring: drop a foreign key, or let the "
						 "copy create them",
						 c->tables[i].t->name, c->tables[k].t->name);
	return 0;
}

/* What a table that is to be made refers to is copied too, or there. */
static int check_references(struct copier *c, const struct orm_schema *have,
			    const struct copy_table *t)
{
	for (unsigned i = 0; i < t->t->key_count; i++) {
		const struct orm_key *key = &t->t->keys[i];
		bool found = key->kind != ORM_KEY_FOREIGN || orm_schema_find(have, key->a);

		for (size_t k = 0; k < c->count && !found; k++)
			found = !strcmp(c->tables[k].t->name, key->a);
		if (!found)
			return copy_fail(
				c, ORM_E_SCHEMA,
				"table '%s' refers to '%s', which is neither copied nor in "
				"the target",
				t->t->name, key->a);
	}
	return 0;
}

/* The tables of the target as far as they are there; those that are not go to `missing`. */
static int sort_out(struct copier *c, const struct orm_schema *have, bool create,
		    const struct orm_table **there, const struct orm_table **missing,
		    size_t *ret_there, size_t *ret_missing)
{
	int r = 0;

	for (size_t i = 0; i < c->count && !r; i++) {
		struct copy_table *t = &c->tables[i];

		if (orm_schema_find(have, t->t->name)) {
			t->linked |= !t->known;
			there[(*ret_there)++] = t->linked ? t->t : &t->bare;
			continue;
		}
		if (!create || t->known)
			return copy_fail(
				c, ORM_E_SCHEMA, "table '%s' is not in the target%s", t->t->name,
				t->known ? ", where the copy had made it; undo the copy" : "");
		t->created = true;
		missing[(*ret_missing)++] = &t->bare;
		r = check_references(c, have, t);
	}
	return r;
}

static int script(struct copier *c, const char *sql)
{
	struct orm_session *s = c->to;

	return copy_took(c, s, s->db->driver->script(s->lane.conn, sql, &s->error));
}

/* The tables, and the rows of orm_copy that say whose they are, or nothing. */
static int create_all(struct copier *c, const struct orm_table *const *missing, size_t n)
{
	own_sqltext struct sqltext sql = {0};
	int r = copy_took(c, c->to, orm_begin(c->to, NULL));

	if (!r && n) {
		r = schema_create_all(&sql, missing, n, orm_dialect(c->to_db));
		r = r ? r : sql.fault;
		r = r ? copy_fail(c, r, "no room for the statements of the schema")
		      : script(c, sql.text);
	}
	for (size_t i = 0; i < c->count && !r; i++)
		r = copy_state_claim(c, &c->tables[i]);
	if (!r)
		r = copy_took(c, c->to, orm_commit(c->to));
	if (r)
		orm_rollback(c->to);
	return r;
}

int copy_plan_target(struct copier *c, bool create)
{
	own_free const char **names = calloc(c->count + 1, sizeof(*names));
	own_free const struct orm_table **there = calloc(c->count + 1, sizeof(*there));
	own_free const struct orm_table **missing = calloc(c->count + 1, sizeof(*missing));
	own_schema struct orm_schema *have = NULL;
	size_t n_there = 0, n_missing = 0;
	int r;

	if (!names || !there || !missing)
		return copy_fail(c, -ENOMEM, "no memory for the schema");
	for (size_t i = 0; i < c->count; i++)
		names[i] = c->tables[i].t->name;
	r = copy_took(c, c->seen, orm_schema_inspect(c->seen, names, c->count, &have));
	if (!r)
		r = sort_out(c, have, create, there, missing, &n_there, &n_missing);
	/* All of them are there: this only compares. */
	if (!r && create)
		r = copy_took(c, c->to, orm_schema_create(c->to, there, n_there));
	for (size_t i = 0; i < c->count && !r; i++)
		if (c->tables[i].linked && !c->tables[i].known)
			r = adopt(c, &c->tables[i]);
	if (!r)
		r = check_rings(c);
	return r || !create ? r : create_all(c, missing, n_missing);
}

/* ---- afterwards ---- */

static int add_items(struct copier *c, struct copy_table *t)
{
	enum orm_dialect dialect = orm_dialect(c->to_db);
	own_free struct orm_item *items = NULL;
	own_sqltext struct sqltext sql = {0};
	size_t n = 0;

	if (orm_items(t->t, &items, &n))
		return copy_fail(c, -ENOMEM, "no memory for the schema");
	for (size_t i = 0; i < n; i++)
		if (items[i].kind == ORM_KEY_INDEX ||
		    (items[i].kind == ORM_KEY_FOREIGN && dialect == ORM_POSTGRESQL))
			ddl_add_item(&sql, t->t, &items[i], dialect);
	if (sql.fault)
		return copy_fail(c, sql.fault, "no room for the statements of the schema");
	return sql.len ? script(c, sql.text) : 0;
}

/* The next number is behind all that are there; one that is so already is left alone. */
static int set_sequence(struct copier *c, const struct orm_table *t, const char *column)
{
	own_sqltext struct sqltext sql = {0};

	sqltext_addf(&sql,
		     "DO $orm$DECLARE s regclass := pg_get_serial_sequence('\"%s\"', '%s');"
		     " m bigint; BEGIN SELECT max(\"%s\") INTO m FROM \"%s\";"
		     " IF s IS NOT NULL AND m >= 1 AND m > coalesce(pg_sequence_last_value(s), 0)"
		     " THEN PERFORM setval(s, m); END IF; END$orm$",
		     t->name, column, column, t->name);
	if (sql.fault)
		return copy_fail(c, sql.fault, "no room for a statement");
	return script(c, sql.text);
}

static int link_table(struct copier *c, struct copy_table *t)
{
	int r = 0;

	if (t->created && !t->linked) {
		r = add_items(c, t);
		t->linked = !r;
	}
	for (unsigned i = 0; i < t->t->count && !r; i++)
		if (t->t->columns[i].flags & ORM_AUTO && orm_dialect(c->to_db) == ORM_POSTGRESQL)
			r = set_sequence(c, t->t, t->t->columns[i].name);
	return r ? r : copy_state_save(c, t);
}

int copy_link(struct copier *c)
{
	int r;

	orm_session_promise(c->to, ORM_DURABLE);
	r = copy_took(c, c->to, orm_begin(c->to, NULL));
	for (size_t i = 0; i < c->count && !r; i++)
		r = link_table(c, &c->tables[i]);
	if (!r)
		r = copy_took(c, c->to, orm_commit(c->to));
	if (r)
		orm_rollback(c->to);
	return r;
}
