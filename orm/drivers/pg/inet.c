/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inet and cidr. On the wire: family (2 or 3), bits, is it a cidr, bytes of the address, address
 * (network_send() of PostgreSQL). In text, as PostgreSQL writes them: an inet names its bits when
 * they are fewer than the address has, a cidr always.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <strazh/orm/error.h>

#include <orm/drivers/pg/codec.h>

enum { FAMILY_4 = 2, FAMILY_6 = 3 }; /* PGSQL_AF_INET, PGSQL_AF_INET6: the same on all systems */

static int refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return ORM_E_VALUE;
}

/* "/24" without the slash. */
static bool parse_bits(const char *text, size_t len, unsigned most, unsigned *ret_bits)
{
	unsigned bits = 0;

	if (!len || len > 3)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		bits = bits * 10 + (unsigned)(text[i] - '0');
	}
	*ret_bits = bits;
	return bits <= most;
}

static bool has_host_bits(const uint8_t *address, unsigned size, unsigned bits)
{
	unsigned i = bits / 8;

	if (i < size && bits % 8 && address[i++] & 0xff >> bits % 8)
		return true;
	for (; i < size; i++)
		if (address[i])
			return true;
	return false;
}

int pg_inet_parse(const char *text, size_t len, bool cidr, uint8_t ret_wire[PG_INET_WIRE_MAX],
		  size_t *ret_len, const char **ret_why)
{
	const char *slash = len ? memchr(text, '/', len) : NULL;
	size_t name = slash ? (size_t)(slash - text) : len;
	char address[PG_INET_TEXT_MAX];
	uint8_t bytes[16];
	unsigned size, bits;

	if (!name || name >= sizeof(address))
		return refuse(ret_why, "it is no IP address");
	memcpy(address, text, name);
	address[name] = '\0';
	size = memchr(address, ':', name) ? 16 : 4;
	if (inet_pton(size == 4 ? AF_INET : AF_INET6, address, bytes) != 1)
		return refuse(ret_why, "it is no IP address");
	bits = size * 8;
	if (slash && !parse_bits(slash + 1, len - name - 1, bits, &bits))
		return refuse(ret_why, "the number of bits of a network is not one");
	if (cidr && has_host_bits(bytes, size, bits))
		return refuse(ret_why, "a network has bits set behind its prefix");
	ret_wire[0] = size == 4 ? FAMILY_4 : FAMILY_6;
	ret_wire[1] = (uint8_t)bits;
	ret_wire[2] = cidr;
	ret_wire[3] = (uint8_t)size;
	memcpy(ret_wire + 4, bytes, size);
	*ret_len = 4 + size;
	return 0;
}

int pg_inet_format(const uint8_t *wire, size_t len, bool cidr, char ret_text[PG_INET_TEXT_MAX],
		   const char **ret_why)
{
	unsigned size, bits;
	size_t n;

	if (len < 4 || (wire[0] != FAMILY_4 && wire[0] != FAMILY_6))
		return refuse(ret_why, "the address is malformed");
	size = wire[0] == FAMILY_4 ? 4 : 16;
	bits = wire[1];
	if (wire[3] != size || len != 4 + size || bits > size * 8)
		return refuse(ret_why, "the address is malformed");
	if (!inet_ntop(size == 4 ? AF_INET : AF_INET6, wire + 4, ret_text, PG_INET_TEXT_MAX))
		return refuse(ret_why, "the address is malformed");
	n = strlen(ret_text);
	if (cidr || bits < size * 8)
		snprintf(ret_text + n, PG_INET_TEXT_MAX - n, "/%u", bits);
	return 0;
}
