/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* To say or unsay something about an address, with the answer in words: ban, allow, never. */
#ifndef STRAZH_USER_CTL_SAYING_H
#define STRAZH_USER_CTL_SAYING_H

#include <user/ctl/request.h>
#include <user/gate/act.h>

#define SAYING_LEN 400

/* act_add() with the operator's bit; tells the host. A ctl_code or -errno, and the words. */
int saying_add(struct request *request, enum sz_table table, const struct prefix *prefix,
	       uint64_t for_s, const char *note, char text[SAYING_LEN]) must_check;
int saying_remove(struct request *request, enum sz_table table, const struct prefix *prefix,
		  char text[SAYING_LEN]) must_check;

#endif
