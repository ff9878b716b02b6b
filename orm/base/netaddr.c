/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <strazh/orm/error.h>

#include <orm/base/netaddr.h>

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

static bool has_host_bits(const struct orm_netaddr *net)
{
	unsigned at = net->bits / 8;

	if (at == net->size)
		return false;
	if (net->addr[at] & (0xff >> net->bits % 8))
		return true;
	while (++at < net->size)
		if (net->addr[at])
			return true;
	return false;
}

int orm_netaddr_parse(const char *text, size_t len, bool cidr, struct orm_netaddr *ret_net,
		      const char **ret_why)
{
	const char *slash = len ? memchr(text, '/', len) : NULL;
	size_t addr_len = slash ? (size_t)(slash - text) : len;
	struct orm_netaddr net = {.size = 4};
	char addr[INET6_ADDRSTRLEN];
	unsigned bits;

	*ret_why = "no address";
	if (!addr_len || addr_len >= sizeof(addr) || memchr(text, '\0', addr_len))
		return ORM_E_VALUE;
	memcpy(addr, text, addr_len);
	addr[addr_len] = '\0';
	if (strchr(addr, ':'))
		net.size = 16;
	if (inet_pton(net.size == 4 ? AF_INET : AF_INET6, addr, net.addr) != 1)
		return ORM_E_VALUE;
	bits = net.size * 8U;
	*ret_why = "no length of a network after '/'";
	if (slash && parse_bits(slash + 1, len - addr_len - 1, bits, &bits))
		return ORM_E_VALUE;
	net.bits = (uint8_t)bits;
	*ret_why = "a network with bits set to the right of its length";
	if (cidr && has_host_bits(&net))
		return ORM_E_VALUE;
	*ret_net = net;
	return 0;
}

size_t orm_netaddr_emit(const struct orm_netaddr *net, bool cidr, char to[ORM_NETADDR_TEXT])
{
	size_t len;

	inet_ntop(net->size == 4 ? AF_INET : AF_INET6, net->addr, to, ORM_NETADDR_TEXT);
	len = strlen(to);
	if (cidr || net->bits < net->size * 8)
		len += (size_t)snprintf(to + len, ORM_NETADDR_TEXT - len, "/%u", net->bits);
	return len;
}

static int normal(const char *text, size_t len, bool cidr, char to[ORM_NETADDR_TEXT],
		  size_t *ret_len, const char **ret_why)
{
	struct orm_netaddr net;
	int r = orm_netaddr_parse(text, len, cidr, &net, ret_why);

	if (!r)
		*ret_len = orm_netaddr_emit(&net, cidr, to);
	return r;
}

int orm_inet_normal(const char *text, size_t len, char to[ORM_NETADDR_TEXT], size_t *ret_len,
		    const char **ret_why)
{
	return normal(text, len, false, to, ret_len, ret_why);
}

int orm_cidr_normal(const char *text, size_t len, char to[ORM_NETADDR_TEXT], size_t *ret_len,
		    const char **ret_why)
{
	return normal(text, len, true, to, ret_len, ret_why);
}
