/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Lines of standard input, read as they come. */
#ifndef STRAZH_USER_CLIENT_CLI_LINES_H
#define STRAZH_USER_CLIENT_CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include <strazh/base/compiler.h>

#define LINES_MAX 65536 /* of one, with its end */

struct lines {
	size_t at, len;
	bool ended;
	char text[LINES_MAX + 1];
};

/* Without its end; valid until the next lines_read(). NULL: there is no whole one here. The last
 * one may lack its end; one that is too long comes in pieces. */
char *lines_next(struct lines *lines, size_t *ret_len);
/* One read(2). -errno; `ended` is set at the end. */
int lines_read(struct lines *lines, int fd) must_check;

#endif
