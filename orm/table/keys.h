/* SPDX-License-Identifier: Apache-2.0 */
/* Names, and the texts of a table's second list (struct orm_key, table.h): how they are read. */
#ifndef STRAZH_ORM_KEYS_H
#define STRAZH_ORM_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/table.h>

/* A piece of somebody's text. */
struct orm_word {
	const char *at;
	size_t len;
};

/* [A-Za-z_][A-Za-z0-9_]{0,62}; the one gate through which every name goes before it is quoted. */
bool orm_name_ok(const char *name, size_t len);
/* Bytes that a field needs to hold every value of the type. */
unsigned orm_type_width(enum orm_type type);
static inline bool orm_word_is(struct orm_word word, const char *text)
{
	return word.len == __builtin_strlen(text) && !__builtin_memcmp(word.at, text, word.len);
}

/*
 * Next name of a list as "until_ms, score": 1 with *ret_name, 0 at its end, -1 when it is no list.
 * *at begins at the text and is moved; an empty text is an empty list.
 */
int orm_names_next(const char **at, struct orm_word *ret_name) must_check;
/* Names in the list; -1 when it is none. */
int orm_names_count(const char *list);
/* The columns of the list as a mask of the table; 0 when one is not there, twice, or there is none.
 */
uint64_t orm_names_mask(const struct orm_table *table, const char *list);

enum orm_on_delete { ORM_NO_ACTION, ORM_CASCADE, ORM_RESTRICT, ORM_SET_NULL };
/* "CASCADE"; "" of ORM_NO_ACTION. */
const char *orm_on_delete_name(enum orm_on_delete action);
/* b of K(FOREIGN, ...): "id", "id CASCADE", "id SET NULL". */
bool orm_key_foreign(const struct orm_key *key, struct orm_word *ret_column,
		     enum orm_on_delete *ret_action) must_check;
/* b of K(MANY or ONE, ...): "theirs = ours". */
bool orm_key_relation(const struct orm_key *key, struct orm_word *ret_theirs,
		      struct orm_word *ret_ours) must_check;

#endif
