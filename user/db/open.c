/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/db/db.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/daemon/config/config_mask.h>

static int nibble(char c)
{
	const char *digits = "0123456789abcdef", *at;

	if (c >= 'A' && c <= 'F')
		c = (char)(c - 'A' + 'a');
	at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* sqlite:PATH[?...] and sqlite://PATH, escapes resolved; NULL: another database, or no memory. */
static char *file_of(const char *url)
{
	char *path, *to;

	if (strncmp(url, "sqlite:", 7) != 0)
		return NULL;
	url += strncmp(url + 7, "//", 2) == 0 ? 9 : 7;
	path = strndup(url, strcspn(url, "?#"));
	if (!path)
		return NULL;
	to = path;
	for (const char *at = path; *at; at++) {
		int high = *at == '%' ? nibble(at[1]) : -1, low = high < 0 ? -1 : nibble(at[2]);

		*to++ = low < 0 ? *at : (char)(high << 4 | low);
		at += low < 0 ? 0 : 2;
	}
	*to = '\0';
	return path;
}

int db_exists(const struct db *db, const char *url)
{
	own_free char *path = file_of(url);

	if (!path || !*path || strcmp(path, ":memory:") == 0 || !access(path, F_OK))
		return CTL_DONE;
	return db_fail(db, errno == ENOENT || errno == ENOTDIR ? CTL_NOT_FOUND : CTL_FAILED,
		       "'%s': %s", path, strerror(errno));
}

int db_open(const struct db *db, const char *url, struct store **ret_store)
{
	static const struct store_options options = {.retain_every_ms = -1, .close_ms = 1000};
	struct store_fault fault = {0};
	int r = store_open(url, &options, ret_store, &fault);

	return r ? db_fail_store(db, r, "store", url, &fault) : CTL_DONE;
}
