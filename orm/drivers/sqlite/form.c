/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of one form each: so that equal values are equal texts. And doubles as text. */
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <strazh/orm/error.h>

#include <orm/base/decimal.h>
#include <orm/base/netaddr.h>
#include <orm/base/uuid.h>
#include <orm/drivers/sqlite/lite.h>

static int decimal_form(struct arena *arena, const char *text, size_t len, const char **ret_text,
			size_t *ret_len, const char **ret_why)
{
	struct orm_decimal decimal;
	char *to;
	int r = orm_decimal_parse(text, len, &decimal, ret_why);

	if (r)
		return r;
	*ret_len = orm_decimal_len(&decimal);
	to = arena_alloc(arena, *ret_len + 1);
	if (!to)
		return -ENOMEM;
	orm_decimal_emit(&decimal, to);
	*ret_text = to;
	return 0;
}

static int uuid_form(struct arena *arena, const char *text, size_t len, const char **ret_text,
		     size_t *ret_len, const char **ret_why)
{
	char *to = arena_alloc(arena, ORM_UUID_LEN + 1);
	uint8_t uuid[16];

	if (!to)
		return -ENOMEM;
	*ret_why = "no UUID";
	if (!orm_uuid_parse(text, len, uuid))
		return ORM_E_VALUE;
	orm_uuid_emit(uuid, to);
	*ret_text = to;
	*ret_len = ORM_UUID_LEN;
	return 0;
}

int lite_text_form(struct arena *arena, enum orm_type type, const char *text, size_t len,
		   const char **ret_text, size_t *ret_len, const char **ret_why)
{
	char *to;
	int r;

	if (type == ORM_T_NUMERIC)
		return decimal_form(arena, text, len, ret_text, ret_len, ret_why);
	if (type == ORM_T_UUID)
		return uuid_form(arena, text, len, ret_text, ret_len, ret_why);
	to = arena_alloc(arena, ORM_NETADDR_TEXT);
	if (!to)
		return -ENOMEM;
	r = type == ORM_T_CIDR ? orm_cidr_normal(text, len, to, ret_len, ret_why)
			       : orm_inet_normal(text, len, to, ret_len, ret_why);
	if (!r)
		*ret_text = to;
	return r;
}

/* printf() and strtod() follow the thread's locale, whose decimal point may be a comma. */
static locale_t plain;
static pthread_once_t plain_once = PTHREAD_ONCE_INIT;

static void make_plain(void)
{
	plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* a constant of the C library */
}

size_t lite_double_emit(char to[LITE_DOUBLE_TEXT], double f)
{
	locale_t old;
	int len = 0;

	pthread_once(&plain_once, make_plain);
	old = uselocale(plain);
	for (int digits = 15; digits <= 17; digits++) {
		len = snprintf(to, LITE_DOUBLE_TEXT, "%.*g", digits, f);
		if (strtod(to, NULL) == f)
			break;
	}
	uselocale(old);
	return (size_t)len;
}
