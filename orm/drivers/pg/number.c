/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <orm/drivers/pg/number.h>

/* Never freed: it lives as long as the process, as the locale "C" itself does. */
static locale_t plain;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_plain(void)
{
	plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* The locale to go back to; 0 when nothing was changed. */
static locale_t enter_plain(void)
{
	pthread_once(&once, make_plain);
	return plain ? uselocale(plain) : (locale_t)0;
}

static void leave_plain(locale_t old)
{
	if (old)
		uselocale(old);
}

bool number_parse_double(const char *text, size_t len, double *ret_f)
{
	locale_t old;
	char *end;
	double f;

	if (!len || *text == ' ' || *text == '\t')
		return false;
	old = enter_plain();
	f = strtod(text, &end);
	leave_plain(old);
	if (end != text + len)
		return false;
	*ret_f = f;
	return true;
}

bool number_parse_int(const char *text, size_t len, int64_t *ret_i)
{
	bool minus = len && *text == '-';
	int64_t i = 0;

	if (len == minus)
		return false;
	for (size_t at = minus; at < len; at++) {
		int digit = text[at] - '0';

		if (digit < 0 || digit > 9 || __builtin_mul_overflow(i, 10, &i) ||
		    __builtin_sub_overflow(i, digit, &i))
			return false;
	}
	if (!minus && i == INT64_MIN)
		return false;
	*ret_i = minus ? i : -i;
	return true;
}

size_t number_format(double f, int digits, char ret_text[NUMBER_TEXT_MAX])
{
	locale_t old = enter_plain();
	int n = snprintf(ret_text, NUMBER_TEXT_MAX, "%.*g", digits, f);

	leave_plain(old);
	return (size_t)n;
}
