/* SPDX-License-Identifier: Apache-2.0 */
/* Creating what is missing. What is there must be as declared, or nothing is done at all. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/run/hold.h>
#include <orm/schema/diff.h>

/* Any number; one for each thing that processes must not do at once. */
#define LOCK_SQL "SELECT pg_advisory_xact_lock(7816401972846911745)"

struct compare {
	struct orm_session *s;
	const struct orm_table *have;
	const struct orm_table *want;
};

static int differs(const struct compare *c, const char *column, const char *how)
{
	int r = session_fail(c->s, ORM_E_SCHEMA, "table '%s': '%s' %s", c->want->name, column, how);

	snprintf(c->s->error.table, sizeof(c->s->error.table), "%s", c->want->name);
	snprintf(c->s->error.column, sizeof(c->s->error.column), "%.63s", column);
	return r;
}

static int compare_column(const struct compare *c, unsigned want_at)
{
	const struct orm_column *want = &c->want->columns[want_at], *have;
	int at = orm_table_find(c->have, want->name, strlen(want->name));

	if (at < 0)
		return differs(c, want->name, "is not in the database");
	have = &c->have->columns[at];
	if (have->type != want->type) {
		char how[80];

		snprintf(how, sizeof(how), "is %s in the database, %s is declared",
			 orm_type_name(have->type), orm_type_name(want->type));
		return differs(c, want->name, how);
	}
	if (column_not_null(have) != column_not_null(want))
		return differs(c, want->name,
			       column_not_null(want) ? "may be NULL in the database"
						     : "may not be NULL in the database");
	if ((have->flags ^ want->flags) & ORM_AUTO)
		return differs(c, want->name, "is AUTO in one of declaration and database");
	if ((have->flags ^ want->flags) & ORM_PK)
		return differs(c, want->name, "is in the primary key of one of the two");
	if (!orm_default_same(orm_default_of(c->have, (unsigned)at),
			      orm_default_of(c->want, want_at)))
		return differs(c, want->name, "has another default in the database");
	return 0;
}

static int compare_columns(const struct compare *c)
{
	int r = 0;

	for (unsigned i = 0; i < c->want->count && !r; i++)
		r = compare_column(c, i);
	for (unsigned i = 0; i < c->have->count && !r; i++) {
		const char *name = c->have->columns[i].name;

		if (orm_table_find(c->want, name, strlen(name)) < 0)
			r = differs(c, name, "is in the database and not declared");
	}
	return r;
}

static int compare_tables(const struct compare *c)
{
	own_free struct orm_item *have = NULL, *want = NULL;
	size_t have_n = 0, want_n = 0;
	int r = compare_columns(c);

	if (r)
		return r;
	if (orm_items(c->have, &have, &have_n) || orm_items(c->want, &want, &want_n))
		return session_fail(c->s, -ENOMEM, "no memory for the schema");
	for (size_t i = 0; i < want_n; i++)
		if (!item_is_in(c->want, &want[i], c->have, have, have_n))
			return differs(c, want[i].name, "is missing in the database, or differs");
	for (size_t i = 0; i < have_n; i++)
		if (have[i].kind != ORM_KEY_INDEX &&
		    !item_is_in(c->have, &have[i], c->want, want, want_n))
			return differs(c, have[i].name, "is in the database and not declared");
	return 0;
}

/* Tables that are not there go to `missing`; the others are compared. */
static int sort_out(struct orm_session *s, const struct orm_table *const *tables, size_t n,
		    const struct orm_table **missing, size_t *ret_missing)
{
	own_free const char **names = calloc(n + 1, sizeof(*names));
	own_schema struct orm_schema *live = NULL;
	size_t count = 0;
	int r;

	if (!names)
		return session_fail(s, -ENOMEM, "no memory for the schema");
	for (size_t i = 0; i < n; i++)
		names[i] = tables[i]->name;
	r = orm_schema_inspect(s, names, n, &live);
	for (size_t i = 0; i < n && !r; i++) {
		struct compare c = {s, orm_schema_find(live, tables[i]->name), tables[i]};

		if (c.have)
			r = compare_tables(&c);
		else
			missing[count++] = tables[i];
	}
	*ret_missing = count;
	return r;
}

static int create(struct hold *h, const struct orm_table *const *tables, size_t n)
{
	own_free const struct orm_table **missing = calloc(n + 1, sizeof(*missing));
	own_sqltext struct sqltext sql = {0};
	int64_t ignored;
	size_t count = 0;
	int r;

	if (!missing)
		return session_fail(h->s, -ENOMEM, "no memory for the schema");
	r = hold_begin(h);
	if (!r && orm_dialect(h->s->db) == ORM_POSTGRESQL)
		r = hold_number(h, LOCK_SQL, &ignored);
	if (!r)
		r = sort_out(h->s, tables, n, missing, &count);
	if (r || !count)
		return r;
	r = schema_create_all(&sql, missing, count, orm_dialect(h->s->db));
	if (r)
		return session_fail(h->s, r, "no room for the statements of the schema");
	r = hold_script(h, sql.text);
	return r ? r : hold_commit(h);
}

int orm_schema_create(struct orm_session *s, const struct orm_table *const *tables, size_t n)
{
	struct hold h;
	int r = 0;

	if (!n)
		return 0;
	for (size_t i = 0; i < n && !r; i++)
		r = orm_table_check(tables[i], &s->error);
	if (r)
		return r;
	r = hold_open(&h, s);
	if (r)
		return r;
	r = create(&h, tables, n);
	hold_close(&h);
	return r;
}
