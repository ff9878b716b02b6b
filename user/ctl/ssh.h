/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The operator's SSH peer: found by strazhctl, which runs in the session; protected by the gate. */
#ifndef STRAZH_USER_CTL_SSH_H
#define STRAZH_USER_CTL_SSH_H

#include <user/ctl/client.h>
#include <user/ctl/request.h>

/* A `prepare`: adds "ssh" to the arguments when this process runs in an SSH session. */
int ssh_prepare(struct client *client, json_t *args, bool *ret_stop);
/* Record the "ssh" of the request as never; a failure becomes a warning. */
void ssh_protect(struct request *request);

#endif
