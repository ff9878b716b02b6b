/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <orm/base/fault.h>
#include <orm/run/wrote.h>

/* Of what runs outside a transaction, or of all that one wrote. n 0: not known. */
static void publish(struct orm_session *s, const char *const *names, size_t n)
{
	if (s->db->cache)
		orm_cache_wrote(s->db->cache, names, n);
	if (s->db->replicated)
		orm_route_wrote(s->db->route, &s->seen);
}

static void collect(struct orm_session *s, const char *name)
{
	for (unsigned i = 0; i < s->n_wrote; i++) {
		if (!strcmp(s->wrote[i], name))
			return;
	}
	if (s->n_wrote == SESSION_WROTE)
		s->wrote_any = true;
	else
		orm_fault_name(s->wrote[s->n_wrote++], name);
}

void wrote_table(struct orm_session *s, const struct orm_table *table)
{
	if (s->in_tx)
		collect(s, table->name);
	else
		publish(s, &table->name, 1);
}

void wrote_shape(struct orm_session *s, const struct orm_shape *shape)
{
	const char *names[TABLES_MAX];

	if (s->in_tx && !shape->n_tables)
		s->wrote_any = true;
	for (unsigned i = 0; i < shape->n_tables; i++) {
		names[i] = shape->tables[i]->name;
		if (s->in_tx)
			collect(s, names[i]);
	}
	if (!s->in_tx)
		publish(s, names, shape->n_tables);
}

void wrote_elsewhere(struct orm *db, const struct orm_shape *shape)
{
	const char *names[TABLES_MAX];

	for (unsigned i = 0; i < shape->n_tables; i++)
		names[i] = shape->tables[i]->name;
	if (db->cache)
		orm_cache_wrote(db->cache, names, shape->n_tables);
}

void wrote_end(struct orm_session *s, bool committed)
{
	const char *names[SESSION_WROTE];

	for (unsigned i = 0; i < s->n_wrote; i++)
		names[i] = s->wrote[i];
	if (committed && (s->n_wrote || s->wrote_any))
		publish(s, names, s->wrote_any ? 0 : s->n_wrote);
	s->n_wrote = 0;
	s->wrote_any = false;
}

void wrote_reading(struct orm_session *s, const struct orm_shape *shape,
		   struct orm_cache_reading *ret_reading)
{
	const char *names[TABLES_MAX];

	for (unsigned i = 0; i < shape->n_tables; i++)
		names[i] = shape->tables[i]->name;
	orm_cache_begin(s->db->cache, names, shape->n_tables, ret_reading);
}
