/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* How the rows of a command look to a person. */
#ifndef STRAZH_USER_CTL_VIEW_H
#define STRAZH_USER_CTL_VIEW_H

#include <jansson.h>
#include <stddef.h>

#include <user/ctl/table.h>

struct render;

struct view {
	const struct column *columns; /* a table; NULL: only `row` */
	/* Another way to show a row; `end` shows what was gathered. May be NULL. */
	void (*row)(struct render *render, const json_t *row);
	void (*end)(struct render *render);
	const char *nothing; /* said when there was no row */
};

extern const struct view view_list, view_lists, view_events, view_stats, view_settings, view_status,
	view_why, view_problems, view_service, view_rate, view_explain, view_top, view_profile,
	view_keys, view_guard;

#endif
