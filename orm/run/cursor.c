/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cursor holds a connection and reads it row by row; nothing is copied. A write that returns rows
 * (RETURNING) runs in a transaction or is fetched: a cursor is for reads.
 */
#include <errno.h>
#include <stdlib.h>

#include <strazh/orm/error.h>

#include <orm/run/exec.h>

struct orm_cursor {
	struct orm_session *session;
	struct orm_shape *shape;
	struct lane lane;
	struct rows rows;
	const struct orm_table *row;
	bool ended;
	int class; /* what ended it, unless that was its last row */
	void *at;  /* the current struct */
};

static int start(struct orm_cursor *c, const struct orm_query *q)
{
	struct orm_session *s = c->session;
	int r;

	if (exec_writes(c->shape) && !s->in_tx)
		return session_fail(s, ORM_E_QUERY, "a cursor over a write needs a transaction");
	if (s->in_tx)
		c->lane = s->lane;
	else {
		r = lane_take(s, false, 0, &c->lane);
		if (r)
			return r;
	}
	exec_show(s, q->values, q->n_values);
	orm_tally_add(&s->tally, ORM_M_statements, 1);
	c->rows = (struct rows){.session = s, .shape = c->shape, .conn = c->lane.conn};
	lane_note(s, &c->lane, c->shape);
	r = s->db->driver->start(c->lane.conn, &c->shape->stmt, q->values, &s->error);
	c->class = r;
	if (!r && c->row)
		r = rows_fit(&c->rows, c->row);
	s->cursor = c; /* from here on there is something to finish */
	return r;
}

int orm_cursor_open(struct orm_session *s, struct orm_query *q, const struct orm_table *row,
		    struct orm_cursor **ret_cursor)
{
	struct orm_cursor *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return session_fail(s, -ENOMEM, "out of memory");
	c->session = s;
	c->row = row;
	c->at = row ? calloc(1, row->size) : NULL;
	r = row && !c->at ? session_fail(s, -ENOMEM, "out of memory") : exec_shape(s, q, &c->shape);
	if (!r)
		r = exec_failed(s, start(c, q));
	if (r)
		orm_cursor_close(c);
	else
		*ret_cursor = c;
	return r;
}

int orm_cursor_next(struct orm_cursor *c, const void **ret_row)
{
	struct orm_session *s = c->session;
	int r;

	if (!c->lane.conn)
		return session_fail(s, ORM_E_STATE, "the cursor ended with its transaction");
	if (c->ended)
		return session_fail(s, ORM_E_END, "there are no more rows");
	r = s->db->driver->step(c->lane.conn, &s->error);
	if (!r && c->row)
		r = rows_struct(&c->rows, c->row, c->at);
	orm_tally_add(&s->tally, ORM_M_rows_read, !r);
	if (r) {
		c->ended = true;
		if (r == ORM_E_END)
			return r;
		c->class = r;
		return exec_failed(s, r);
	}
	if (ret_row)
		*ret_row = c->at;
	return 0;
}

unsigned orm_cursor_columns(const struct orm_cursor *c)
{
	return c->lane.conn ? rows_columns(&c->rows) : 0;
}

struct orm_value orm_cursor_value(const struct orm_cursor *c, unsigned column)
{
	struct orm_value value;

	if (!c->lane.conn)
		return orm_value_null();
	if (c->row)
		return orm_row_get(c->row, column, c->at);
	return rows_value(&c->rows, column, &value) ? orm_value_null() : value;
}

void cursor_end(struct orm_cursor *c)
{
	struct orm_session *s = c->session;

	if (!c->lane.conn)
		return;
	s->db->driver->finish(c->lane.conn);
	if (s->cursor == c)
		s->cursor = NULL;
	if (!s->in_tx)
		lane_give(s, &c->lane, c->class);
	c->lane = (struct lane){0};
}

void orm_cursor_close(struct orm_cursor *c)
{
	if (!c)
		return;
	cursor_end(c);
	free(c->at);
	free(c);
}
