/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a tunnel may lead to: names of the configuration, each with the addresses that its host:port
 * had when the configuration was read. Read-only afterwards, so reactors share it without a lock.
 */
#ifndef STRAZH_USER_SERVICE_UPSTREAMS_H
#define STRAZH_USER_SERVICE_UPSTREAMS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <strazh/base/compiler.h>
#include <user/service/service.h>
#include <user/wire/tunnel.h>

#define UPSTREAMS_MAX 256
#define UPSTREAM_ADDRESSES_MAX 8

struct upstream {
	char name[TUNNEL_NAME_MAX + 1];
	unsigned count; /* at least one */
	struct sockaddr_storage addresses[UPSTREAM_ADDRESSES_MAX];
	socklen_t lens[UPSTREAM_ADDRESSES_MAX];
};

struct upstreams {
	size_t count;
	struct upstream *list[UPSTREAMS_MAX];
};

/*
 * One line of the configuration, name = host:port: "127.0.0.1:80", "[::1]:80", "db.internal:5432".
 * A host that is a name is looked up here and now. -EINVAL: `why` says what would be right.
 */
int upstreams_add(struct upstreams *upstreams, const struct service_setting *line,
		  char why[SERVICE_WHY_LEN]) must_check;
/* NULL: absent. `name` needs no terminator. */
const struct upstream *upstreams_find(const struct upstreams *upstreams, const void *name,
				      size_t len);
void upstreams_deinit(struct upstreams *upstreams);

#endif
