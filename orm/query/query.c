/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words, values and clauses of a query: growing buffers with a cap and one sticky fault. A query
 * belongs to one thread. Nothing here knows SQL.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <strazh/orm/error.h>

#include <orm/query/query.h>
#include <orm/table/keys.h>

#define WORDS_FIRST 128U
#define VALUES_FIRST 16U

static struct orm_query no_memory = {.class = -ENOMEM, .fault = "out of memory"};

struct orm_query *query_no_memory(void)
{
	return &no_memory;
}

struct orm_query *query_new(struct orm_session *s)
{
	struct orm_query *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->words = malloc(WORDS_FIRST * sizeof(*q->words));
	q->values = malloc(VALUES_FIRST * sizeof(*q->values));
	if (!q->words || !q->values) {
		query_delete(q);
		return NULL;
	}
	q->session = s;
	q->room = WORDS_FIRST;
	q->values_room = VALUES_FIRST;
	return q;
}

void query_delete(struct orm_query *q)
{
	free(q->words);
	free(q->values);
	free(q);
}

void query_reset(struct orm_query *q)
{
	q->n = 0;
	q->n_values = 0;
	q->table = NULL;
	q->class = 0;
	q->fault[0] = '\0';
}

void query_fault(struct orm_query *q, int class, const char *format, ...)
{
	va_list args;

	if (q->class)
		return;
	va_start(args, format);
	vsnprintf(q->fault, sizeof(q->fault), format, args);
	va_end(args);
	q->class = class;
}

const char *orm_query_fault(const struct orm_query *q)
{
	return q->class ? q->fault : NULL;
}

bool query_reserve(struct orm_query *q, uint32_t more)
{
	uint32_t room = q->room;
	uint64_t *words;

	if (q->class)
		return false;
	if (more <= q->room - q->n)
		return true;
	if (more > ORM_QUERY_WORDS_MAX - q->n) {
		query_fault(q, ORM_E_TOO_BIG, "the query has more than %u words of shape",
			    ORM_QUERY_WORDS_MAX);
		return false;
	}
	while (room - q->n < more)
		room *= 2;
	words = realloc(q->words, room * sizeof(*words));
	if (!words) {
		query_fault(q, -ENOMEM, "out of memory");
		return false;
	}
	q->words = words;
	q->room = room;
	return true;
}

void query_text(struct orm_query *q, const char *text, size_t len)
{
	uint32_t words;

	if (len > ORM_QUERY_WORDS_MAX * sizeof(uint64_t)) {
		query_fault(q, ORM_E_TOO_BIG, "a text of %zu bytes in the query", len);
		return;
	}
	words = text_words(len);
	if (!query_reserve(q, words))
		return;
	q->words[q->n] = len;
	if (words > 1)
		q->words[q->n + words - 1] = 0;
	memcpy(&q->words[q->n + 1], text, len);
	q->n += words;
}

void query_name(struct orm_query *q, const char *name, const char *what)
{
	size_t len = name ? strnlen(name, ORM_NAME_MAX + 1) : 0;

	if (!name || !orm_name_ok(name, len)) {
		query_fault(q, ORM_E_QUERY, "%s '%.70s' is no name of [A-Za-z_][A-Za-z0-9_]{0,62}",
			    what, name ? name : "");
		return;
	}
	query_text(q, name, len);
}

uint32_t query_value(struct orm_query *q, const struct orm_value *value)
{
	if (q->class)
		return UINT32_MAX;
	if (q->n_values == q->values_room) {
		uint32_t room = MIN(q->values_room * 2, ORM_QUERY_VALUES_MAX);
		struct orm_value *values;

		if (q->n_values == ORM_QUERY_VALUES_MAX) {
			query_fault(q, ORM_E_TOO_BIG, "the query has more than %u values",
				    ORM_QUERY_VALUES_MAX);
			return UINT32_MAX;
		}
		values = realloc(q->values, room * sizeof(*values));
		if (!values) {
			query_fault(q, -ENOMEM, "out of memory");
			return UINT32_MAX;
		}
		q->values = values;
		q->values_room = room;
	}
	q->values[q->n_values] = *value;
	return q->n_values++;
}

void query_sub(struct orm_query *q, const struct orm_query *sub)
{
	if (!sub || sub == q) {
		query_fault(q, ORM_E_QUERY, sub ? "a query inside itself" : "no query given");
		return;
	}
	if (sub->class) {
		query_fault(q, sub->class, "in the inner query: %.150s", sub->fault);
		return;
	}
	query_word(q, word_make(ORM_OP_QUERY, 0, 0, sub->n));
	query_word(q, q->n_values);
	if (!query_reserve(q, sub->n))
		return;
	memcpy(&q->words[q->n], sub->words, sub->n * sizeof(*q->words));
	q->n += sub->n;
	for (uint32_t i = 0; i < sub->n_values; i++)
		query_value(q, &sub->values[i]);
}
