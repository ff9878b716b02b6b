/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* db export, import and copy. */
#include <user/db/db.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/daemon/config/config_mask.h>

static bool is_dash(const char *file)
{
	return strcmp(file, "-") == 0;
}

/* ---- export: a file is there whole, or as it was ---- */

static int export_to(const struct db *db, struct store *store, FILE *to, uint64_t *rows)
{
	struct store_fault fault = {0};
	int r = store_export(store, to, rows, &fault);

	if (r < 0 && !fault.text[0])
		return db_fail(db, CTL_FAILED, "'%s': %s", db->file, strerror(-r));
	return r ? db_fail_store(db, r, "export of", db->url, &fault) : CTL_DONE;
}

static int export_file(const struct db *db, struct store *store, uint64_t *rows)
{
	own_free char *next = NULL;
	FILE *to;
	int fd, code;

	if (asprintf(&next, "%s.new", db->file) < 0)
		return next = NULL, db_fail(db, CTL_FAILED, "out of memory");
	/* Whoever may not read the store may not read this. */
	(void)!unlink(next);
	fd = open(next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	to = fd < 0 ? NULL : fdopen(fd, "w");
	if (!to)
		return db_fail(db, CTL_FAILED, "'%s': %s", next, strerror(errno));
	code = export_to(db, store, to, rows);
	if (!code && (fflush(to) || fsync(fd)))
		code = db_fail(db, CTL_FAILED, "'%s': %s", next, strerror(errno));
	if (fclose(to) && !code)
		code = db_fail(db, CTL_FAILED, "'%s': %s", next, strerror(errno));
	if (!code && rename(next, db->file))
		code = db_fail(db, CTL_FAILED, "'%s': %s", db->file, strerror(errno));
	if (code)
		(void)!unlink(next);
	return code;
}

int db_export(const struct db *db)
{
	struct db said = *db;
	struct store *store;
	uint64_t rows = 0;
	int code = db_exists(db, db->url);

	if (!code)
		code = db_open(db, db->url, &store);
	if (code)
		return code;
	if (is_dash(db->file)) {
		said.quiet = true; /* stdout is the file */
		said.json = false;
		code = export_to(&said, store, stdout, &rows);
	} else {
		code = export_file(db, store, &rows);
	}
	store_close(store, NULL);
	return code ? code : db_done(&said, rows, "'%s': %" PRIu64 " rows", db->file, rows);
}

/* ---- import ---- */

int db_import(const struct db *db)
{
	FILE *from = is_dash(db->file) ? stdin : fopen(db->file, "re");
	struct store_fault fault = {0};
	char shown[512];
	struct store *store;
	uint64_t rows = 0;
	int r, code;

	if (!from)
		return db_fail(db, errno == ENOENT ? CTL_NOT_FOUND : CTL_FAILED, "'%s': %s",
			       db->file, strerror(errno));
	code = db_open(db, db->url, &store);
	if (!code) {
		r = store_import(store, from, &rows, &fault);
		store_close(store, NULL);
		if (r == STORE_MALFORMED)
			code = db_fail(db, CTL_FAILED, "'%s': %s; nothing was imported", db->file,
				       fault.text);
		else if (r < 0 && !fault.text[0])
			code = db_fail(db, CTL_FAILED, "'%s': %s; nothing was imported", db->file,
				       strerror(-r));
		else if (r)
			code = db_fail_store(db, r, "import into", db->url, &fault);
	}
	if (from != stdin)
		(void)fclose(from);
	return code ? code
		    : db_done(db, rows, "'%s': %" PRIu64 " rows",
			      config_mask_url(db->url, shown, sizeof(shown)), rows);
}

/* ---- copy ---- */

int db_copy(const struct db *db)
{
	struct store_copied copied = {0};
	struct store_fault fault = {0};
	char shown[512];
	int r, code = db_exists(db, db->url);

	if (code)
		return code;
	r = store_copy(db->url, db->to, db->final, &copied, &fault);
	(void)config_mask_url(db->to, shown, sizeof(shown));
	if (r == STORE_BROKEN && !db->final)
		return db_done(db, copied.rows,
			       "'%s': %" PRIu64 " rows; the source is written to all the time, and "
			       "the copy is behind it by what came meanwhile",
			       shown, copied.rows);
	if (r)
		return db_fail_store(db, r, "copy to", db->to, &fault);
	return db_done(db, copied.rows, "'%s': %" PRIu64 " rows%s", shown, copied.rows,
		       copied.equal ? ", proved equal"
				    : ", as the source was when they were last compared");
}
