/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Calls into another thread: a bounded queue of many writers and one reader, and an eventfd that
 * wakes the reader. Posting never waits and never allocates.
 */
#ifndef STRAZH_USER_NET_MAILBOX_H
#define STRAZH_USER_NET_MAILBOX_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

enum mailbox_condition {
	MAILBOX_FULL = 1,
};

/* `receiver` NULL: the receiver is gone, only release what the item holds. */
typedef void mail_run(void *receiver, void *item);

/* A call that always finds room: embedded in what it carries. */
struct mail {
	struct mail *next; /* the mailbox's */
	mail_run *run;
	void *item;
};

struct mailbox;

/* `len` letters at most, rounded up to a power of two. */
int mailbox_new(size_t len, struct mailbox **ret_box) must_check;
/* Runs what is left with receiver NULL. Nobody may post any more. */
void mailbox_free(struct mailbox *box);
/* Readable when there may be mail. */
int mailbox_fd(const struct mailbox *box);
/* Any thread. The item is the receiver's from here on, unless this fails. 0 or MAILBOX_FULL. */
int mailbox_post(struct mailbox *box, mail_run *run, void *item) must_check;
/* Any thread, and never fails: the letter is the receiver's from here on. In the order in which
 * they were pushed, and before what was posted. */
void mailbox_push(struct mailbox *box, struct mail *letter);
/* Any thread and any signal handler: wakes the reader, with or without mail. */
void mailbox_wake(struct mailbox *box);
/*
 * The reader's: runs what is there, at most as much as the box holds; what is more wakes again.
 * How many ran.
 */
size_t mailbox_run(struct mailbox *box, void *receiver);
/* How often it was full, since it was made. Any thread. */
uint64_t mailbox_refused(const struct mailbox *box);

#endif
