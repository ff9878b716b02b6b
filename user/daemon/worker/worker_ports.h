/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The ports of the secured server. The keeper binds them while it may bind those below 1024, and
 * keeps them: a worker that is started again gets the same sockets, and who connected meanwhile
 * waits in their backlogs. They listen from the first worker on.
 */
#ifndef STRAZH_USER_DAEMON_WORKER_WORKER_PORTS_H
#define STRAZH_USER_DAEMON_WORKER_WORKER_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/daemon/config/config.h>
#include <user/daemon/worker/worker_plan.h>

struct worker_ports {
	int *fds; /* for each reactor one of each address */
	size_t len;
	uint16_t numbers[WORKER_ADDRESSES_MAX];
	size_t numbers_len;
};

/* 0; CONFIG_WRONG, and the fault is added; -ENOMEM. */
int worker_ports_open(const struct config *config, struct worker_ports *ret_ports,
		      struct config_faults *faults) must_check;
void worker_ports_close(struct worker_ports *ports);
/* It is one of the numbers. */
bool worker_ports_has(const struct worker_ports *ports, uint16_t number);
/* What `r` means, where plan->failed says which address it was. As worker_ports_open(). */
int worker_ports_refuse(const struct worker_plan *plan, const struct config *config, int r,
			struct config_faults *faults) must_check;

#endif
