/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Copies (user/feed/copy.h) on their way from the disk: a thread reads, checks and sieves them, so
 * that neither a slow disk nor a million entries hold the loop. One at a time; the others wait, in
 * the order in which they came. The thread has no rights and touches nothing but its own order.
 */
#ifndef STRAZH_USER_DAEMON_FEEDING_FEED_READS_H
#define STRAZH_USER_DAEMON_FEEDING_FEED_READS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/daemon/feeding/feed_child.h>
#include <user/feed/copy.h>
#include <user/feed/judge.h>
#include <user/feed/listed.h>
#include <user/net/loop.h>

struct feed_reads;
struct feed_read;

/* All but `bytes` and `listed` is the reader's; who wants those takes them (take_ptr()). */
struct feed_read_result {
	int r;		 /* 0 or -errno; -EBADMSG: no such copy */
	const char *why; /* with r */
	char *bytes;	 /* of the copy */
	struct feed_copy copy;
	uint64_t time_s; /* of the file */
	/* Of a list: */
	struct feed_sieve sieve;
	struct prefix *entries; /* in the bytes: */
	size_t left;		/* those that are taken */
	struct listed listed;	/* with `weighed` */
};

struct feed_read_wanted {
	char path[FEED_CHILD_PATH_LEN];
	bool lapi;
	uint64_t max_entries;
	/* Of a list: feed_sieve()'s, in any order; the reader's from feed_reads_add() on. */
	struct prefix *allow;
	size_t allow_len;
	bool wide;
	bool weighed; /* it does not ban: make a table of whom it lists */
	void (*done)(void *context, struct feed_read_result *result);
	void *context;
};

/* 0 or -errno. */
int feed_reads_open(struct loop *loop, struct feed_reads **ret_reads) must_check;
/* Waits for the thread. done() is not called any more. NULL is fine. */
void feed_reads_close(struct feed_reads *reads);

/* done() is called by the loop, once. 0 or -ENOMEM; `wanted` is copied. */
int feed_reads_add(struct feed_reads *reads, const struct feed_read_wanted *wanted,
		   struct feed_read **ret_read) must_check;
/* done() is not called. */
void feed_reads_drop(struct feed_read *read);

/* The same at once, where nobody waits; done() is not called. */
void feed_read_now(const struct feed_read_wanted *wanted, struct feed_read_result *ret_result);
void feed_read_result_deinit(struct feed_read_result *result);

#endif
