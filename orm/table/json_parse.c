/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate in front of jansson, which calls itself for every level of nesting and builds whatever
 * it is given: one pass over the text that keeps no state but three numbers.
 */
#include <errno.h>
#include <stdbool.h>

#include <orm/base/fault.h>
#include <orm/table/json.h>

/* What jansson holds for a value, in bytes, measured on version 2.14 and rounded up. */
#define COST_VALUE 96U
#define COST_OBJECT 320U
#define COST_MAX (256U << 20)

struct gauge {
	size_t cost;
	size_t depth;
	bool inside; /* a string */
};

static void weigh(struct gauge *g, char c)
{
	switch (c) {
	case '"':
		g->inside = true;
		break;
	case '{':
		g->cost += COST_OBJECT;
		g->depth++;
		break;
	case '[':
		g->cost += COST_VALUE * 2;
		g->depth++;
		break;
	case ',':
	case ':':
		g->cost += COST_VALUE;
		break;
	case '}':
	case ']':
		g->depth -= !!g->depth;
		break;
	default:
		break;
	}
}

static int judge(const char *text, size_t len, struct orm_error *err)
{
	struct gauge g = {.cost = len};

	if (len > ORM_JSON_TEXT_MAX)
		return orm_fail(err, ORM_E_TOO_BIG, "JSON of %zu bytes; at most %u are read", len,
				ORM_JSON_TEXT_MAX);
	for (size_t i = 0; i < len; i++) {
		if (!text[i]) /* which jansson takes for the end, whatever follows */
			return orm_fail(err, ORM_E_VALUE, "JSON with a NUL at byte %zu", i);
		if (!g.inside)
			weigh(&g, text[i]);
		else if (text[i] == '\\')
			i++;
		else if (text[i] == '"')
			g.inside = false;
		if (g.depth > ORM_JSON_DEPTH_MAX)
			return orm_fail(err, ORM_E_TOO_BIG, "JSON of more than %u levels",
					ORM_JSON_DEPTH_MAX);
		if (g.cost > COST_MAX)
			return orm_fail(err, ORM_E_TOO_BIG, "JSON of more values than are read");
	}
	return 0;
}

/*
 * Byte by byte, as json_loadb() does too: where memory runs out, jansson (lex_save() of 2.14) goes
 * on without the character that it had no room for. malloc() has set errno, which is looked at
 * before each byte.
 */
struct feed {
	const char *at;
	const char *end;
	bool no_memory;
};

static size_t feed_byte(void *buffer, size_t size, void *data)
{
	struct feed *feed = data;

	(void)size;
	feed->no_memory |= errno == ENOMEM;
	if (feed->no_memory)
		return (size_t)-1;
	if (feed->at == feed->end)
		return 0;
	*(char *)buffer = *feed->at++;
	return 1;
}

int orm_json_load(const char *text, size_t len, size_t flags, json_t **ret_json,
		  json_error_t *ret_why)
{
	struct feed feed = {text, text + len, false};
	json_t *json;

	errno = 0;
	json = json_load_callback(feed_byte, &feed, flags, ret_why);
	if (feed.no_memory || errno == ENOMEM) {
		json_decref(json);
		return -ENOMEM;
	}
	*ret_json = json ? json : *ret_json;
	return json ? 0 : ORM_E_VALUE;
}

int orm_json_parse(const char *text, size_t len, json_t **ret_json, struct orm_error *err)
{
	json_error_t why;
	int r = judge(text, len, err);

	if (r)
		return r;
	r = orm_json_load(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, ret_json, &why);
	if (r < 0)
		return orm_fail(err, r, "no memory for JSON");
	if (!r)
		return 0;
	r = orm_fail(err, r, "JSON, line %d column %d: %s", why.line, why.column, why.text);
	if (err && why.line > 0 && why.column > 0) {
		err->json_line = (unsigned)why.line;
		err->json_column = (unsigned)why.column;
	}
	return r;
}
