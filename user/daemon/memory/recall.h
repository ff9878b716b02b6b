/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Reading from the store without waiting for it: a thread of its own reads, one order after the
 * other, and what it found is collected in the loop of the owner. Orders and findings are bounded:
 * the thread waits until findings are collected. While the database is away it tries again, all but
 * stories, which are for somebody who waits.
 */
#ifndef STRAZH_USER_DAEMON_MEMORY_RECALL_H
#define STRAZH_USER_DAEMON_MEMORY_RECALL_H

#include <jansson.h>

#include <strazh/base/compiler.h>
#include <user/store/store.h>

#define RECALL_SUBJECTS_MAX 24U
#define RECALL_RECORDS_MAX 40U /* of a story */
#define RECALL_ONES_MAX 1024U  /* single sources that wait to be read */
#define RECALL_STORIES_MAX 64U

struct recall;

/* What was found, called by recall_collect(). Nothing of it outlives the call, but `records`. */
struct recall_ops {
	void (*source)(void *owner, const struct store_source *source);
	/* A ban of the origin that was asked for; its until may be past. */
	void (*ban)(void *owner, const struct store_ban *ban);
	/* recall_all() is done: every source and ban has been told. */
	void (*all)(void *owner, uint32_t sources, uint32_t bans, bool more);
	/* So is recall_bans(). */
	void (*bans)(void *owner, uint32_t bans);
	/* One that recall_one() asked for has been told, or is not there. */
	void (*one)(void *owner, const struct prefix *prefix);
	/*
	 * An array of {"at", "actor", "action", "subject", "cause"}, the oldest first, which is the
	 * callee's; NULL: `why` says why not.
	 */
	void (*story)(void *owner, void *tag, json_t *records, const char *why);
};

int recall_new(struct store *store, const struct recall_ops *ops, void *owner,
	       struct recall **ret_recall) must_check;
/* Its thread is to end; recall_free() waits for it. NULL is fine. */
void recall_stop(struct recall *recall);
/* Waits for the read that is going on; no operation is called. NULL is fine. */
void recall_free(struct recall *recall);
/* Readable when recall_collect() has something to tell. */
int recall_fd(const struct recall *recall);
/* Some of it; recall_fd() stays readable where there may be more. */
void recall_collect(struct recall *recall);

/*
 * The `most` sources that were seen last, then all bans of `origin` (static), as of every act that
 * the store took before. 0 or -ENOMEM.
 */
int recall_all(struct recall *recall, uint32_t most, const char *origin) must_check;
/* All bans of `origin` (static). 0 or -ENOMEM. */
int recall_bans(struct recall *recall, const char *origin) must_check;
/* One source. 0, -ENOBUFS, -ENOMEM. */
int recall_one(struct recall *recall, const struct prefix *prefix) must_check;
/* The newest records about any of these. 0, -ENOBUFS, -ENOMEM; then `story` is called once. */
int recall_story(struct recall *recall, const struct prefix *subjects, size_t len,
		 void *tag) must_check;

#endif
