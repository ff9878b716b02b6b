/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <strazh/orm/error.h>

#include <orm/base/netaddr.h>

struct netaddr {
	int family;
	uint8_t addr[16];
	unsigned bits; /* the length after '/' */
	unsigned most; /* of the family */
};

/* 1 to 3 digits without leading zeros, at most `most`. */
static int parse_bits(const char *text, size_t len, unsigned most, unsigned *ret_bits)
{
	unsigned bits = 0;

	if (!len || len > 3 || (len > 1 && *text == '0'))
		return ORM_E_VALUE;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return ORM_E_VALUE;
		bits = bits * 10 + (unsigned)(text[i] - '0');
	}
	if (bits > most)
		return ORM_E_VALUE;
	*ret_bits = bits;
	return 0;
}

static int parse(const char *text, size_t len, struct netaddr *ret_net, const char **ret_why)
{
	const char *slash = memchr(text, '/', len);
	size_t addr_len = slash ? (size_t)(slash - text) : len;
	struct netaddr net = {.family = AF_INET, .most = 32};
	char addr[INET6_ADDRSTRLEN];

	*ret_why = "no address";
	if (!addr_len || addr_len >= sizeof(addr) || memchr(text, '\0', addr_len))
		return ORM_E_VALUE;
	memcpy(addr, text, addr_len);
	addr[addr_len] = '\0';
	if (strchr(addr, ':')) {
		net.family = AF_INET6;
		net.most = 128;
	}
	if (inet_pton(net.family, addr, net.addr) != 1)
		return ORM_E_VALUE;
	net.bits = net.most;
	if (slash && parse_bits(slash + 1, len - addr_len - 1, net.most, &net.bits)) {
		*ret_why = "no length of a network after '/'";
		return ORM_E_VALUE;
	}
	*ret_net = net;
	return 0;
}

static size_t emit(const struct netaddr *net, bool with_bits, char to[ORM_NETADDR_TEXT])
{
	size_t len;

	inet_ntop(net->family, net->addr, to, ORM_NETADDR_TEXT);
	len = strlen(to);
	if (with_bits)
		len += (size_t)snprintf(to + len, ORM_NETADDR_TEXT - len, "/%u", net->bits);
	return len;
}

int orm_inet_normal(const char *text, size_t len, char to[ORM_NETADDR_TEXT], size_t *ret_len,
		    const char **ret_why)
{
	struct netaddr net;
	int r = parse(text, len, &net, ret_why);

	if (!r)
		*ret_len = emit(&net, net.bits < net.most, to);
	return r;
}

static bool has_host_bits(const struct netaddr *net)
{
	unsigned at = net->bits / 8;

	if (net->bits == net->most)
		return false;
	if (net->addr[at] & (0xff >> net->bits % 8))
		return true;
	while (++at < net->most / 8)
		if (net->addr[at])
			return true;
	return false;
}

int orm_cidr_normal(const char *text, size_t len, char to[ORM_NETADDR_TEXT], size_t *ret_len,
		    const char **ret_why)
{
	struct netaddr net;
	int r = parse(text, len, &net, ret_why);

	if (r)
		return r;
	if (has_host_bits(&net)) {
		*ret_why = "a network with bits set to the right of its length";
		return ORM_E_VALUE;
	}
	*ret_len = emit(&net, true, to);
	return 0;
}
