/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <orm/base/fault.h>
#include <orm/run/url.h>

#define URL_MAX 4096U

static const struct option {
	const char *name;
	size_t offset;
	bool text;
	int64_t number; /* defaults */
	const char *word;
} table[] = {
#define DEFAULT_num(value) false, value, NULL
#define DEFAULT_text(value) true, 0, value
#define OPTION_ROW(type, name, value, about)                                                       \
	{#name, offsetof(struct orm_options, name), DEFAULT_##type(value)},
	ORM_OPTIONS(OPTION_ROW)
#undef OPTION_ROW
};

static void *slot(struct orm_options *options, const struct option *o)
{
	return (char *)options + o->offset;
}

static void fill_defaults(struct orm_options *options)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].text) {
			const char **text = slot(options, &table[i]);

			*text = *text ? *text : table[i].word;
		} else {
			int64_t *number = slot(options, &table[i]);

			*number = *number ? *number : table[i].number;
		}
	}
}

static const struct option *find_option(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (strlen(table[i].name) == len && !memcmp(table[i].name, name, len))
			return &table[i];
	}
	return NULL;
}

/* What a number below 0 means where it means something: db.h says it. */
enum below { REFUSED, MINUS_ONE, SWITCH, ANY };

static enum below below_zero(const char *name)
{
	static const struct {
		const char *name;
		enum below below;
	} known[] = {
		{"foreign_keys", SWITCH},
		{"read_only", SWITCH},
		{"durable", SWITCH},
		{"cache_size", ANY},
		{"reader_cache_size", ANY},
		{"idle_timeout_ms", MINUS_ONE},
		{"life_timeout_ms", MINUS_ONE},
		{"check_after_ms", MINUS_ONE},
		{"query_timeout_ms", MINUS_ONE},
		{"retries", MINUS_ONE},
		{"mmap_size", MINUS_ONE},
		{"busy_timeout_ms", MINUS_ONE},
		{"wal_autocheckpoint", MINUS_ONE},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(known[i].name, name))
			return known[i].below;
	return REFUSED;
}

static int check_number(const char *name, int64_t n, struct orm_error *err)
{
	const char *right = NULL;

	switch (below_zero(name)) {
	case REFUSED:
		right = n < 0 ? "it may not be below 0" : NULL;
		break;
	case MINUS_ONE:
		right = n < -1 ? "below 0 there is only -1" : NULL;
		break;
	case SWITCH:
		right = n != 1 && n != -1 ? "1 is on, -1 is off" : NULL;
		break;
	case ANY:
		break;
	}
	return right ? orm_fail(err, ORM_E_VALUE, "option '%s' is %lld; %s", name, (long long)n,
				right)
		     : 0;
}

/* The defaults are filled in. */
static int check_numbers(struct orm_options *options, struct orm_error *err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(table) && !r; i++)
		if (!table[i].text)
			r = check_number(table[i].name, *(int64_t *)slot(options, &table[i]), err);
	return r;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %41 is A; in the arena. NULL: a % that is none, a NUL, or no memory. */
static char *percent_decode(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_copy(arena, text, len), *to = copy;

	for (size_t i = 0; copy && i < len; i++) {
		char c = text[i];

		if (c == '%') {
			int high = i + 2 < len ? hex(text[i + 1]) : -1;
			int low = high >= 0 ? hex(text[i + 2]) : -1;

			if (low < 0 || !(high | low))
				return NULL;
			c = (char)(high << 4 | low);
			i += 2;
		}
		*to++ = c;
	}
	if (copy)
		*to = '\0';
	return copy;
}

