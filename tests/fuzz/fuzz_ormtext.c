// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Values as text: addresses, UUIDs, decimal numbers. Both databases take the same texts and write
 * them alike, and what is written is read back as itself. First byte: which of them.
 */
#include "must.h"

#include <strazh/base/own.h>
#include <strazh/orm/error.h>

#include <orm/base/decimal.h>
#include <orm/base/netaddr.h>
#include <orm/base/uuid.h>
#include <orm/drivers/pg/codec.h>

#define MEMORY_MAX (4U << 20)

static int normal(bool cidr, const char *text, size_t len, char to[ORM_NETADDR_TEXT])
{
	const char *why = NULL;
	size_t n = 0;
	int r = cidr ? orm_cidr_normal(text, len, to, &n, &why)
		     : orm_inet_normal(text, len, to, &n, &why);

	MUST(r ? r == ORM_E_VALUE && why : n == strlen(to));
	return r;
}

static void network(bool cidr, const char *text, size_t len)
{
	char to[ORM_NETADDR_TEXT], again[ORM_NETADDR_TEXT], pg[PG_INET_TEXT_MAX];
	uint8_t wire[PG_INET_WIRE_MAX];
	const char *why = NULL;
	size_t wire_len;
	int r = normal(cidr, text, len, to);

	MUST(!pg_inet_parse(text, len, cidr, wire, &wire_len, &why) == !r);
	if (r)
		return;
	MUST(!normal(cidr, to, strlen(to), again));
	MUST(strcmp(to, again) == 0);
	MUST(!pg_inet_format(wire, wire_len, cidr, pg, &why));
	MUST(strcmp(to, pg) == 0);
}

static void uuid(const char *text, size_t len)
{
	uint8_t bytes[16], again[16];
	char to[ORM_UUID_LEN + 1];

	if (!orm_uuid_parse(text, len, bytes))
		return;
	orm_uuid_emit(bytes, to);
	MUST(strlen(to) == ORM_UUID_LEN);
	MUST(orm_uuid_parse(to, ORM_UUID_LEN, again));
	MUST(memcmp(bytes, again, sizeof(bytes)) == 0);
}

static char *emit(const struct orm_decimal *d)
{
	size_t len = orm_decimal_len(d);
	char *to = malloc(len + 1);

	if (!to)
		exit(0);
	orm_decimal_emit(d, to);
	MUST(strlen(to) == len);
	return to;
}

static void check_wire(struct arena *arena, const char *text, size_t len, const char *canon)
{
	const char *wire, *back, *why = NULL;
	size_t wire_len, back_len;
	int r = pg_numeric_parse(arena, text, len, &wire, &wire_len, &why);

	if (!canon) {
		MUST(r == ORM_E_VALUE);
		MUST(why);
		return;
	}
	MUST(!r);
	MUST(!pg_numeric_format(arena, wire, wire_len, &back, &back_len, &why));
	MUST(back_len == strlen(canon));
	MUST(memcmp(back, canon, back_len) == 0);
}

static void decimal(const char *text, size_t len)
{
	own_free char *canon = NULL, *again = NULL;
	const char *why = NULL;
	struct orm_decimal d;
	struct arena arena;
	int r = orm_decimal_parse(text, len, &d, &why);

	MUST(!r || (r == ORM_E_VALUE && why));
	if (!r) {
		canon = emit(&d);
		MUST(!orm_decimal_parse(canon, strlen(canon), &d, &why));
		again = emit(&d);
		MUST(strcmp(canon, again) == 0);
	}
	arena_init(&arena, MEMORY_MAX);
	check_wire(&arena, text, len, canon);
	arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own_free char *exact = malloc(size ? size : 1);

	if (!size || !exact)
		return 0;
	memcpy(exact, data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		network(false, exact, size - 1);
		break;
	case 1:
		network(true, exact, size - 1);
		break;
	case 2:
		uuid(exact, size - 1);
		break;
	default:
		decimal(exact, size - 1);
		break;
	}
	return 0;
}
