/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/guard/source.h>

static uint64_t number(const uint8_t *bytes, unsigned len)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < len; i++)
		n = n << 8 | bytes[i];
	return n;
}

uint64_t source_key(uint8_t family, const uint8_t *addr)
{
	return family == 4 ? SOURCE_IP4 << 32 | number(addr, 4) : number(addr, 8);
}

struct prefix source_prefix(uint64_t key)
{
	bool ip4 = source_is_ip4(key);
	unsigned len = ip4 ? 4 : 8;
	uint8_t addr[16] = {0};

	for (unsigned i = 0; i < len; i++)
		addr[i] = (uint8_t)(key >> 8 * (len - 1 - i));
	return prefix_from(ip4 ? 4 : 6, addr, prefix_one_len(ip4 ? 4 : 6));
}
