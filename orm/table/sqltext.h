/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that grows, for DDL and lists of tables: what goes wrong sticks and is asked for once, at
 * the end. Not for queries: these have no names or literals that come at run time.
 */
#ifndef STRAZH_ORM_SQLTEXT_H
#define STRAZH_ORM_SQLTEXT_H

#include <stdbool.h>
#include <stdlib.h>

#include <orm/table/keys.h>

#define SQLTEXT_MAX (64U << 20)

struct sqltext {
	char *text; /* ends in NUL, once something was added */
	size_t len;
	size_t room;
	int fault; /* 0, -ENOMEM or ORM_E_TOO_BIG */
};

void sqltext_add(struct sqltext *t, const char *text);
void sqltext_addn(struct sqltext *t, const char *text, size_t len);
void sqltext_addf(struct sqltext *t, const char *format, ...) printf_like(2, 3);
/* "name", and the same of a piece of text. Only what orm_name_ok() let pass comes here. */
void sqltext_name(struct sqltext *t, const char *name);
void sqltext_word(struct sqltext *t, struct orm_word name);
/* 'text' */
void sqltext_literal(struct sqltext *t, const char *text);
/* The text, "" when nothing was added; the caller's to free. 0, or the fault. */
int sqltext_take(struct sqltext *t, char **ret_text) must_check;

static inline void sqltext_release_(struct sqltext *t)
{
	free(t->text);
}
#define own_sqltext cleanup_with(sqltext_release_)

#endif
