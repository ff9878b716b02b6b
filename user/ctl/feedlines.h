/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* `ban -`, `unban -`, `allow -`, `disallow -`, `report -`: lines of stdin, each done as soon as it
 * is read. */
#ifndef STRAZH_USER_CTL_FEEDLINES_H
#define STRAZH_USER_CTL_FEEDLINES_H

#include <user/ctl/client.h>

/* A `prepare`: for the prefix "-" it does it all and stops. */
int feedlines_prepare(struct client *client, json_t *args, bool *ret_stop);

#endif
