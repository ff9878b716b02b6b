/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* `load FILE`: strazhctl reads and parses the file, and sends records. */
#ifndef STRAZH_USER_CTL_LISTFILE_H
#define STRAZH_USER_CTL_LISTFILE_H

#include <user/ctl/client.h>

int listfile_prepare(struct client *client, json_t *args, bool *ret_stop);
/* Name of a list from that of its file: "drop" of /tmp/drop.txt. */
void listfile_name(const char *path, char *name, size_t size);

#endif
