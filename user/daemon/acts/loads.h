/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Lists on their way into the gate and out of it: in slices of some milliseconds, so that the loop
 * goes on. One at a time; the others wait, in the order in which they came. An operator's list is
 * copied to the disk by a thread when it is in force, and only then it is over.
 *
 *	waiting -> sliced -> (in force) copied -> done()
 *	any before "in force" -> loads_drop(): what was written is taken out, in slices as well
 *	a flush of the denied entries -> done(), with -ECANCELED and words
 */
#ifndef STRAZH_USER_DAEMON_ACTS_LOADS_H
#define STRAZH_USER_DAEMON_ACTS_LOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>
#include <user/ctl/request.h>
#include <user/gate/act.h>

struct client_link;
struct keeper;
struct load_order;

struct load_wanted {
	const char *name;
	const struct prefix *entries; /* sorted; the caller's until done() or loads_drop() */
	size_t count;		      /* 0: the list goes */
	uint32_t until_s;
	bool copy; /* keep one, with: */
	uint64_t until_wall;
	/* As act_load(); `copied`: 0, or why there is no copy. */
	void (*done)(void *context, int r, const struct list_report *report, int copied);
	void *context;
};

/* After acts_open(). 0 or -errno. */
int loads_open(struct keeper *keeper) must_check;
/*
 * After those who add, before acts_close(): one that is in force is brought to its end, others are
 * given up.
 */
void loads_close(struct keeper *keeper);

/* done() is called by the loop, once. 0 or -ENOMEM. */
int loads_add(struct keeper *keeper, const struct load_wanted *wanted,
	      struct load_order **ret_order) must_check;
/* Is that list on its way, in or out? NULL: any. */
bool loads_busy(const struct keeper *keeper, const char *name);
/* Is it too late to give it up? */
bool loads_in_force(const struct load_order *order);
/* done() is not called; entries are not looked at any more, unless they are being copied. */
void loads_drop(struct load_order *order);

/* As struct host has it: the request of a link. */
int loads_request(struct request *request, const char *name, struct records *records);
/* The client went away. */
void loads_abandon(struct client_link *link);

#endif