static int set_option(struct orm_options *options, const struct option *o, struct arena *arena,
		      const char *text, size_t len, struct orm_error *err)
{
	char *value = percent_decode(arena, text, len), *end;

	if (!value)
		return orm_fail(err, ORM_E_VALUE, "option '%s' of the URL: bad %%-escape", o->name);
	if (o->text) {
		*(const char **)slot(options, o) = value;
		return 0;
	}
	errno = 0;
	*(int64_t *)slot(options, o) = strtoll(value, &end, 10);
	if (errno || end == value || *end)
		return orm_fail(err, ORM_E_VALUE, "option '%s' of the URL: '%.40s' is no number",
				o->name, value);
	return 0;
}

/*
 * Takes our options out of "a=1&b=2"; what is not ours stays, in `kept` (PostgreSQL: libpq's), or
 * is refused (SQLite has no others).
 */
static int take_options(struct orm_url *url, const char *query, struct arena *arena, char *kept,
			struct orm_error *err)
{
	size_t used = 0;

	while (*query) {
		size_t len = strcspn(query, "&"), name_len = strcspn(query, "=&");
		const struct option *o = find_option(query, name_len);
		int r;

		if (o && name_len < len) {
			r = set_option(&url->options, o, arena, query + name_len + 1,
				       len - name_len - 1, err);
			if (r)
				return r;
		} else if (o || (len && url->dialect == ORM_SQLITE)) {
			return orm_fail(err, ORM_E_VALUE, "the URL has %s '%.*s'",
					o ? "no value for option" : "the unknown option",
					(int)MIN(name_len, 60), query);
		} else if (len) { /* "?&" is no parameter without a name */
			kept[used] = used ? '&' : '?';
			memcpy(kept + used + 1, query, len);
			used += len + 1;
		}
		query += len;
		query += *query == '&';
	}
	kept[used] = '\0';
	return 0;
}

static const char *sqlite_path(const char *rest)
{
	/* sqlite:///absolute and sqlite://relative are written by habit; both are meant so. */
	return !strncmp(rest, "//", 2) ? rest + 2 : rest;
}

static int split(struct orm_url *url, const char *text, struct arena *arena, struct orm_error *err)
{
	size_t head = strcspn(text, "?"), len = strlen(text);
	char *address = arena_alloc(arena, len + 2), *kept = arena_alloc(arena, len + 2);
	int r;

	if (!address || !kept)
		return orm_fail(err, -ENOMEM, "out of memory");
	r = take_options(url, text[head] ? text + head + 1 : "", arena, kept, err);
	if (r)
		return r;
	memcpy(address, text, head);
	memcpy(address + head, kept, strlen(kept) + 1);
	url->address = address;
	if (url->dialect == ORM_POSTGRESQL)
		return 0;
	url->address = percent_decode(arena, address, head);
	if (!url->address || !*url->address)
		return orm_fail(err, ORM_E_VALUE,
				"the URL names no file: sqlite:/path/to/file.db, "
				"or sqlite::memory:");
	return 0;
}

int orm_url_parse(const char *url, const struct orm_options *options, struct arena *arena,
		  struct orm_url *ret_url, struct orm_error *err)
{
	struct orm_url out = {.options = options ? *options : (struct orm_options){0}};
	bool sqlite = !strncmp(url, "sqlite:", 7);
	int r;

	if (strnlen(url, URL_MAX) == URL_MAX)
		return orm_fail(err, ORM_E_VALUE, "the URL is longer than %u bytes", URL_MAX - 1);
	if (!sqlite && strncmp(url, "postgresql://", 13) != 0 &&
	    strncmp(url, "postgres://", 11) != 0)
		return orm_fail(err, ORM_E_VALUE,
				"'%.*s' is no database URL; sqlite:PATH, "
				"sqlite::memory: or postgresql://HOST/DATABASE",
				(int)strcspn(url, ":/@?"), url);
	out.dialect = sqlite ? ORM_SQLITE : ORM_POSTGRESQL;
	r = split(&out, sqlite ? sqlite_path(url + 7) : url, arena, err);
	if (r)
		return r;
	fill_defaults(&out.options);
	r = check_numbers(&out.options, err);
	if (r)
		return r;
	*ret_url = out;
	return 0;
}
