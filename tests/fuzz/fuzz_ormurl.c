// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * URLs of databases. One that is taken has every option, and is taken again, without the options
 * that were ours, as the same; one that is refused says why, and never with the password in it.
 * First byte: what stands before the input.
 */
#include "must.h"

#include <stdbool.h>

#include <strazh/base/own.h>

#include <orm/run/url.h>

#define PASSWORD "hunter2hunter2"
#define MEMORY_MAX (1U << 20)

#define SAME_num(name) (a->name == b->name)
#define SAME_text(name) (!strcmp(a->name, b->name))
#define SAME_OPTION(type, name, value, about)                                                      \
	if (!SAME_##type(name))                                                                    \
		return false;

static bool same(const struct orm_options *a, const struct orm_options *b)
{
	ORM_OPTIONS(SAME_OPTION)
	return true;
}

static void check(const struct orm_url *url)
{
	struct orm_error err = {0};
	struct orm_url again;
	struct arena arena;

	MUST(same(&url->options, &url->options));
	MUST(*url->address);
	if (url->dialect == ORM_SQLITE)
		return;
	arena_init(&arena, MEMORY_MAX);
	MUST(!orm_url_parse(url->address, &url->options, &arena, &again, &err));
	MUST(again.dialect == url->dialect);
	MUST(strcmp(again.address, url->address) == 0);
	MUST(same(&again.options, &url->options));
	arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const before[] = {"", "postgresql://me:" PASSWORD,
					     "sqlite:", "postgres://me:" PASSWORD "@db.example/a?"};
	own_free char *text = NULL;
	struct orm_error err = {0};
	struct orm_url url;
	struct arena arena;
	bool hides;
	int r;

	if (!size || asprintf(&text, "%s%.*s", before[data[0] % ARRAY_LEN(before)], (int)size - 1,
			      (const char *)data + 1) < 0)
		return 0;
	/* The fuzzer may come to write it where none belongs. */
	hides = !memmem(data, size, PASSWORD, strlen(PASSWORD));
	arena_init(&arena, MEMORY_MAX);
	r = orm_url_parse(text, NULL, &arena, &url, &err);
	if (!r)
		check(&url);
	else
		MUST(r == ORM_E_VALUE && err.class == r && err.text[0] &&
		     (!hides || !strstr(err.text, PASSWORD)));
	arena_deinit(&arena);
	return 0;
}
