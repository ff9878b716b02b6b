/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What top and capture share: they look at packets through a tap, in strazhctl itself. */
#ifndef STRAZH_USER_CTL_WATCHING_H
#define STRAZH_USER_CTL_WATCHING_H

#include <jansson.h>
#include <stdbool.h>

#include <user/ctl/client.h>
#include <user/ctl/request.h>
#include <user/gate/tap.h>

/* The gate for reading, or a ctl_code and it has been said. */
int watching_gate(struct client *client, struct gate **ret_gate) must_check;
/* What tap_open() returned, as a ctl_code; said. */
int watching_fail(struct client *client, int r);
/* Ctrl-C and TERM end the watching, they do not kill. */
void watching_signals(void);
bool watching_over(void);
/* `run` of commands that strazhctl carries out itself. */
int watching_run(struct request *request);

#endif
