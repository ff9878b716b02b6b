/* SPDX-License-Identifier: Apache-2.0 */
/* "host", "host:port", "[v6]:port", "v6". */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/client/parts.h>

/* Also with a zone: fe80::1%eth0. */
static bool is_v6(const char *text)
{
	char plain[INET6_ADDRSTRLEN];
	struct in6_addr ignored;
	size_t len = strcspn(text, "%");

	if (len >= sizeof(plain))
		return false;
	memcpy(plain, text, len);
	plain[len] = 0;
	return inet_pton(AF_INET6, plain, &ignored) == 1;
}

static bool is_port(const char *text)
{
	unsigned port = 0;

	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		port = port * 10 + (unsigned)(*text - '0');
		if (port > UINT16_MAX)
			return false;
	}
	return port;
}

int address_split(const char *address, char **ret_host, char **ret_port)
{
	const char *colon = strrchr(address, ':'), *end = colon;
	char standard[8], *host, *port;

	snprintf(standard, sizeof(standard), "%d", PH_PORT);
	if (*address == '[') {
		end = strchr(++address, ']');
		if (!end || (end[1] && end[1] != ':') || (end[1] && !end[2]))
			return -EINVAL;
		colon = end[1] ? end + 1 : NULL;
	} else if (colon && strchr(address, ':') != colon) {
		if (!is_v6(address))
			return -EINVAL;
		colon = end = NULL;
	} else if (colon && !colon[1]) {
		return -EINVAL;
	}
	if (end == address || !*address || (colon && !is_port(colon + 1)))
		return -EINVAL;
	host = end ? strndup(address, (size_t)(end - address)) : strdup(address);
	port = strdup(colon ? colon + 1 : standard);
	if (!host || !port) {
		free(host);
		free(port);
		return -ENOMEM;
	}
	*ret_host = host;
	*ret_port = port;
	return 0;
}

int address_find(struct strazh *s)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *all;
	int r = getaddrinfo(s->host, s->port, &hints, &all);

	if (r)
		return note_fault(s, STRAZH_E_ADDRESS, "'%s' port '%s': %s", s->host, s->port,
				  gai_strerror(r));
	s->addresses.count = s->addresses.next = 0;
	for (const struct addrinfo *at = all; at && s->addresses.count < ADDRESSES_MAX;
	     at = at->ai_next) {
		unsigned n = s->addresses.count++;

		memcpy(&s->addresses.at[n], at->ai_addr, at->ai_addrlen);
		s->addresses.len[n] = at->ai_addrlen;
	}
	freeaddrinfo(all);
	return 0;
}
