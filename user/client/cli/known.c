/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/client/cli/known.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#include <user/client/cli/keys.h>
#include <user/wire/text.h>

/* The next word of a line; its length, 0 at the end. */
static size_t next_word(const char **at, const char **ret_word)
{
	size_t len;

	*at += strspn(*at, " \t\r\n");
	*ret_word = *at;
	len = strcspn(*at, " \t\r\n");
	*at += len;
	return len;
}

/* NULL, or what is wrong. */
static const char *parse(const char *line, struct known *one)
{
	const char *word;
	size_t len = next_word(&line, &word);

	if (!len || len > KNOWN_NAME_MAX || !text_clean(word, len))
		return "a name is 1 to 40 bytes of UTF-8";
	memcpy(one->name, word, len);
	len = next_word(&line, &word);
	one->has_key = len != 1 || *word != '-';
	if (one->has_key && !keys_parse(word, len, one->key))
		return "behind the name comes a key, 44 characters of base64, or '-'";
	len = next_word(&line, &word);
	one->has_signing = len;
	if (len && !keys_parse(word, len, one->signing))
		return "that is no signing key, 44 characters of base64";
	return next_word(&line, &word) ? "a line is: NAME KEY|- [SIGNING-KEY]" : NULL;
}

int known_read(const char *path, struct known_list *ret_list)
{
	own_file FILE *file = fopen(path, "re");
	struct known_list list = {0};
	char line[256];

	if (!file)
		return cli_fail(CLI_FILE, "'%s': %s", path, strerror(errno));
	list.all = calloc(KNOWN_MAX, sizeof(*list.all));
	if (!list.all)
		return cli_fail(CLI_FAILED, "no memory");
	for (unsigned n = 1; fgets(line, sizeof(line), file); n++) {
		const char *why = list.len == KNOWN_MAX ? "more than 1,024 of them" : NULL;

		if (line[strspn(line, " \t\r\n")] == 0 || *line == '#')
			continue;
		if (!why)
			why = parse(line, &list.all[list.len++]);
		if (why) {
			known_drop(&list);
			return cli_fail(CLI_FILE, "'%s' line %u: %s", path, n, why);
		}
	}
	*ret_list = list;
	return 0;
}

void known_drop(struct known_list *list)
{
	free(list->all);
	*list = (struct known_list){0};
}

const struct known *known_find(const struct known_list *list, const uint8_t key[PH_KEY_LEN])
{
	for (size_t i = 0; i < list->len; i++)
		if (list->all[i].has_key && memcmp(list->all[i].key, key, PH_KEY_LEN) == 0)
			return &list->all[i];
	return NULL;
}
