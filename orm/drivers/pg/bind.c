/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a statement into the arrays that libpq takes. They are kept: no malloc when warm. */
#include <errno.h>
#include <stdlib.h>

#include <orm/base/fault.h>
#include <orm/drivers/pg/codec.h>
#include <orm/drivers/pg/conn.h>

#define ROOM_MIN 16U

void pg_params_deinit(struct pg_params *params)
{
	arena_deinit(&params->arena);
	free((void *)params->values);
	free(params->lengths);
	free(params->formats);
	free(params->oids);
	*params = (struct pg_params){0};
}

/* The parameters of before are of no more use: nothing is copied. */
static int grow(struct pg_params *params, uint16_t count)
{
	unsigned room = ROOM_MIN;
	struct pg_params bigger = {.arena = params->arena};

	while (room < count)
		room *= 2;
	room = MIN(room, UINT16_MAX);
	bigger.values = malloc(room * sizeof(*bigger.values));
	bigger.lengths = malloc(room * sizeof(*bigger.lengths));
	bigger.formats = malloc(room * sizeof(*bigger.formats));
	bigger.oids = malloc(room * sizeof(*bigger.oids));
	bigger.room = (uint16_t)room;
	params->arena = (struct arena){0};
	if (bigger.values && bigger.lengths && bigger.formats && bigger.oids) {
		pg_params_deinit(params);
		*params = bigger;
		return 0;
	}
	params->arena = bigger.arena;
	bigger.arena = (struct arena){0};
	pg_params_deinit(&bigger);
	return -ENOMEM;
}

int pg_params_room(struct pg_params *params, uint16_t count)
{
	arena_reset(&params->arena);
	params->count = count;
	if (count <= params->room)
		return 0;
	if (grow(params, count))
		return -ENOMEM;
	params->count = count;
	return 0;
}

static int refuse(struct orm_error *err, int r, unsigned i, const char *why)
{
	if (r < 0)
		return orm_fail(err, r, "no memory for the parameters");
	if (r == ORM_E_TOO_BIG)
		return orm_fail(err, r, "the parameters are more than the limit allows");
	return orm_fail(err, r, "parameter %u: %s", i + 1, why);
}

/* Borrowed from the value: ours from now on. Text format has its NUL already. */
static int own(struct arena *arena, struct pg_cell *cell)
{
	char *copy = arena_copy(arena, cell->data, cell->len);

	if (!copy)
		return pg_no_room(arena, cell->len);
	cell->data = copy;
	return 0;
}

static int bind(struct pg_params *p, const struct orm_stmt *stmt, const struct orm_value *values,
		bool copy, struct orm_error *err)
{
	if (pg_params_room(p, stmt->params))
		return refuse(err, -ENOMEM, 0, "");
	for (unsigned i = 0; i < stmt->params; i++) {
		enum orm_type type = stmt->param_type ? stmt->param_type[i] : ORM_T_NONE;
		const char *why = "";
		struct pg_cell cell;
		int r;

		if (type == ORM_T_NONE)
			type = values[i].type;
		r = pg_encode(&p->arena, &values[i], type, PG_PARAM, &cell, &why);
		if (!r && copy && cell.len && cell.data == values[i].p)
			r = own(&p->arena, &cell);
		if (r)
			return refuse(err, r, i, why);
		p->values[i] = cell.data;
		p->lengths[i] = (int)cell.len;
		p->formats[i] = cell.binary;
		p->oids[i] = cell.oid;
	}
	return 0;
}

int pg_bind(struct pg_conn *c, const struct orm_stmt *stmt, const struct orm_value *values,
	    struct orm_error *err)
{
	return bind(&c->params, stmt, values, false, err);
}

int pg_bind_copy(struct pg_params *params, const struct orm_stmt *stmt,
		 const struct orm_value *values, struct orm_error *err)
{
	return bind(params, stmt, values, true, err);
}
