/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Tells that interfaces, addresses or routes of this network namespace changed; not what. */
#ifndef STRAZH_USER_NET_NETWATCH_H
#define STRAZH_USER_NET_NETWATCH_H

#include <user/net/loop.h>

struct mnl_socket;

struct netwatch {
	struct watch watch;
	struct loop *loop;
	struct mnl_socket *socket;
	void (*on_change)(struct netwatch *netwatch);
	void *context;
};

int netwatch_open(struct loop *loop, struct netwatch *netwatch,
		  void (*on_change)(struct netwatch *), void *context) must_check;
void netwatch_close(struct netwatch *netwatch);

#endif
