/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Lines of `strazhctl ban -`: ADDR[/LEN] [DURATION] [REASON...]; empty and # lines say nothing. */
#ifndef STRAZH_USER_CTL_BANLINES_H
#define STRAZH_USER_CTL_BANLINES_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>

#define BANLINE_WHY_LEN 240

struct banline {
	struct prefix prefix;
	uint64_t for_s;	    /* 0: none was given */
	const char *reason; /* into the line; NULL: none was given */
};

#define BANLINE_EMPTY 1
/*
 * Cuts `line` up in place. 0, BANLINE_EMPTY, or -EINVAL and `why`. A second word that begins with a
 * digit must be a duration; any other begins the reason.
 */
int banline_parse(char *line, struct banline *ret_line, char why[BANLINE_WHY_LEN]) must_check;

#endif
