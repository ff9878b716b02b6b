/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements of a program, written down as they first run, for orm-check to prepare them on a real
 * database: one JSON object a line, {"sqlite": SQL, "postgresql": SQL, "params": [TYPE, ...]}. A
 * program that was run on one database so tells what the other will say. Where one of the two
 * refuses the query, "refused" has its reason: {"postgresql": SQL, "sqlite_refused": REASON, ...}.
 * Text only, no values. Processes may share the file: a line is one write.
 */
#ifndef STRAZH_ORM_RECORD_H
#define STRAZH_ORM_RECORD_H

#include <orm/query/query.h>

struct record;
struct orm_error;

int record_open(const char *path, struct record **ret_record, struct orm_error *err) must_check;
void record_close(struct record *record);
/* Best effort: what cannot be written, or is too much for one file, is counted. */
void record_query(struct record *record, const struct orm_query *q);
uint64_t record_lost(const struct record *record);

#endif
