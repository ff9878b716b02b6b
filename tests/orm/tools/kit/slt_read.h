/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Files in the format of sqllogictest (sqlite.org/sqllogictest, "Test Script Format"), record by
 * record. Records are separated by empty lines; lines that begin with # are comments; CRLF and
 * space at the end of a line do not matter.
 *
 *	statement ok | error [REGEX]         SQL follows
 *	query TYPES [SORT] [LABEL]           SQL, ----, and the values, one a line
 *	query error [REGEX]                  SQL follows
 *	hash-threshold N     halt     skipif DATABASE     onlyif DATABASE
 *
 * Behind `error` and its SQL may stand ---- and lines, each to be found in the message.
 */
#ifndef TESTS_ORM_TOOLS_KIT_SLT_READ_H
#define TESTS_ORM_TOOLS_KIT_SLT_READ_H

#include <stdbool.h>
#include <stddef.h>

#include <strazh/base/compiler.h>

enum slt_kind { SLT_STATEMENT, SLT_QUERY, SLT_THRESHOLD, SLT_HALT };
enum slt_sort { SLT_NOSORT, SLT_ROWSORT, SLT_VALUESORT };

/* Texts are the reader's, until its next record. */
struct slt_record {
	enum slt_kind kind;
	unsigned line;	    /* of its first word, from 1 */
	bool skip;	    /* a skipif or onlyif says so */
	bool error;	    /* it must fail */
	const char *regex;  /* then: what the message must match; NULL: any */
	char *sql;	    /* without the last newline */
	const char *types;  /* of a query: I, R, T each */
	enum slt_sort sort; /* of a query */
	const char *label;  /* of a query; NULL: none */
	unsigned long threshold;
	char **want; /* the lines behind ---- */
	size_t wants;
};

struct slt_reader {
	char *text; /* of the file, changed as it is read */
	char *next; /* the line to be read */
	char *end;
	unsigned line;
	const char *database;
	char **want;
	size_t room;
};

/* Read the file. `database` is who we are for skipif and onlyif; borrowed. 0 or -errno. */
int slt_open(struct slt_reader *r, const char *path, const char *database) must_check;
void slt_close(struct slt_reader *r);
/*
 * 0: *ret_record. SLT_END: no more. SLT_BAD: no record of this format; only `line` is set, *ret_why
 * says what is wrong, and the next call goes on behind it. -ENOMEM.
 */
enum { SLT_END = 1, SLT_BAD };
int slt_next(struct slt_reader *r, struct slt_record *ret_record, const char **ret_why) must_check;

#endif
