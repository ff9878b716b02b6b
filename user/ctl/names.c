/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/names.h>

#include <stdio.h>
#include <string.h>

#include <strazh/abi/rule.h>
#include <user/gate/lists.h>

const char *const table_names[SZ_TABLES] = {
	[SZ_TABLE_NEVER] = "never",
	[SZ_TABLE_ALLOW] = "allow",
	[SZ_TABLE_DENY] = "deny",
};

static const char *const pass_names[] = {
	[SZ_PASS_OPERATOR] = "operator", [SZ_PASS_LOOPBACK] = "loopback",
	[SZ_PASS_OWN] = "own address",	 [SZ_PASS_GATEWAY] = "gateway",
	[SZ_PASS_DNS] = "dns server",	 [SZ_PASS_SSH] = "ssh session",
};

enum sz_table table_find(const char *name)
{
	enum sz_table table = SZ_TABLE_NEVER;

	while (table < SZ_TABLES && strcmp(table_names[table], name) != 0)
		table++;
	return table;
}

int names_read(struct gate *gate, struct list_names *ret_names)
{
	struct lists lists;
	int r = lists_read(gate, &lists);

	if (r)
		return r;
	memset(ret_names, 0, sizeof(*ret_names));
	for (uint32_t bit = SZ_LIST_FEED; bit < SZ_LISTS; bit++)
		if (lists.used >> bit & 1)
			ret_names->list[bit] = lists.at[bit];
	ret_names->list[SZ_LIST_OPERATOR] = (struct sz_list){.name = "operator"};
	ret_names->list[SZ_LIST_GUARD] = (struct sz_list){.name = "guard"};
	return 0;
}

uint32_t names_find(const struct list_names *names, const char *name)
{
	uint32_t bit = 0;

	while (bit < SZ_LISTS && strcmp(names->list[bit].name, name) != 0)
		bit++;
	return bit;
}

static const char *bit_name(const struct list_names *names, enum sz_table table, uint32_t bit,
			    char spare[24])
{
	const char *name = NULL;

	if (table == SZ_TABLE_DENY)
		name = names->list[bit].name;
	else if (bit < ARRAY_LEN(pass_names))
		name = pass_names[bit];
	if (name && name[0])
		return name;
	(void)snprintf(spare, 24, "list %u", bit);
	return spare;
}

json_t *names_json(const struct list_names *names, enum sz_table table, uint64_t lists)
{
	json_t *all = json_array();
	char spare[24];

	for (uint32_t bit = 0; bit < SZ_LISTS; bit++)
		if (lists >> bit & 1)
			(void)!json_array_append_new(
				all, json_string(bit_name(names, table, bit, spare)));
	return all;
}

void names_text(const struct list_names *names, enum sz_table table, uint64_t lists, char *text,
		size_t size)
{
	size_t at = 0;
	char spare[24];

	text[0] = '\0';
	for (uint32_t bit = 0; bit < SZ_LISTS && at < size; bit++)
		if (lists >> bit & 1)
			at += (size_t)snprintf(text + at, size - at, "%s%s", at ? ", " : "",
					       bit_name(names, table, bit, spare));
}
