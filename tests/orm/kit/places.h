/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Every place of the library that takes a text: each puts a stranger's text there and tells what
 * came back. They run in the order of the list: the first ones leave rows that the others find.
 */
#ifndef TESTS_ORM_KIT_PLACES_H
#define TESTS_ORM_KIT_PLACES_H

#include <tests/orm/kit/stage.h>

#define SCRAP(X)                                                                                   \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(str, text, TEXT, 0)                                                                      \
	X(i64, n, BIGINT, UNIQUE)                                                                  \
	X(bytes, raw, BYTES, 0)                                                                    \
	X(str, doc, JSONB, 0)                                                                      \
	X(strs, words, TEXTS, 0)
ORM_TABLE(scrap, SCRAP)

/* Rows of `scrap` that must be there: n from 100 to 103, all else NULL. */
#define PLACES_FIRST_N 100
#define PLACES_ROWS 4
void places_prepare(struct orm_session *s);
/* As it was before the first place. */
void places_clear(struct orm_session *s);

struct trial {
	struct orm_session *s;
	bool sqlite;
	const char *text; /* what the stranger sent */
	char *back;	  /* what came back; malloc'ed; NULL: nothing, or NULL */
};

struct place {
	const char *name;
	int (*run)(struct trial *t); /* 0, or what the library said; t->back then is NULL */
};
extern const struct place places[];
extern const size_t n_places;

#endif
