/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results in memory: an array of structs with their texts in an arena, or a set of values. Both
 * are bounded by the option result_bytes_max.
 */
#include <errno.h>
#include <stdlib.h>

#include <strazh/orm/error.h>

#include <orm/run/exec.h>
#include <orm/run/result.h>

struct fetch {
	struct sink sink;
	struct orm_result *result;
};

/* ---- rows as structs ---- */

static int own_text(struct arena *arena, void *field)
{
	const char *text;
	size_t len;

	memcpy(&text, field, sizeof(text));
	if (!text)
		return 0;
	len = strlen(text);
	text = arena_copy(arena, text, len);
	memcpy(field, &text, sizeof(text));
	return text ? 0 : arena_is_full(arena, len + 1) ? ORM_E_TOO_BIG : -ENOMEM;
}

static int own_span(struct arena *arena, const struct orm_table *table, unsigned column,
		    const void *row, void *field)
{
	struct orm_value value = orm_row_get(table, column, row), copy;
	int r;

	if (value.kind == ORM_K_NULL)
		return 0;
	r = orm_value_copy(arena, &value, &copy);
	if (!r)
		memcpy(field, &copy.p, sizeof(copy.p));
	return r;
}

static int no_room(struct orm_session *s, int r, size_t max)
{
	if (r < 0)
		return session_fail(s, r, "out of memory for a result");
	return session_fail(s, r, "the result is larger than %zu bytes", max);
}

/* Kinds of which the row holds only a pointer. */
#define BORROWED                                                                                   \
	(1U << ORM_K_TEXT | 1U << ORM_K_BYTES | 1U << ORM_K_I64S | 1U << ORM_K_F64S |              \
	 1U << ORM_K_TEXTS)

/* What the row only borrows, into the arena. */
static int own_texts(struct rows const *rows, const struct orm_table *table, struct arena *arena,
		     void *row)
{
	const struct orm_column *c = table->columns;

	for (unsigned i = 0; i < table->count; i++, c++) {
		void *field = (char *)row + c->offset;
		int r;

		if (!(BORROWED >> c->kind & 1))
			continue;
		r = c->kind == ORM_K_TEXT ? own_text(arena, field)
					  : own_span(arena, table, i, row, field);
		if (r)
			return no_room(rows->session, r, arena->max);
	}
	return 0;
}

static int grow_structs(struct orm_result *result)
{
	size_t room = result->room ? result->room * 2 : 16;
	char *structs;

	if (room > result->bytes_max / result->row->size)
		return ORM_E_TOO_BIG;
	structs = realloc(result->structs, room * result->row->size);
	if (!structs)
		return -ENOMEM;
	result->structs = structs;
	result->room = room;
	return 0;
}

static int add_struct(struct orm_result *result, const struct rows *rows)
{
	void *row;
	int r = result->count == result->room ? grow_structs(result) : 0;

	if (r)
		return no_room(rows->session, r, result->bytes_max);
	row = result->structs + result->count * result->row->size;
	r = rows_struct(rows, result->row, row);
	if (!r)
		r = own_texts(rows, result->row, &result->texts, row);
	result->count += !r;
	return r;
}

static int fetch_begin(struct sink *sink, const struct rows *rows)
{
	struct orm_result *result = ((struct fetch *)sink)->result;

	result->count = 0;
	arena_reset(&result->texts);
	return rows_fit(rows, result->row);
}

static int fetch_row(struct sink *sink, const struct rows *rows)
{
	struct orm_result *result = ((struct fetch *)sink)->result;

	return add_struct(result, rows);
}

int orm_fetch(struct orm_session *s, struct orm_query *q, const struct orm_table *row,
	      struct orm_result **ret_result)
{
	size_t max = (size_t)s->db->options.result_bytes_max;
	struct orm_result *result = calloc(1, sizeof(*result));
	struct fetch fetch = {.sink = {row, false, fetch_begin, fetch_row}, .result = result};
	struct collect collect;
	int r;

	if (!result)
		return session_fail(s, -ENOMEM, "out of memory");
	result->session = s;
	session_adopt(s, result);
	result->lazy = s->lazy;
	result->row = row;
	result->bytes_max = max;
	arena_init(&result->texts, max);
	orm_rowset_init(&result->set, max);
	collect_init(&collect, &result->set);
	r = exec_query(s, q, row ? &fetch.sink : &collect.sink, NULL);
	if (r)
		orm_result_free(result);
	else
		*ret_result = result;
	return r;
}

void orm_result_free(struct orm_result *result)
{
	if (!result)
		return;
	session_disown(result);
	related_free(result->related);
	arena_deinit(&result->texts);
	orm_rowset_deinit(&result->set);
	free(result->structs);
	free(result);
}

size_t orm_result_count(const struct orm_result *result)
{
	return result->row ? result->count : result->set.rows;
}

const void *orm_result_rows(const struct orm_result *result)
{
	return result->structs;
}

unsigned orm_result_columns(const struct orm_result *result)
{
	return result->row ? result->row->count : result->set.columns;
}

const char *orm_result_name(const struct orm_result *result, unsigned column)
{
	return result->row ? result->row->columns[column].name : result->set.names[column];
}

struct orm_value orm_result_value(const struct orm_result *result, size_t row, unsigned column)
{
	if (result->row)
		return orm_row_get(result->row, column, result->structs + row * result->row->size);
	return result->set.values[row * result->set.columns + column];
}

/* ---- the first row ---- */

struct first {
	struct sink sink;
	void *to; /* a struct, or a value */
	bool found;
};

static int first_begin(struct sink *sink, const struct rows *rows)
{
	struct first *first = (struct first *)sink;

	first->found = false;
	arena_reset(&rows->session->first);
	return sink->into ? rows_fit(rows, sink->into) : rows_single(rows);
}

/* The caller's struct is written when nothing can fail any more. */
static int first_struct(const struct first *first, const struct rows *rows, struct arena *arena)
{
	const struct orm_table *table = first->sink.into;
	void *row = arena_alloc(arena, table->size);
	int r;

	if (!row)
		return session_fail(rows->session, -ENOMEM, "out of memory");
	r = rows_struct(rows, table, row);
	if (!r)
		r = own_texts(rows, table, arena, row);
	if (!r)
		memcpy(first->to, row, table->size);
	return r;
}

static int first_row(struct sink *sink, const struct rows *rows)
{
	struct first *first = (struct first *)sink;
	struct arena *arena = &rows->session->first;
	struct orm_value value, copy;
	int r;

	if (sink->into) {
		r = first_struct(first, rows, arena);
	} else {
		r = rows_value(rows, 0, &value);
		if (!r) {
			r = orm_value_copy(arena, &value, &copy);
			if (r)
				no_room(rows->session, r, arena->max);
			else
				*(struct orm_value *)first->to = copy;
		}
	}
	first->found = !r;
	return r ? r : ORM_E_END;
}

static int run_first(struct orm_session *s, struct orm_query *q, const struct orm_table *row,
		     void *to)
{
	struct first first = {.sink = {row, !row, first_begin, first_row}, .to = to};
	int r = exec_query(s, q, &first.sink, NULL);

	if (!r && !first.found)
		r = session_fail(s, ORM_E_END, "there is no such row");
	return r;
}

int orm_first(struct orm_session *s, struct orm_query *q, const struct orm_table *row,
	      void *ret_row)
{
	return run_first(s, q, row, ret_row);
}

int orm_value(struct orm_session *s, struct orm_query *q, struct orm_value *ret_value)
{
	return run_first(s, q, NULL, ret_value);
}
