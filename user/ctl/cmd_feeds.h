/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STRAZH_USER_CTL_CMD_FEEDS_H
#define STRAZH_USER_CTL_CMD_FEEDS_H

#include <jansson.h>

struct host_feed;

/* The row of one feed, the caller's; NULL: no memory. */
json_t *feed_row(const struct host_feed *feed);

#endif
