/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Whole stores: checked, written to a file and read from one, copied from one database to the
 * other.
 *
 * The file is JSON lines. The first is {"strazh store":{"version":1}}, the last {"end":{"rows":N}};
 * each between is one row, {"TABLE":{COLUMN:VALUE,...}}, as strazh/orm/json.h writes it, in the
 * order of tables.h and there by key (bytes of its text): two equal stores give the same file,
 * whatever their databases.
 */
#ifndef STRAZH_USER_STORE_MOVE_H
#define STRAZH_USER_STORE_MOVE_H

#include <stdio.h>

#include <user/store/audit.h>

#define STORE_LINE_MAX 65536U /* bytes of a line to import */
#define STORE_COUNTS_MAX 16U

struct store_count {
	const char *table;
	uint64_t rows;
};
struct store_state {
	const char *server; /* "SQLite 3.40.1"; as long as the store is open */
	struct store_count counts[STORE_COUNTS_MAX];
	unsigned count;
	struct store_audit_state audit;
};
/*
 * The database's own check of itself (SQLite), its tables against those that this program expects,
 * every prefix, the audit chain, and the rows of each table. 0; STORE_BROKEN: *ret_fault says what
 * was found first, and *ret_state what was counted; STORE_DOWN.
 */
int store_check(struct store *store, struct store_state *ret_state,
		struct store_fault *ret_fault) must_check;

/* Of one moment, while others write. *ret_rows may be NULL. -errno when the file cannot be written.
 */
int store_export(struct store *store, FILE *to, uint64_t *ret_rows,
		 struct store_fault *ret_fault) must_check;
/*
 * Into a store without rows (else STORE_NOT_EMPTY); all of it or, when anything is wrong, nothing:
 * STORE_MALFORMED with "line 3, column 17: ..."; STORE_BROKEN when its audit chain is not whole.
 */
int store_import(struct store *store, FILE *from, uint64_t *ret_rows,
		 struct store_fault *ret_fault) must_check;

/*
 * Between databases by URL, with the ORM's copy (strazh/orm/copy.h): from a snapshot while the
 * source is used, repaired until equal; goes on where it was stopped. `final`: nobody writes to the
 * source any more, and the two are proved equal. STORE_NOT_EMPTY: the target has rows that are not
 * of such a copy, or was written to since. STORE_BROKEN: they differ, and *ret_fault says where.
 */
struct store_copied {
	uint64_t rows; /* of the source, as it was compared last */
	bool equal;    /* proved: `final` */
};
int store_copy(const char *from_url, const char *to_url, bool final,
	       struct store_copied *ret_copied, struct store_fault *ret_fault) must_check;

/*
 * A store at work goes over to another database: the writer, between two groups, copies (final),
 * has both proved equal, and from then on writes there; acts wait in the backlog meanwhile. So
 * there is one truth and one audit chain at any time, and to go back is the same once more. Never
 * waits: how it ends is told by store_switched(), after store_fd() became readable.
 *
 * `commit` is called in the writer's thread when the two are equal and before anything is written
 * to the new one: it has to make sure that the next start takes the new URL. Other than 0 (-errno),
 * and all stays as it was. 0; -EBUSY: one is under way, or there were 8; -EINVAL: it is there
 * already; -ENOMEM.
 */
int store_switch(struct store *store, const char *to_url,
		 int (*commit)(void *data, const char *url), void *data) must_check;
struct store_switched {
	enum { STORE_SWITCH_NONE, STORE_SWITCH_RUNS, STORE_SWITCH_DONE, STORE_SWITCH_FAILED } now;
	uint64_t rows, number; /* copied, when done; how many were asked for */
	int64_t took_ms;       /* nothing was written so long */
	struct store_fault why;
};
void store_switched(struct store *store, struct store_switched *ret_state);

#endif
