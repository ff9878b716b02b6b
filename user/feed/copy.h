/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A copy of a feed as strazh-fetch left it: bytes that are believed in nothing until checked. */
#ifndef STRAZH_USER_FEED_COPY_H
#define STRAZH_USER_FEED_COPY_H

#include <stddef.h>

#include <strazh/base/compiler.h>
#include <user/feed/message.h>

struct feed_copy {
	struct feed_head head;
	/* In the checked bytes: one of them, by head.format. */
	const struct prefix *entries;
	const struct feed_decision *decisions;
};

/* As large as it may be. */
uint64_t feed_copy_size_most(enum feed_format format, uint64_t max_entries);

/*
 * 0, or -EBADMSG and *ret_why (static): not such a copy; `lapi` says which kind is expected.
 * `bytes` are aligned as malloc() does it, and outlive *ret_copy. Entries are canonical, sorted,
 * without duplicates; texts of the head are clean.
 */
int feed_copy_check(const void *bytes, size_t len, bool lapi, uint64_t max_entries,
		    struct feed_copy *ret_copy, const char **ret_why) must_check;

#endif
