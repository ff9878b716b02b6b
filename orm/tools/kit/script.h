/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of SQL, statement by statement. Strings, quoted names, comments and $tag$ bodies are
 * skipped as the database would, and so is what a statement may have semicolons in: the body of a
 * trigger (SQLite), BEGIN ATOMIC ... END of a routine, and parentheses (PostgreSQL).
 */
#ifndef STRAZH_ORM_TOOLS_SCRIPT_H
#define STRAZH_ORM_TOOLS_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/db.h>

struct script {
	const char *at;
	const char *end;
	size_t line; /* of `at`, from 1 */
	enum orm_dialect dialect;
};

struct script_stmt {
	const char *text; /* without the semicolon and the space around it */
	size_t len;
	size_t line; /* where it begins */
};

/* The text is borrowed. */
void script_init(struct script *s, const char *text, size_t len, enum orm_dialect dialect);
/* The next statement that is not empty; false at the end. */
bool script_next(struct script *s, struct script_stmt *ret_stmt) must_check;

#endif
