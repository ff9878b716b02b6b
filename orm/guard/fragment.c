/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw fragments. Three gates, each of PostgreSQL's own making:
 *
 *	1  its scanner: no comment, no semicolon, no parameter, strings of the plain form only, and
 *	   parentheses that never close more than the fragment opened. After that the fragment
 *	   cannot leave the parentheses it is put into, in PostgreSQL nor in SQLite.
 *	2  its parser: the fragment in its place is one statement
 *	3  the tree: nothing but what tree.c allows
 *
 * The number of tokens bounds the depth of the tree, and so what the parser's recursion needs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pg_query.h>

#include <orm/base/fault.h>
#include <orm/base/utf8.h>
#include <orm/guard/guard.h>
#include <orm/guard/tree.h>

/* Tokens of pg_query.proto. */
enum {
	TOKEN_CLOSE = ')',
	TOKEN_OPEN = '(',
	TOKEN_SEMICOLON = ';',
	TOKEN_UIDENT = 259,
	TOKEN_SCONST = 261,
	TOKEN_USCONST = 262,
	TOKEN_BCONST = 263,
	TOKEN_XCONST = 264,
	TOKEN_PARAM = 267,
	TOKEN_SQL_COMMENT = 275,
	TOKEN_C_COMMENT = 276,
};

/* Fields of the messages ScanResult and ScanToken, and how protobuf writes them. */
enum { RESULT_TOKENS = 2, TOKEN_START = 1, TOKEN_KIND = 4 };
enum { WIRE_VARINT = 0, WIRE_LEN = 2 };

static const struct place {
	const char *before, *after, *clause;
} places[] = {
	[ORM_FRAGMENT_CONDITION] = {"SELECT 1 WHERE (\n", "\n)", "whereClause"},
	[ORM_FRAGMENT_EXPRESSION] = {"SELECT (\n", "\n)", "targetList"},
	[ORM_FRAGMENT_ORDER] = {"SELECT 1 ORDER BY\n", "\n", "sortClause"},
};

struct wire {
	const uint8_t *p, *end;
};

static bool varint(struct wire *w, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && w->p < w->end; shift += 7) {
		uint8_t byte = *w->p++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret_value = value;
			return true;
		}
	}
	return false;
}

/* One field: its number, and its value or the message inside. */
static bool field(struct wire *w, unsigned *ret_number, uint64_t *ret_value,
		  struct wire *ret_inside)
{
	uint64_t tag;

	if (!varint(w, &tag) || !varint(w, ret_value))
		return false;
	*ret_number = (unsigned)(tag >> 3);
	*ret_inside = (struct wire){w->p, w->p};
	if ((tag & 7) == WIRE_VARINT)
		return true;
	if ((tag & 7) != WIRE_LEN || *ret_value > (uint64_t)(w->end - w->p))
		return false;
	ret_inside->end = w->p += *ret_value;
	return true;
}

static const char *check_token(const char *text, uint64_t kind, uint64_t start, int *depth)
{
	switch (kind) {
	case TOKEN_OPEN:
		++*depth;
		return NULL;
	case TOKEN_CLOSE:
		return --*depth < 0 ? "it closes a parenthesis that it did not open" : NULL;
	case TOKEN_SEMICOLON:
		return "a semicolon is not allowed";
	case TOKEN_SQL_COMMENT:
	case TOKEN_C_COMMENT:
		return "a comment is not allowed";
	case TOKEN_PARAM:
		return "a parameter is not allowed";
	case TOKEN_UIDENT:
	case TOKEN_USCONST:
	case TOKEN_BCONST:
	case TOKEN_XCONST:
		return "strings are written '...' here";
	case TOKEN_SCONST:
		return text[start] == '\'' ? NULL : "strings are written '...' here";
	default:
		return NULL;
	}
}

