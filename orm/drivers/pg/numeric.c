/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numeric: exact decimals. On the wire (numeric_send() of PostgreSQL): the number of digits, the
 * weight of the first, sign, scale (decimals shown), then the digits, each of base 10000. Text is
 * as numeric_out() writes it, and is read by base/decimal.h.
 */
#include <stdlib.h>
#include <string.h>

#include <strazh/orm/error.h>

#include <orm/base/decimal.h>
#include <orm/drivers/pg/codec.h>
#include <orm/drivers/pg/wire.h>

#define HEAD 8U

enum {
	SIGN_PLUS = 0x0000,
	SIGN_MINUS = 0x4000,
	SIGN_NAN = 0xc000,
	SIGN_INFINITY = 0xd000,
	SIGN_MINUS_INFINITY = 0xf000,
};

static int refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return ORM_E_VALUE;
}

static int put_special(struct arena *arena, uint16_t sign, const char **ret_wire, size_t *ret_len)
{
	char *at = arena_alloc(arena, HEAD);

	if (!at)
		return pg_no_room(arena, HEAD);
	memset(at, 0, HEAD);
	wire_put16(at + 4, sign);
	*ret_wire = at;
	*ret_len = HEAD;
	return 0;
}

/* Decimal digits in groups of four, aligned to the point: `place` zeros fill the first group. */
static long put_digits(const char *digits, size_t n, long place, char *at)
{
	for (size_t i = 0; i < n; i++, place++) {
		char *group = at + place / 4 * 2;

		wire_put16(group, (uint16_t)(wire_get16(group) * 10 + (digits[i] - '0')));
	}
	return place;
}

static void put_groups(const struct orm_decimal *d, long place, char *at)
{
	place = put_digits(d->whole, d->whole_len, place, at);
	place = put_digits(d->part, d->part_len, place, at);
	for (; place % 4; place++) {
		char *group = at + place / 4 * 2;

		wire_put16(group, (uint16_t)(wire_get16(group) * 10));
	}
}

/* Floor, also of what is negative. */
static long div_4(long n)
{
	return n >= 0 ? n / 4 : -((3 - n) / 4);
}

static uint16_t special_sign(const char *special)
{
	return *special == 'N' ? SIGN_NAN : *special == 'I' ? SIGN_INFINITY : SIGN_MINUS_INFINITY;
}

int pg_numeric_parse(struct arena *arena, const char *text, size_t len, const char **ret_wire,
		     size_t *ret_len, const char **ret_why)
{
	struct orm_decimal d;
	long count, point, scale, weight, before, groups;
	size_t size;
	char *at;
	int r = orm_decimal_parse(text, len, &d, ret_why);

	if (r)
		return r;
	if (d.special)
		return put_special(arena, special_sign(d.special), ret_wire, ret_len);
	scale = MAX((long)d.part_len - d.shift, 0);
	point = (long)d.whole_len + d.shift;
	while (!d.whole_len && d.part_len && *d.part == '0') {
		d.part++;
		d.part_len--;
		point--;
	}
	count = (long)(d.whole_len + d.part_len);
	point = count ? point : 0; /* of a zero any: 0e99 */
	weight = div_4(point + 3) - 1;
	before = (weight + 1) * 4 - point;
	groups = (before + count + 3) / 4;
	size = HEAD + (size_t)groups * 2;
	at = arena_alloc(arena, size);
	if (!at)
		return pg_no_room(arena, size);
	wire_put16(at, (uint16_t)groups);
	wire_put16(at + 2, (uint16_t)weight);
	wire_put16(at + 4, d.minus ? SIGN_MINUS : SIGN_PLUS);
	wire_put16(at + 6, (uint16_t)scale);
	memset(at + HEAD, 0, (size_t)groups * 2);
	put_groups(&d, before, at + HEAD);
	*ret_wire = at;
	*ret_len = size;
	return 0;
}

static int put_word(uint16_t sign, const char **ret_text, size_t *ret_len)
{
	*ret_text = sign == SIGN_NAN ? "NaN" : sign == SIGN_INFINITY ? "Infinity" : "-Infinity";
	*ret_len = strlen(*ret_text);
	return 0;
}

/* The group of base 10000 at this place: 0 where none was sent. */
static unsigned group_at(const char *wire, long groups, long i)
{
	return i >= 0 && i < groups ? wire_get16(wire + HEAD + i * 2) : 0;
}

static char *put_four(char *to, unsigned group)
{
	to[0] = (char)('0' + group / 1000);
	to[1] = (char)('0' + group / 100 % 10);
	to[2] = (char)('0' + group / 10 % 10);
	to[3] = (char)('0' + group % 10);
	return to + 4;
}

static char *put_whole(const char *wire, long groups, long weight, char *to)
{
	char *begin = to, *digit;

	for (long i = 0; i <= weight; i++)
		to = put_four(to, group_at(wire, groups, i));
	for (digit = begin; digit < to && *digit == '0'; digit++)
		;
	if (digit == to) {
		*begin = '0';
		return begin + 1;
	}
	memmove(begin, digit, (size_t)(to - digit));
	return begin + (to - digit);
}

int pg_numeric_format(struct arena *arena, const char *wire, size_t len, const char **ret_text,
		      size_t *ret_len, const char **ret_why)
{
	long groups, weight, scale;
	uint16_t sign;
	size_t size;
	char *text, *to;

	if (len < HEAD)
		return refuse(ret_why, "the number is malformed");
	groups = wire_get16(wire);
	weight = (int16_t)wire_get16(wire + 2);
	sign = wire_get16(wire + 4);
	scale = wire_get16(wire + 6);
	if (sign == SIGN_NAN || sign == SIGN_INFINITY || sign == SIGN_MINUS_INFINITY)
		return put_word(sign, ret_text, ret_len);
	if ((sign != SIGN_PLUS && sign != SIGN_MINUS) || scale > ORM_DECIMAL_SCALE_MAX ||
	    len != HEAD + (size_t)groups * 2)
		return refuse(ret_why, "the number is malformed");
	for (long i = 0; i < groups; i++)
		if (group_at(wire, groups, i) > 9999)
			return refuse(ret_why, "the number is malformed");
	/* Sign, whole digits or a 0, point, decimals rounded up to a group, NUL. */
	size = (size_t)(weight >= 0 ? (weight + 1) * 4 : 1) + (size_t)scale + 8;
	text = to = arena_alloc(arena, size);
	if (!text)
		return pg_no_room(arena, size);
	if (sign == SIGN_MINUS)
		*to++ = '-';
	to = put_whole(wire, groups, weight, to);
	if (scale) {
		char *point = to;

		*to++ = '.';
		for (long i = weight + 1; to - point - 1 < scale; i++)
			to = put_four(to, group_at(wire, groups, i));
		to = point + 1 + scale;
	}
	*to = '\0';
	*ret_text = text;
	*ret_len = (size_t)(to - text);
	return 0;
}
