/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/orm/error.h>

#include <orm/table/rowset.h>

void orm_rowset_init(struct orm_rowset *set, size_t bytes_max)
{
	*set = (struct orm_rowset){0};
	arena_init(&set->arena, bytes_max);
}

void orm_rowset_deinit(struct orm_rowset *set)
{
	arena_deinit(&set->arena);
	free(set->values);
	set->values = NULL;
	set->rows = set->room = 0;
}

void orm_rowset_reset(struct orm_rowset *set)
{
	arena_reset(&set->arena);
	set->rows = 0;
	set->columns = 0;
	set->names = NULL;
}

static int no_room(const struct arena *arena, size_t size)
{
	return arena_is_full(arena, size) ? ORM_E_TOO_BIG : -ENOMEM;
}

int orm_rowset_columns(struct orm_rowset *set, unsigned n,
		       const char *(*name)(void *data, unsigned column), void *data)
{
	char **names = arena_alloc(&set->arena, n * sizeof(*names));

	if (!names)
		return no_room(&set->arena, n * sizeof(*names));
	for (unsigned i = 0; i < n; i++) {
		const char *text = name(data, i);

		names[i] = arena_copy(&set->arena, text, text ? strlen(text) : 0);
		if (!names[i])
			return -ENOMEM;
	}
	set->names = names;
	set->columns = n;
	return 0;
}

static int copy_texts(struct arena *arena, const struct orm_value *value,
		      struct orm_value *ret_copy)
{
	const char *const *from = value->p;
	char **to = arena_alloc(arena, value->len * sizeof(*to));

	if (!to)
		return no_room(arena, value->len * sizeof(*to));
	for (size_t i = 0; i < value->len; i++) {
		size_t len = strlen(from[i]);

		to[i] = arena_copy(arena, from[i], len);
		if (!to[i])
			return no_room(arena, len + 1);
	}
	*ret_copy = *value;
	ret_copy->p = to;
	return 0;
}

int orm_value_copy(struct arena *arena, const struct orm_value *value, struct orm_value *ret_copy)
{
	size_t size = value->len;
	void *copy;

	switch ((enum orm_kind)value->kind) {
	case ORM_K_NULL:
	case ORM_K_BOOL:
	case ORM_K_I64:
	case ORM_K_F64:
		*ret_copy = *value;
		return 0;
	case ORM_K_TEXTS:
		return copy_texts(arena, value, ret_copy);
	case ORM_K_I64S:
	case ORM_K_F64S:
		size *= sizeof(int64_t);
		break;
	case ORM_K_TEXT:
	case ORM_K_BYTES:
	case ORM_K_UUID:
		break;
	}
	copy = arena_copy(arena, value->p, size);
	if (!copy)
		return no_room(arena, size + 1);
	*ret_copy = *value;
	ret_copy->p = copy;
	return 0;
}

/* Room for one row more; doubles. */
static int grow(struct orm_rowset *set)
{
	size_t room = set->room ? set->room * 2 : 16;
	struct orm_value *values;

	while (room < (set->rows + 1) * set->columns)
		room *= 2;
	if (room * sizeof(*values) > set->arena.max + 4096)
		return ORM_E_TOO_BIG;
	values = realloc(set->values, room * sizeof(*values));
	if (!values)
		return -ENOMEM;
	set->values = values;
	set->room = room;
	return 0;
}

int orm_rowset_add(struct orm_rowset *set, const struct orm_value *values)
{
	struct orm_value *to;
	int r;

	if ((set->rows + 1) * set->columns > set->room) {
		r = grow(set);
		if (r)
			return r;
	}
	to = set->values + set->rows * set->columns;
	for (unsigned i = 0; i < set->columns; i++) {
		r = orm_value_copy(&set->arena, &values[i], &to[i]);
		if (r)
			return r;
	}
	set->rows++;
	return 0;
}
