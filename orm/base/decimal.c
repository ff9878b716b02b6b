/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digits are those of whole and part in a row; the point stands after `whole_len + shift` of
 * them, so that places before the first and behind the last digit are zeros.
 */
#include <string.h>
#include <strings.h>

#include <strazh/orm/error.h>

#include <orm/base/decimal.h>

static size_t digits(const char *text, const char *end)
{
	const char *p = text;

	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return (size_t)(p - text);
}

/* "e-12", or nothing. */
static bool parse_shift(const char **p, const char *end, long *ret_shift)
{
	long shift = 0;
	bool minus;
	size_t n;

	*ret_shift = 0;
	if (*p == end || (**p | 0x20) != 'e')
		return true;
	(*p)++;
	minus = *p < end && **p == '-';
	if (*p < end && (**p == '-' || **p == '+'))
		(*p)++;
	n = digits(*p, end);
	if (!n || n > 7)
		return false;
	for (size_t i = 0; i < n; i++)
		shift = shift * 10 + (*p)[i] - '0';
	*p += n;
	*ret_shift = minus ? -shift : shift;
	return true;
}

static const char *find_special(const char *text, size_t len)
{
	static const struct {
		const char *in;
		const char *out;
	} words[] = {
		{"nan", "NaN"},	       {"infinity", "Infinity"},
		{"inf", "Infinity"},   {"+infinity", "Infinity"},
		{"+inf", "Infinity"},  {"-infinity", "-Infinity"},
		{"-inf", "-Infinity"},
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i].in) == len && !strncasecmp(words[i].in, text, len))
			return words[i].out;
	return NULL;
}

static bool is_zero(const struct orm_decimal *d)
{
	for (size_t i = 0; i < d->part_len; i++)
		if (d->part[i] != '0')
			return false;
	return !d->whole_len;
}

/* Places before and after the point. */
static long whole_places(const struct orm_decimal *d)
{
	long n = (long)d->whole_len + d->shift;
	size_t zeros = 0;

	if (is_zero(d) || n <= 0)
		return 0;
	if (d->whole_len)
		return n;
	while (d->part[zeros] == '0') /* "0.005e3": zeros that a shift brings to the front */
		zeros++;
	return MAX(n - (long)zeros, 0);
}

static long scale(const struct orm_decimal *d)
{
	return MAX((long)d->part_len - d->shift, 0);
}

int orm_decimal_parse(const char *text, size_t len, struct orm_decimal *ret_decimal,
		      const char **ret_why)
{
	const char *p = text, *end = text + len;
	struct orm_decimal d = {.special = find_special(text, len), .part = ""};
	size_t n;

	*ret_why = "no number";
	if (d.special) {
		*ret_decimal = d;
		return 0;
	}
	d.minus = p < end && *p == '-';
	if (p < end && (*p == '-' || *p == '+'))
		p++;
	d.whole = p;
	n = d.whole_len = digits(p, end);
	p += n;
	while (d.whole_len && *d.whole == '0') {
		d.whole++;
		d.whole_len--;
	}
	if (p < end && *p == '.') {
		d.part = ++p;
		d.part_len = digits(p, end);
		p += d.part_len;
		n += d.part_len;
	}
	if (!n || !parse_shift(&p, end, &d.shift) || p != end)
		return ORM_E_VALUE;
	*ret_why = "a number with more digits than PostgreSQL holds";
	if (whole_places(&d) > ORM_DECIMAL_WHOLE_MAX || scale(&d) > ORM_DECIMAL_SCALE_MAX)
		return ORM_E_VALUE;
	d.minus = d.minus && !is_zero(&d);
	*ret_decimal = d;
	return 0;
}

size_t orm_decimal_len(const struct orm_decimal *d)
{
	if (d->special)
		return strlen(d->special);
	return (size_t)d->minus + (size_t)MAX(whole_places(d), 1) +
	       (scale(d) ? (size_t)scale(d) + 1 : 0);
}

/* The digit at a place counted from the first of whole; zeros all around. */
static char digit_at(const struct orm_decimal *d, long place)
{
	if (place < 0 || place >= (long)(d->whole_len + d->part_len))
		return '0';
	return place < (long)d->whole_len ? d->whole[place] : d->part[place - (long)d->whole_len];
}

void orm_decimal_emit(const struct orm_decimal *d, char *to)
{
	long whole = whole_places(d), point = (long)d->whole_len + d->shift;

	if (d->special) {
		memcpy(to, d->special, strlen(d->special) + 1);
		return;
	}
	if (d->minus)
		*to++ = '-';
	if (!whole)
		*to++ = '0';
	for (long i = point - whole; i < point; i++)
		if (whole)
			*to++ = digit_at(d, i);
	if (scale(d))
		*to++ = '.';
	for (long i = 0; i < scale(d); i++)
		*to++ = digit_at(d, point + i);
	*to = '\0';
}
