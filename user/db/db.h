/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * strazh-db: what `strazhctl db` runs. A program of its own, so that strazhctl, of which every
 * `ban` is a start, need not carry the clients of two databases.
 */
#ifndef STRAZH_USER_DB_DB_H
#define STRAZH_USER_DB_DB_H

#include <stdbool.h>

#include <strazh/base/compiler.h>
#include <user/ctl/codes.h>
#include <user/store/move.h>

struct db {
	const char *url; /* the store that it is about */
	const char *to;	 /* copy: the target's */
	const char *file;
	bool final, json, quiet;
};

/* Each a ctl_code; what went wrong was said. */
int db_check(const struct db *db) must_check;
int db_export(const struct db *db) must_check;
int db_import(const struct db *db) must_check;
int db_copy(const struct db *db) must_check;

/* ---- how it is said ---- */

/* "strazhctl: db: ..." on stderr, and with --json as a result. Returns `code`. */
int db_fail(const struct db *db, int code, const char *format, ...) printf_like(3, 4);
/* What the store said; `what` failed, of this URL (shown without its password). */
int db_fail_store(const struct db *db, int r, const char *what, const char *url,
		  const struct store_fault *fault) must_check;
/* It is done, in words for a person; with --json `rows` beside them. */
int db_done(const struct db *db, uint64_t rows, const char *format, ...) printf_like(3, 4);

/* ---- opening ---- */

/*
 * Does a file of SQLite exist? A store that is asked about is not made by that. CTL_DONE also for
 * other databases; CTL_NOT_FOUND, and it was said.
 */
int db_exists(const struct db *db, const char *url) must_check;
/* For a tool: nothing is retained, and nothing waits long. A ctl_code. */
int db_open(const struct db *db, const char *url, struct store **ret_store) must_check;

#endif
