/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a stream of words (query.h): nodes, their extent, clauses of one kind. */
#ifndef STRAZH_ORM_WORDS_H
#define STRAZH_ORM_WORDS_H

#include <orm/query/query.h>

struct words {
	const uint64_t *at;
	const uint64_t *end;
	uint32_t base; /* added to the index of each value: where an inner query's values begin */
};

static inline uint64_t words_take(struct words *w)
{
	return *w->at++;
}
static inline const void *words_pointer(struct words *w)
{
	return (const void *)(uintptr_t)*w->at++;
}
/* Not NUL-terminated. */
static inline const char *words_text(struct words *w, size_t *ret_len)
{
	const char *text = (const char *)(w->at + 1);

	*ret_len = *w->at;
	w->at += text_words(*ret_len);
	return text;
}

/* Words of one node without its operands; *ret_operands of them follow. */
static inline uint32_t node_size(const uint64_t *at, uint32_t *ret_operands)
{
	*ret_operands = 0;
	switch (word_op(*at)) {
	case ORM_OP_COLUMN:
	case ORM_OP_EXCLUDED:
	case ORM_OP_ALL:
		return 2 + (word_n(*at) ? text_words(at[2]) : 0);
	case ORM_OP_SOURCE_COLUMN: {
		uint32_t source = text_words(at[1]);

		return 1 + source + text_words(at[1 + source]);
	}
	case ORM_OP_OUTPUT:
	case ORM_OP_LITERAL:
		return 1 + text_words(at[1]);
	case ORM_OP_VALUE:
		return 1;
	case ORM_OP_QUERY:
		return 2 + word_n(*at);
	case ORM_OP_AS:
		*ret_operands = 1;
		return 1 + text_words(at[1]);
	default:
		*ret_operands = word_n(*at);
		return 1;
	}
}

/* Where the expression that begins at `at` ends. */
static inline const uint64_t *expr_end(const uint64_t *at)
{
	uint64_t pending = 1;

	while (pending) {
		uint32_t operands;

		at += node_size(at, &operands);
		pending += operands;
		pending--;
	}
	return at;
}

/* The inner stream of a QUERY node; `w` goes on behind it. */
static inline struct words words_query(struct words *w)
{
	uint32_t n = word_n(w->at[0]);
	struct words inner = {w->at + 2, w->at + 2 + n, w->base + (uint32_t)w->at[1]};

	w->at += 2 + n;
	return inner;
}

/*
 * The next clause of this kind from w->at on: its contents, and its flag. False when there is none.
 *
 *	for (struct words w = stream; clause_next(&w, CL_WHERE, &contents, NULL);)
 */
static inline bool clause_next(struct words *w, enum clause kind, struct words *ret_contents,
			       unsigned *ret_flag)
{
	while (w->at < w->end) {
		uint64_t head = *w->at;
		const uint64_t *contents = w->at + 1;

		w->at = contents + word_n(head);
		if (word_op(head) != kind)
			continue;
		*ret_contents = (struct words){contents, w->at, w->base};
		if (ret_flag)
			*ret_flag = word_func(head);
		return true;
	}
	return false;
}

static inline bool clause_has(struct words stream, enum clause kind)
{
	struct words contents;

	return clause_next(&stream, kind, &contents, NULL);
}

#endif
