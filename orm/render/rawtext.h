/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a statement as text write? A guess from its words, which errs to yes: what is taken for a
 * write goes to a connection that may write, is never run twice, and outdates results kept. What a
 * function does that a SELECT calls is not seen.
 */
#ifndef STRAZH_ORM_RAWTEXT_H
#define STRAZH_ORM_RAWTEXT_H

#include <stdbool.h>
#include <stddef.h>

bool raw_writes(const char *sql, size_t len);

/*
 * May it leave something on its connection that the end of a transaction does not take away: a
 * setting, a temporary table, an advisory lock, LISTEN? By its first word and a few others; errs to
 * yes.
 */
bool raw_stays(const char *sql, size_t len);

#endif
