/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inet and cidr on the wire: family (2 or 3), bits, is it a cidr, bytes of the address, address
 * (network_send() of PostgreSQL). Their text is that of base/netaddr.h.
 */
#include <string.h>

#include <strazh/orm/error.h>

#include <orm/drivers/pg/codec.h>

enum { FAMILY_4 = 2, FAMILY_6 = 3 }; /* PGSQL_AF_INET, PGSQL_AF_INET6: the same on all systems */

int pg_inet_parse(const char *text, size_t len, bool cidr, uint8_t ret_wire[PG_INET_WIRE_MAX],
		  size_t *ret_len, const char **ret_why)
{
	struct orm_netaddr net;
	int r = orm_netaddr_parse(text, len, cidr, &net, ret_why);

	if (r)
		return r;
	ret_wire[0] = net.size == 4 ? FAMILY_4 : FAMILY_6;
	ret_wire[1] = net.bits;
	ret_wire[2] = cidr;
	ret_wire[3] = net.size;
	memcpy(ret_wire + 4, net.addr, net.size);
	*ret_len = 4U + net.size;
	return 0;
}

int pg_inet_format(const uint8_t *wire, size_t len, bool cidr, char ret_text[PG_INET_TEXT_MAX],
		   const char **ret_why)
{
	struct orm_netaddr net;

	*ret_why = "the address is malformed";
	if (len < 4 || (wire[0] != FAMILY_4 && wire[0] != FAMILY_6))
		return ORM_E_VALUE;
	net.size = wire[0] == FAMILY_4 ? 4 : 16;
	net.bits = wire[1];
	if (wire[3] != net.size || len != 4U + net.size || net.bits > net.size * 8)
		return ORM_E_VALUE;
	memcpy(net.addr, wire + 4, net.size);
	orm_netaddr_emit(&net, cidr, ret_text);
	return 0;
}
