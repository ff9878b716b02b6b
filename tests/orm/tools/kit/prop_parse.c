/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Two texts, one tree? By PostgreSQL's own parser (libpg-query), places in the text aside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pg_query.h>

#include "check.h"

/* Cut `"location":17`, `"stmt_len":99` and the comma that goes with them, in place. */
static void strip(char *json)
{
	static const char *const names[] = {"\"location\":", "\"stmt_len\":", "\"stmt_location\":"};
	char *to = json;

	for (const char *at = json; *at;) {
		size_t len = 0;

		for (unsigned i = 0; *at == '"' && i < ARRAY_LEN(names) && !len; i++) {
			if (!strncmp(at, names[i], strlen(names[i])))
				len = strlen(names[i]);
		}
		if (!len) {
			*to++ = *at++;
			continue;
		}
		at += len;
		at += strspn(at, "-0123456789");
		if (*at == ',')
			at++;
		else if (to > json && to[-1] == ',')
			to--;
	}
	*to = '\0';
}

/* The tree as JSON, malloc'ed; NULL, and why. */
static char *parse(const char *sql, char why[256])
{
	PgQueryParseResult result = pg_query_parse(sql);
	char *json = NULL;

	if (result.error)
		snprintf(why, 256, "%s", result.error->message);
	else
		json = strdup(result.parse_tree);
	pg_query_free_parse_result(result);
	if (json)
		strip(json);
	return json;
}

/* Text of the tree of the text. */
static char *deparse(const char *sql, char why[256])
{
	PgQueryProtobufParseResult tree = pg_query_parse_protobuf(sql);
	PgQueryDeparseResult text = {0};
	char *copy = NULL;

	if (tree.error) {
		snprintf(why, 256, "%s", tree.error->message);
	} else {
		text = pg_query_deparse_protobuf(tree.parse_tree);
		if (text.error)
			snprintf(why, 256, "%s", text.error->message);
		else
			copy = strdup(text.query);
		pg_query_free_deparse_result(text);
	}
	pg_query_free_protobuf_parse_result(tree);
	return copy;
}

static void show_difference(const char *a, const char *b)
{
	size_t i = 0, from;

	while (a[i] && a[i] == b[i])
		i++;
	from = i > 120 ? i - 120 : 0;
	printf("#   one: %.240s\n#   two: %.240s\n", a + from, b + from);
}

static bool same(const char *rendered, const char *tree, const char *other, const char *what)
{
	char why[256] = "";
	char *json = tree ? parse(other, why) : NULL;
	bool equal = json && !strcmp(tree, json);

	if (!equal) {
		printf("# %s: %s\n#   rendered: %s\n#   other: %s\n", what,
		       *why ? why : "the trees differ", rendered, other);
		if (json)
			show_difference(tree, json);
	}
	free(json);
	return equal;
}

bool parses_alike(const char *rendered, const char *own, bool deparsed)
{
	char why[256] = "";
	char *tree = parse(rendered, why), *again = NULL;
	bool equal;

	if (!tree)
		printf("# the parser: %s\n#   %s\n", why, rendered);
	equal = tree && same(rendered, tree, own, "two renderings");
	if (equal && deparsed) {
		again = deparse(rendered, why);
		if (!again)
			printf("# the deparser: %s\n#   %s\n", why, rendered);
		equal = again && same(rendered, tree, again, "after a deparse");
	}
	free(again);
	free(tree);
	return equal;
}
