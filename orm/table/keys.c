/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <orm/table/keys.h>

static bool is_name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

bool orm_name_ok(const char *name, size_t len)
{
	if (!name || !len || len > ORM_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_name_char(name[i], !i))
			return false;
	return true;
}

static const char *skip_space(const char *at)
{
	while (*at == ' ' || *at == '\t' || *at == '\n')
		at++;
	return at;
}

/* A name at the head of *at, and the space behind it. */
static bool take_name(const char **at, struct orm_word *ret_name)
{
	const char *begin = skip_space(*at), *end = begin;

	while (is_name_char(*end, end == begin))
		end++;
	if (!orm_name_ok(begin, (size_t)(end - begin)))
		return false;
	*ret_name = (struct orm_word){begin, (size_t)(end - begin)};
	*at = skip_space(end);
	return true;
}

int orm_names_next(const char **at, struct orm_word *ret_name)
{
	*at = skip_space(*at);
	if (!**at)
		return 0;
	if (!take_name(at, ret_name))
		return -1;
	if (**at == ',') {
		++*at;
		if (!*skip_space(*at))
			return -1;
	} else if (**at) {
		return -1;
	}
	return 1;
}

int orm_names_count(const char *list)
{
	struct orm_word name;
	int n = 0, r;

	for (;; n++) {
		r = orm_names_next(&list, &name);
		if (r <= 0)
			return r ? -1 : n;
	}
}

uint64_t orm_names_mask(const struct orm_table *table, const char *list)
{
	struct orm_word name;
	uint64_t mask = 0;

	for (;;) {
		int r = orm_names_next(&list, &name), i;

		if (r <= 0)
			return r ? 0 : mask;
		i = orm_table_find(table, name.at, name.len);
		if (i < 0 || mask & 1ULL << i)
			return 0;
		mask |= 1ULL << i;
	}
}

static const char *const actions[] = {
	[ORM_NO_ACTION] = "",
	[ORM_CASCADE] = "CASCADE",
	[ORM_RESTRICT] = "RESTRICT",
	[ORM_SET_NULL] = "SET NULL",
};

const char *orm_on_delete_name(enum orm_on_delete action)
{
	return actions[action];
}

bool orm_key_foreign(const struct orm_key *key, struct orm_word *ret_column,
		     enum orm_on_delete *ret_action)
{
	const char *at = key->b;
	struct orm_word column;

	if (!take_name(&at, &column))
		return false;
	for (unsigned i = 0; i < ARRAY_LEN(actions); i++) {
		if (strcmp(at, actions[i]) != 0)
			continue;
		*ret_column = column;
		*ret_action = (enum orm_on_delete)i;
		return true;
	}
	return false;
}

bool orm_key_relation(const struct orm_key *key, struct orm_word *ret_theirs,
		      struct orm_word *ret_ours)
{
	const char *at = key->b;
	struct orm_word theirs, ours;

	if (!take_name(&at, &theirs) || *at++ != '=' || !take_name(&at, &ours) || *at)
		return false;
	*ret_theirs = theirs;
	*ret_ours = ours;
	return true;
}
