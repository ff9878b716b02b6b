/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A list, not a table: it is short, and looked through once a stream. */
#include <user/service/upstreams.h>

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#define HOST_MAX 253 /* RFC 1035, section 2.3.4, as text */
#define PORT_LEN 5

struct target {
	char host[HOST_MAX + 1];
	char port[PORT_LEN + 1];
};

static bool name_is_right(const char *name)
{
	size_t len = strlen(name);

	return len && len <= TUNNEL_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       len;
}

static bool port_is_right(const char *port)
{
	size_t len = strlen(port);
	unsigned number = 0;

	if (!len || len > PORT_LEN || strspn(port, "0123456789") != len)
		return false;
	for (; *port; port++)
		number = 10 * number + (unsigned)(*port - '0');
	return number && number <= UINT16_MAX;
}

static int split(const char *text, struct target *ret_target)
{
	const char *colon = strrchr(text, ':'), *host = text;
	struct target target = {{0}, {0}};
	size_t len;

	if (!colon || !port_is_right(colon + 1))
		return -EINVAL;
	len = (size_t)(colon - text);
	if (*text == '[') {
		if (len < 2 || text[len - 1] != ']')
			return -EINVAL;
		host = text + 1;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return -EINVAL; /* an IPv6 address without brackets */
	}
	if (!len || len > HOST_MAX)
		return -EINVAL;
	memcpy(target.host, host, len);
	memcpy(target.port, colon + 1, strlen(colon + 1));
	*ret_target = target;
	return 0;
}

/* 0, or what getaddrinfo() says. */
static int look_up(const struct target *target, struct upstream *upstream)
{
	struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found;
	int r = getaddrinfo(target->host, target->port, &want, &found);

	if (r)
		return r;
	for (struct addrinfo *a = found; a && upstream->count < UPSTREAM_ADDRESSES_MAX;
	     a = a->ai_next) {
		if (a->ai_addrlen > sizeof(upstream->addresses[0]))
			continue;
		memcpy(&upstream->addresses[upstream->count], a->ai_addr, a->ai_addrlen);
		upstream->lens[upstream->count++] = a->ai_addrlen;
	}
	freeaddrinfo(found);
	return upstream->count ? 0 : EAI_NONAME;
}

static int refuse(char why[SERVICE_WHY_LEN], const struct service_setting *line, const char *right)
{
	snprintf(why, SERVICE_WHY_LEN, "%.32s '%.32s': %.58s", line->key, line->value, right);
	return -EINVAL;
}

int upstreams_add(struct upstreams *upstreams, const struct service_setting *line,
		  char why[SERVICE_WHY_LEN])
{
	own_free struct upstream *upstream = NULL;
	struct target target;
	int r;

	if (split(line->value, &target))
		return refuse(why, line, "no such key; an upstream is NAME = HOST:PORT");
	if (!name_is_right(line->key))
		return refuse(why, line, "a name is 1 to 64 letters, digits, . _ -");
	if (upstreams_find(upstreams, line->key, strlen(line->key)))
		return refuse(why, line, "this name is there already");
	if (upstreams->count == UPSTREAMS_MAX)
		return refuse(why, line, "there may be 256 upstreams");
	upstream = calloc(1, sizeof(*upstream));
	if (!upstream)
		return -ENOMEM;
	r = look_up(&target, upstream);
	if (r)
		return r == EAI_MEMORY ? -ENOMEM : refuse(why, line, gai_strerror(r));
	memcpy(upstream->name, line->key, strlen(line->key));
	upstreams->list[upstreams->count++] = take_ptr(upstream);
	return 0;
}

const struct upstream *upstreams_find(const struct upstreams *upstreams, const void *name,
				      size_t len)
{
	for (size_t i = 0; i < upstreams->count; i++) {
		const struct upstream *u = upstreams->list[i];

		if (strlen(u->name) == len && !memcmp(u->name, name, len))
			return u;
	}
	return NULL;
}

void upstreams_deinit(struct upstreams *upstreams)
{
	for (size_t i = 0; i < upstreams->count; i++)
		free(upstreams->list[i]);
	upstreams->count = 0;
}
