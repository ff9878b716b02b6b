// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Values and fragments. Whatever a value is, its finding is within its bounds, and all contexts
 * together find what one of them finds. A fragment that is taken stays taken between parentheses,
 * and has no semicolon or comment outside its strings. First byte: which of them.
 */
#include "must.h"

#include <strazh/orm/guard.h>

#define VALUE_MAX 100000U
#define FRAGMENT_MAX 1000U

static void check_finding(const struct orm_guard_finding *f, size_t len, float threshold)
{
	MUST(f->score >= 0 && f->score <= 1);
	MUST(f->class < ORM_GUARD_CLASS_COUNT);
	MUST(f->context < ORM_GUARD_CONTEXTS);
	MUST(!(f->contexts & ~ORM_GUARD_ANY));
	MUST(f->offset <= len);
	MUST(f->injection == (f->score >= threshold && f->contexts));
	MUST(!f->injection == !f->reason[0]);
}

static void value(const uint8_t *data, size_t size)
{
	struct orm_guard_finding all, one;
	unsigned contexts = 0;

	orm_guard_inspect(data, size, ORM_GUARD_ANY, 0, &all);
	check_finding(&all, size, ORM_GUARD_THRESHOLD);
	for (unsigned i = 0; i < ORM_GUARD_CONTEXTS; i++) {
		orm_guard_inspect(data, size, 1U << i, 0, &one);
		check_finding(&one, size, ORM_GUARD_THRESHOLD);
		contexts |= one.contexts;
		MUST(!(one.contexts & ~(1U << i)));
	}
	/* What is found in plain text spares the decoding for other contexts. */
	MUST(!(all.contexts & ~contexts) && all.injection == (contexts != 0));
	orm_guard_inspect(data, size, ORM_GUARD_ANY, 1, &one);
	check_finding(&one, size, 1);
}

/* What is left when strings are taken out. */
static bool has_outside_strings(const char *text, size_t len, const char *what)
{
	bool inside = false;

	for (size_t i = 0; i < len; i++) {
		inside ^= text[i] == '\'';
		if (!inside && len - i >= strlen(what) && !memcmp(text + i, what, strlen(what)))
			return true;
	}
	return false;
}

static void fragment(enum orm_fragment kind, const char *text, size_t len)
{
	char wrapped[FRAGMENT_MAX + 4];
	struct orm_error err;
	int r = orm_guard_fragment(NULL, 0, kind, text, len, &err);

	if (r) {
		MUST(r == ORM_E_GUARD);
		MUST(err.text[0]);
		return;
	}
	/* A name in "..." may have anything in it. */
	MUST(memchr(text, '"', len) ||
	     (!has_outside_strings(text, len, ";") && !has_outside_strings(text, len, "--") &&
	      !has_outside_strings(text, len, "/*") && !has_outside_strings(text, len, "?")));
	if (kind == ORM_FRAGMENT_ORDER)
		return;
	snprintf(wrapped, sizeof(wrapped), "(%.*s)", (int)len, text);
	MUST(!orm_guard_fragment(NULL, 0, kind, wrapped, len + 2, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	/* The parser is the slow one: an eighth of the inputs. */
	if (data[0] % 8 || size > FRAGMENT_MAX)
		value(data + 1, size - 1 < VALUE_MAX ? size - 1 : VALUE_MAX);
	else
		fragment(data[0] / 8 % 3, (const char *)data + 1, size - 1);
	return 0;
}
