/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The messages are thrown away unread: whoever cares looks at the state itself. So an overrun
 * (ENOBUFS) is no loss, it is a change like any other.
 */
#include <user/net/netwatch.h>

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

static void netwatch_ready(struct watch *watch, uint32_t events)
{
	struct netwatch *netwatch = watch->context;
	char scrap[8192];
	bool changed = false;

	(void)events;
	for (int i = 0; i < 256; i++) {
		ssize_t n = mnl_socket_recvfrom(netwatch->socket, scrap, sizeof(scrap));

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		changed = true;
	}
	if (changed)
		netwatch->on_change(netwatch);
}

int netwatch_open(struct loop *loop, struct netwatch *netwatch,
		  void (*on_change)(struct netwatch *), void *context)
{
	const unsigned int groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
				    RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int r;

	if (!socket)
		return -errno;
	*netwatch = (struct netwatch){
		.watch = {.fd = mnl_socket_get_fd(socket),
			  .on_ready = netwatch_ready,
			  .context = netwatch},
		.loop = loop,
		.socket = socket,
		.on_change = on_change,
		.context = context,
	};
	r = mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
	if (!r)
		r = loop_add(loop, &netwatch->watch, EPOLLIN);
	if (r) {
		mnl_socket_close(socket);
		netwatch->loop = NULL;
	}
	return r;
}

void netwatch_close(struct netwatch *netwatch)
{
	if (!netwatch->loop)
		return;
	loop_remove(netwatch->loop, &netwatch->watch);
	mnl_socket_close(netwatch->socket);
	netwatch->loop = NULL;
}
