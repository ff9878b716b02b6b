/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Copies of loaded lists: <state dir>/lists/NAME, a text that `strazhctl load` reads as well. The
 * store has a row for the list and how many entries it has; the entries are here, one a line, below
 *
 *	# strazh list 1 NAME ENTRIES UNTIL		(seconds of the wall; 0: for good)
 *
 * A copy is made beside the old one, confirmed by the disk, and takes its place in one step.
 */
#ifndef STRAZH_USER_CTL_LISTCOPY_H
#define STRAZH_USER_CTL_LISTCOPY_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/base/cidrlist.h>
#include <user/base/prefix.h>

#define LISTCOPY_DIR "lists"
#define LISTCOPY_MAX 64U /* as many lists as the gate has bits for */

/* `name` as lists_check_name() has it. 0 or -errno. */
int listcopy_write(const char *state_dir, const char *name, const struct prefix *entries,
		   size_t count, uint64_t until_wall) must_check;
/*
 * 0, and cidrlist_deinit() *ret_list; -ENOENT; -EBADMSG: it is not what was written; -ENOMEM, or
 * -errno.
 */
int listcopy_read(const char *state_dir, const char *name, struct cidrlist *ret_list,
		  uint64_t *ret_until_wall) must_check;
/* 0 also when there is none. */
int listcopy_remove(const char *state_dir, const char *name) must_check;
/* Names of all copies, at most LISTCOPY_MAX. */
struct listcopy_names {
	size_t count;
	char at[LISTCOPY_MAX][64];
};
int listcopy_names(const char *state_dir, struct listcopy_names *ret_names) must_check;

#endif
