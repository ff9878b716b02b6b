/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of a filter, read from the text of a plan (advise.h). */
#include <string.h>

#include <orm/watch/advise.h>

#define USES_MAX 16
#define OPERATOR "=<>!~@#&|*+-/%^?`"

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
	       (c >= 'A' && c <= 'Z') || (unsigned char)c >= 128;
}

/* Behind a quoted text or name. */
static const char *skip_quoted(const char *p)
{
	char quote = *p++;

	for (; *p; p++) {
		if (*p == quote && *++p != quote)
			return p;
	}
	return p;
}

static const char *skip_name(const char *p)
{
	if (*p == '"')
		return skip_quoted(p);
	while (is_word(*p))
		p++;
	return p;
}

/* The operator behind a column: casts and closing brackets lie between. */
static char how_used(const char *p)
{
	const char *begin;
	size_t len;

	while (*p && *p != '(' && *p != '\'' && !strchr(OPERATOR, *p))
		p++;
	begin = p;
	len = strspn(p, OPERATOR);
	if (len == 1 && *begin == '=')
		return '=';
	if ((len == 1 && strchr("<>", *begin)) ||
	    (len == 2 && strchr("<>", *begin) && begin[1] == '='))
		return '<';
	return 0;
}

static bool same(const struct orm_filter_use *a, const struct orm_filter_use *b)
{
	return a->len == b->len && !memcmp(a->name, b->name, a->len);
}

/* Equality wins over a range of the same column. */
static unsigned add_use(struct orm_filter_use *uses, unsigned n, struct orm_filter_use use)
{
	for (unsigned i = 0; i < n; i++) {
		if (!same(&uses[i], &use))
			continue;
		if (use.how == '=')
			uses[i].how = '=';
		return n;
	}
	if (n < USES_MAX)
		uses[n++] = use;
	return n;
}

/* A name at p; the alias's, and a column's behind it? */
static unsigned read_name(const char **p, const char *alias, struct orm_filter_use *uses,
			  unsigned n)
{
	const char *name = *p, *end = skip_name(name);
	size_t len = (size_t)(end - name);
	bool quoted = *name == '"';
	struct orm_filter_use use;

	*p = end;
	if (*end != '.')
		return n;
	use.name = end + 1;
	*p = skip_name(end + 1);
	use.len = (size_t)(*p - use.name);
	if (len - 2 * quoted != strlen(alias) || memcmp(name + quoted, alias, strlen(alias)) != 0)
		return n;
	use.how = how_used(*p);
	return use.how && use.len ? add_use(uses, n, use) : n;
}

unsigned orm_filter_columns(const char *filter, const char *alias,
			    struct orm_filter_use ret_use[ORM_ADVISE_COLUMNS])
{
	struct orm_filter_use uses[USES_MAX];
	unsigned n = 0, kept = 0;

	for (const char *p = filter; *p;) {
		if (*p == '\'')
			p = skip_quoted(p);
		else if (*p == '"' || is_word(*p))
			n = read_name(&p, alias, uses, n);
		else
			p++;
	}
	for (unsigned i = 0; i < n && kept < ORM_ADVISE_COLUMNS; i++) {
		if (uses[i].how == '=')
			ret_use[kept++] = uses[i];
	}
	for (unsigned i = 0; i < n && kept < ORM_ADVISE_COLUMNS; i++) {
		if (uses[i].how == '<') {
			ret_use[kept++] = uses[i];
			break;
		}
	}
	return kept;
}
