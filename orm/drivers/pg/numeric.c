/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numeric: exact decimals. On the wire (numeric_send() of PostgreSQL): the number of digits, the
 * weight of the first, sign, scale (decimals shown), then the digits, each of base 10000. Text is
 * as numeric_out() writes it.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <strazh/orm/error.h>

#include <orm/drivers/pg/codec.h>
#include <orm/drivers/pg/wire.h>

#define HEAD 8U
#define WHOLE_MAX 131072 /* decimal digits before the point, as the manual says */
#define SCALE_MAX 16383	 /* and after it */
#define EXPONENT_MAX 1000000

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

/* What was read: digits with an optional point among them, and where the point belongs. */
struct decimal {
	const char *digits;
	size_t len; /* of digits, the point included */
	long count; /* digits */
	long point; /* value = 0.digits * 10^point */
	bool minus;
};

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

static bool is_word(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && !strncasecmp(text, word, len);
}

/* "e-5", at `text`; to the end. */
static bool scan_exponent(const char *text, size_t len, long *ret_exponent)
{
	size_t i = 1;
	bool minus = false;
	long exponent = 0;

	if (i < len && (text[i] == '+' || text[i] == '-'))
		minus = text[i++] == '-';
	if (i == len)
		return false;
	for (; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || exponent > EXPONENT_MAX)
			return false;
		exponent = exponent * 10 + (text[i] - '0');
	}
	*ret_exponent = minus ? -exponent : exponent;
	return true;
}

static bool scan(const char *text, size_t len, struct decimal *ret_decimal)
{
	struct decimal d = {0};
	size_t i = 0;
	long whole = -1, exponent = 0;

	if (len && (*text == '-' || *text == '+'))
		d.minus = text[i++] == '-';
	d.digits = text + i;
	for (; i < len && (text[i] == '.' || (text[i] >= '0' && text[i] <= '9')); i++) {
		if (text[i] != '.')
			d.count++;
		else if (whole >= 0)
			return false;
		else
			whole = d.count;
	}
	d.len = (size_t)(text + i - d.digits);
	if (!d.count || d.count > WHOLE_MAX + SCALE_MAX)
		return false;
	if (i < len && (text[i] != 'e' && text[i] != 'E'))
		return false;
	if (i < len && !scan_exponent(text + i, len - i, &exponent))
		return false;
	d.point = (whole < 0 ? d.count : whole) + exponent;
	*ret_decimal = d;
	return true;
}

/* The decimal digits in groups of four, aligned to the point. */
static void put_groups(const struct decimal *d, long before, long groups, char *at)
{
	const char *from = d->digits, *end = from + d->len;
	long place = before; /* zeros that fill the first group */

	memset(at, 0, (size_t)groups * 2);
	for (; from < end; from++) {
		char *group = at + place / 4 * 2;

		if (*from == '.')
			continue;
		wire_put16(group, (uint16_t)(wire_get16(group) * 10 + (*from - '0')));
		place++;
	}
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

int pg_numeric_parse(struct arena *arena, const char *text, size_t len, const char **ret_wire,
		     size_t *ret_len, const char **ret_why)
{
	struct decimal d;
	long scale, weight, before, groups;
	size_t size;
	char *at;

	if (is_word(text, len, "nan"))
		return put_special(arena, SIGN_NAN, ret_wire, ret_len);
	if (is_word(text, len, "infinity") || is_word(text, len, "inf"))
		return put_special(arena, SIGN_INFINITY, ret_wire, ret_len);
	if (is_word(text, len, "-infinity") || is_word(text, len, "-inf"))
		return put_special(arena, SIGN_MINUS_INFINITY, ret_wire, ret_len);
	if (!scan(text, len, &d))
		return refuse(ret_why, "it is no decimal number");
	scale = MAX(d.count - d.point, 0);
	if (d.point > WHOLE_MAX || scale > SCALE_MAX)
		return refuse(ret_why, "a decimal number has too many digits");
	weight = div_4(d.point + 3) - 1;
	before = (weight + 1) * 4 - d.point;
	groups = (before + d.count + 3) / 4;
	size = HEAD + (size_t)groups * 2;
	at = arena_alloc(arena, size);
	if (!at)
		return pg_no_room(arena, size);
	wire_put16(at, (uint16_t)groups);
	wire_put16(at + 2, (uint16_t)weight);
	wire_put16(at + 4, d.minus ? SIGN_MINUS : SIGN_PLUS);
	wire_put16(at + 6, (uint16_t)scale);
	put_groups(&d, before, groups, at + HEAD);
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
	if ((sign != SIGN_PLUS && sign != SIGN_MINUS) || scale > SCALE_MAX ||
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
