/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One file of records, run on an empty database through the library, and judged. */
#ifndef TESTS_ORM_TOOLS_KIT_SLT_RUN_H
#define TESTS_ORM_TOOLS_KIT_SLT_RUN_H

#include <strazh/base/compiler.h>
#include <strazh/orm/session.h>

struct slt_sum {
	unsigned long passed;
	unsigned long failed;
	unsigned long skipped;
};

/*
 * Says each record that failed on stdout: file:line, what was expected, what came. Adds to *sum.
 * 0, whatever failed; -errno when the file cannot be read or memory is short.
 *
 * BEGIN, COMMIT, SAVEPOINT and their like become the library's own calls, for there a transaction
 * is the session's. Queries outside of one run on SQLite's readers, where the writer's temporary
 * tables are not seen.
 */
int slt_run(struct orm_session *s, const char *path, struct slt_sum *sum) must_check;

#endif
