/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What prefix_from() says is canonical: it alone knows of mapped addresses. */
#include <user/net/endpoint.h>

#include <netinet/in.h>
#include <string.h>

struct endpoint endpoint_of(uint8_t family, const void *addr, uint16_t port)
{
	struct prefix host = prefix_from(family, addr, prefix_len_max(family));
	struct endpoint endpoint = {.port = port, .family = host.family};

	memcpy(endpoint.addr, host.addr, sizeof(endpoint.addr));
	return endpoint;
}

struct endpoint endpoint_from(const struct sockaddr_storage *address)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	switch (address->ss_family) {
	case AF_INET:
		memcpy(&v4, address, sizeof(v4));
		return endpoint_of(4, &v4.sin_addr, ntohs(v4.sin_port));
	case AF_INET6:
		memcpy(&v6, address, sizeof(v6));
		return endpoint_of(6, &v6.sin6_addr, ntohs(v6.sin6_port));
	default:
		return (struct endpoint){0};
	}
}

socklen_t endpoint_to(const struct endpoint *endpoint, struct sockaddr_storage *ret_address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint->port)};

	memset(ret_address, 0, sizeof(*ret_address));
	switch (endpoint->family) {
	case 4:
		memcpy(&v4.sin_addr, endpoint->addr, sizeof(v4.sin_addr));
		memcpy(ret_address, &v4, sizeof(v4));
		return sizeof(v4);
	case 6:
		memcpy(&v6.sin6_addr, endpoint->addr, sizeof(v6.sin6_addr));
		memcpy(ret_address, &v6, sizeof(v6));
		return sizeof(v6);
	default:
		return 0;
	}
}

struct prefix endpoint_host(const struct endpoint *endpoint)
{
	return prefix_from(endpoint->family, endpoint->addr, prefix_len_max(endpoint->family));
}
