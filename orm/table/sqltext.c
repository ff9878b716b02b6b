/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <strazh/orm/error.h>

#include <orm/table/sqltext.h>

static bool reserve(struct sqltext *t, size_t more)
{
	size_t room = t->room ? t->room : 256;
	char *text;

	if (t->fault)
		return false;
	if (more > SQLTEXT_MAX - t->len) {
		t->fault = ORM_E_TOO_BIG;
		return false;
	}
	if (t->text && t->len + more < t->room)
		return true;
	while (room <= t->len + more)
		room *= 2;
	text = realloc(t->text, room);
	if (!text) {
		t->fault = -ENOMEM;
		return false;
	}
	t->text = text;
	t->room = room;
	return true;
}

void sqltext_addn(struct sqltext *t, const char *text, size_t len)
{
	if (!reserve(t, len))
		return;
	memcpy(t->text + t->len, text, len);
	t->len += len;
	t->text[t->len] = '\0';
}

void sqltext_add(struct sqltext *t, const char *text)
{
	sqltext_addn(t, text, strlen(text));
}

void sqltext_addf(struct sqltext *t, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0 || !reserve(t, (size_t)len))
		return;
	va_start(args, format);
	vsnprintf(t->text + t->len, (size_t)len + 1, format, args);
	va_end(args);
	t->len += (size_t)len;
}

void sqltext_word(struct sqltext *t, struct orm_word name)
{
	sqltext_add(t, "\"");
	sqltext_addn(t, name.at, name.len);
	sqltext_add(t, "\"");
}

void sqltext_name(struct sqltext *t, const char *name)
{
	sqltext_word(t, (struct orm_word){name, strlen(name)});
}

void sqltext_literal(struct sqltext *t, const char *text)
{
	sqltext_add(t, "'");
	for (const char *quote; (quote = strchr(text, '\'')); text = quote + 1) {
		sqltext_addn(t, text, (size_t)(quote - text));
		sqltext_add(t, "''");
	}
	sqltext_add(t, text);
	sqltext_add(t, "'");
}

int sqltext_take(struct sqltext *t, char **ret_text)
{
	sqltext_add(t, "");
	if (t->fault)
		return t->fault;
	*ret_text = t->text;
	*t = (struct sqltext){0};
	return 0;
}
