/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong. Functions return 0; or -errno, when the machine failed (-ENOMEM, -EINVAL for
 * a call that no correct program makes); or one of enum orm_class, a condition that a program may
 * want to handle. The details are in the session's orm_error() until its next call.
 */
#ifndef STRAZH_ORM_ERROR_H
#define STRAZH_ORM_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/orm/types.h>

#pragma GCC visibility push(default)

/* X(NAME, text): order is ABI, new ones go to the end. */
#define ORM_CLASSES(X)                                                                             \
	X(OK, "no error")                                                                          \
	X(END, "no more rows")                                                                     \
	X(QUERY, "the query was refused before it was sent")                                       \
	X(VALUE, "a value does not fit")                                                           \
	X(UNIQUE, "a unique constraint was violated")                                              \
	X(FOREIGN_KEY, "a foreign key was violated")                                               \
	X(NOT_NULL, "a NULL where none may be")                                                    \
	X(CHECK, "a check constraint was violated")                                                \
	X(CONSTRAINT, "a constraint was violated")                                                 \
	X(SQL, "the database refused the statement")                                               \
	X(SERIALIZATION, "the transaction met another one; run it again")                          \
	X(DEADLOCK, "a deadlock was broken; run the transaction again")                            \
	X(LOCKED, "the database or row is locked by another")                                      \
	X(TIMEOUT, "it took longer than allowed")                                                  \
	X(CANCELLED, "it was cancelled")                                                           \
	X(CONNECTION, "the connection is broken or could not be made")                             \
	X(UNKNOWN_OUTCOME, "the answer to a write was lost; the write may have been done")         \
	X(BUSY, "every connection is in use")                                                      \
	X(OPEN_CIRCUIT, "the database failed repeatedly; not asked until it recovers")             \
	X(AUTH, "the database does not let us in")                                                 \
	X(FULL, "the disk is full")                                                                \
	X(CORRUPT, "the database file is damaged")                                                 \
	X(READ_ONLY, "the database cannot be written")                                             \
	X(SCHEMA, "a table or column is not as declared")                                          \
	X(LAZY, "a relation was read row by row; load it in a batch")                              \
	X(TOO_BIG, "more than the limit allows")                                                   \
	X(STATE, "not in this state: no transaction, or one that failed")                          \
	X(GUARD, "the guard refused it")                                                           \
	X(IO, "the database could not read or write its file")

#define ORM_CLASS_ENUM_(name, text) ORM_E_##name,
enum orm_class { ORM_CLASSES(ORM_CLASS_ENUM_) ORM_CLASS_COUNT };

/* Row of the batch or list that failed is not known, or there is none. */
#define ORM_NO_ROW UINT64_MAX

struct orm_error {
	int class;	  /* what the function returned: enum orm_class, or -errno */
	bool retryable;	  /* the same call, or the whole transaction, may succeed later */
	char sqlstate[6]; /* five characters of PostgreSQL's; the nearest one for SQLite; or "" */
	char table[64];	  /* as far as the database says; SQLite names none for a foreign key */
	char column[64];  /* "" when not known; so is each name below */
	char constraint[64];
	uint64_t row;	    /* of a batch, from 0; or ORM_NO_ROW */
	unsigned json_line; /* where a JSON text cannot be read, from 1; 0: not by that */
	unsigned json_column;
	char text[384]; /* one line for a person, lower case, what failed first */
};

const char *orm_class_name(int class); /* "UNIQUE"; of a -errno its name in words */
const char *orm_class_text(int class);

#pragma GCC visibility pop

#endif
