/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The text of a feed: what user/base/cidrlist.h reads, and the first column of CSV. Pure. */
#ifndef STRAZH_USER_FEED_TEXT_H
#define STRAZH_USER_FEED_TEXT_H

#include <user/base/cidrlist.h>
#include <user/feed/message.h>

/* FEED_AUTO: FEED_CSV where most of the first lines that are no comments have a comma. */
enum feed_format feed_text_format(const char *text, size_t len);

#define FEED_TEXT_TOO_MANY 1
/*
 * FEED_AUTO, FEED_PLAIN or FEED_CSV. Of CSV, all but the first column is written over with spaces,
 * and so is a first line whose first column holds no digit and no colon: names of columns. 0,
 * FEED_TEXT_TOO_MANY, -ENOMEM.
 */
int feed_text_parse(enum feed_format format, char *text, size_t len, uint64_t max_entries,
		    struct cidrlist *ret_list) must_check;

#endif