/* NULL: the tokens are fine. */
static const char *check_tokens(const char *text, size_t len, struct wire result)
{
	unsigned number, tokens = 0;
	struct wire token;
	uint64_t value;
	int depth = 0;

	while (result.p < result.end) {
		uint64_t start = 0, kind = 0;
		const char *why;

		if (!field(&result, &number, &value, &token))
			return "the scanner's answer cannot be read";
		if (number != RESULT_TOKENS)
			continue;
		if (++tokens > ORM_FRAGMENT_TOKENS_MAX)
			return "it is too long";
		while (token.p < token.end) {
			struct wire inside;

			if (!field(&token, &number, &value, &inside))
				return "the scanner's answer cannot be read";
			if (number == TOKEN_START)
				start = value;
			else if (number == TOKEN_KIND)
				kind = value;
		}
		why = start < len ? check_token(text, kind, start, &depth) : "it is too long";
		if (why)
			return why;
	}
	return depth ? "it leaves a parenthesis open" : NULL;
}

/* Control characters are cut differently by databases. */
static bool is_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!text[i] || text[i] == 0x7f ||
		    ((uint8_t)text[i] < ' ' && !strchr("\t\n\r", text[i])))
			return false;
	return orm_utf8_check(text, len) == ORM_UTF8_OK;
}

static int scan(const char *text, size_t len, char why[GUARD_WHY_LEN])
{
	PgQueryScanResult scanned = pg_query_scan(text);
	const uint8_t *p = (const uint8_t *)scanned.pbuf.data;
	const char *wrong;

	if (scanned.error)
		wrong = scanned.error->message ? scanned.error->message : "the scanner failed";
	else
		wrong = check_tokens(text, len, (struct wire){p, p + scanned.pbuf.len});
	if (wrong)
		snprintf(why, GUARD_WHY_LEN, "%s", wrong);
	pg_query_free_scan_result(scanned);
	return wrong ? ORM_E_GUARD : 0;
}

static int parse(const struct orm_guard *g, const char *sql, const char *clause,
		 char why[GUARD_WHY_LEN])
{
	PgQueryParseResult parsed = pg_query_parse(sql);
	json_t *root = NULL;
	int r = ORM_E_GUARD;

	if (parsed.error) {
		snprintf(why, GUARD_WHY_LEN, "%s",
			 parsed.error->message ? parsed.error->message : "the parser failed");
	} else {
		root = parsed.parse_tree ? json_loads(parsed.parse_tree, 0, NULL) : NULL;
		if (root)
			r = guard_tree_check(g, root, clause, why);
		else
			snprintf(why, GUARD_WHY_LEN, "it is too deep");
	}
	json_decref(root);
	pg_query_free_parse_result(parsed);
	return r;
}

static int judge(const struct orm_guard *g, enum orm_fragment kind, const char *text, size_t len,
		 char why[GUARD_WHY_LEN])
{
	const struct place *place = &places[kind];
	char sql[ORM_FRAGMENT_MAX + 64];
	int r;

	if (len > ORM_FRAGMENT_MAX) {
		snprintf(why, GUARD_WHY_LEN, "it is longer than %u bytes", ORM_FRAGMENT_MAX);
		return ORM_E_GUARD;
	}
	if (!is_text(text, len)) {
		snprintf(why, GUARD_WHY_LEN, "it has bytes that are no text");
		return ORM_E_GUARD;
	}
	snprintf(sql, sizeof(sql), "%.*s", (int)len, text);
	r = scan(sql, len, why);
	if (r)
		return r;
	snprintf(sql, sizeof(sql), "%s%.*s%s", place->before, (int)len, text, place->after);
	return parse(g, sql, place->clause, why);
}

int orm_guard_fragment(struct orm_guard *g, uint64_t client, enum orm_fragment kind,
		       const char *text, size_t len, struct orm_error *ret_error)
{
	char why[GUARD_WHY_LEN] = "";
	int r;

	if ((unsigned)kind >= ARRAY_LEN(places) || (!text && len))
		return orm_fail(ret_error, -EINVAL, "there is no such kind of fragment");
	r = judge(g, kind, text ? text : "", len, why);
	if (g)
		guard_add(&g->totals.fragments, 1);
	if (!r)
		return 0;
	if (g) {
		guard_add(&g->totals.fragments_refused, 1);
		guard_report(g, &(struct orm_guard_report){.signal = ORM_SIGNAL_FRAGMENT,
							   .client = client,
							   .text = text,
							   .len = len,
							   .why = why});
	}
	return orm_fail(ret_error, r, "fragment refused: %s", why);
}
