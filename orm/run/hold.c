/* SPDX-License-Identifier: Apache-2.0 */
#include <orm/run/hold.h>
#include <orm/run/wrote.h>

int hold_open(struct hold *h, struct orm_session *s)
{
	int r;

	*h = (struct hold){.s = s};
	if (s->in_tx || s->cursor)
		return session_fail(s, ORM_E_STATE, "%s is open",
				    s->in_tx ? "a transaction" : "a cursor");
	r = lane_take(s, true, 0, &s->lane);
	if (r)
		return r;
	/* The session's queries go to the connection that it holds. */
	s->in_tx = s->tx_writes = true;
	if (s->lane.pooled)
		s->lane.pooled->unclean = true;
	return 0;
}

void hold_close(struct hold *h)
{
	struct orm_session *s = h->s;
	struct orm_error kept = s->error;

	hold_rollback(h);
	hold_keys_on(h);
	lane_give(s, &s->lane, 0);
	/* A migration may have written anything. */
	s->wrote_any = true;
	wrote_end(s, true);
	s->in_tx = s->tx_writes = s->tx_failed = false;
	s->error = kept;
}

int hold_begin(struct hold *h)
{
	static const struct orm_tx_options options = {0};
	struct orm_session *s = h->s;
	int r;

	if (s->lane.pooled)
		r = orm_pooled_begin(s->lane.pooled, &options, true, &s->error);
	else
		r = s->db->driver->begin(s->lane.conn, &options, true, &s->error);
	h->begun = !r;
	return r;
}

int hold_commit(struct hold *h)
{
	struct orm_session *s = h->s;

	h->begun = false;
	if (s->lane.pooled)
		return orm_pooled_commit(s->lane.pooled, &s->error);
	return s->db->driver->commit(s->lane.conn, &s->error);
}

void hold_rollback(struct hold *h)
{
	struct orm_session *s = h->s;

	if (!h->begun)
		return;
	h->begun = false;
	s->tx_failed = false;
	if (s->lane.pooled)
		orm_pooled_rollback(s->lane.pooled);
	else
		s->db->driver->rollback(s->lane.conn);
}

int hold_script(struct hold *h, const char *sql)
{
	struct orm_session *s = h->s;

	return s->db->driver->script(s->lane.conn, sql, &s->error);
}

int hold_number(struct hold *h, const char *sql, int64_t *ret_number)
{
	struct orm_query *q = orm_raw(h->s, sql);
	struct orm_value v;
	int r = orm_value(h->s, q, &v);

	orm_query_free(q);
	if (r)
		return r;
	*ret_number = v.kind == ORM_K_I64 ? v.i : v.kind == ORM_K_BOOL && v.b;
	return 0;
}

int hold_keys_off(struct hold *h)
{
	int64_t on = 0;
	int r;

	if (orm_dialect(h->s->db) != ORM_SQLITE)
		return 0;
	r = hold_number(h, "SELECT foreign_keys FROM pragma_foreign_keys", &on);
	if (r || !on)
		return r;
	r = hold_script(h, "PRAGMA foreign_keys = OFF");
	h->keys_off = !r;
	return r;
}

void hold_keys_on(struct hold *h)
{
	struct orm_session *s = h->s;

	/* A script that failed half way may have left the other one on. */
	if (!h->keys_off)
		return;
	h->keys_off = false;
	if (hold_script(h, "PRAGMA legacy_alter_table = OFF; PRAGMA foreign_keys = ON"))
		((struct orm_conn_head *)s->lane.conn)->broken = true;
}
