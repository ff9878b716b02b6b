/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <tests/tools/kit/options.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tests/tools/kit/number.h>
#include <tests/tools/kit/target.h>

#define FIRST 256 /* what getopt_long(3) returns of the first; '?' is less */

static bool parse_key(const char *text, uint8_t key[OPTIONS_KEY_LEN])
{
	if (strlen(text) != (size_t)2 * OPTIONS_KEY_LEN ||
	    strspn(text, "0123456789abcdefABCDEF") != (size_t)2 * OPTIONS_KEY_LEN)
		return false;
	for (unsigned int i = 0; i < OPTIONS_KEY_LEN; i++) {
		const char digits[] = {text[2 * i], text[2 * i + 1], 0};

		key[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return true;
}

static bool parse_choice(const struct tool_option *option, const char *text)
{
	for (unsigned int i = 0; option->names[i]; i++) {
		if (strcmp(text, option->names[i]) != 0)
			continue;
		*option->choice = i;
		return true;
	}
	return false;
}

static bool parse(const struct tool_option *option, const char *text)
{
	char said[64];

	(void)snprintf(said, sizeof(said), "--%s", option->name);
	if (option->flag)
		*option->flag = true;
	else if (option->text)
		*option->text = text;
	else if (option->number)
		*option->number = number_parse(said, text, option->most);
	else if (option->address)
		target_parse(said, text, option->address, option->address_len);
	else if (option->key)
		return parse_key(text, option->key);
	else
		return parse_choice(option, text);
	return true;
}

void options_parse(int argc, char **argv, const struct tool_option *options, const char *usage)
{
	struct option all[OPTIONS_MAX + 1] = {0};
	bool given[OPTIONS_MAX] = {false}, right = true;
	unsigned int len = 0;
	int got;

	for (; options[len].name && len < OPTIONS_MAX; len++)
		all[len] = (struct option){
			.name = options[len].name,
			.has_arg = options[len].flag ? no_argument : required_argument,
			.val = FIRST + (int)len,
		};
	while (right && (got = getopt_long(argc, argv, "", all, NULL)) != -1) {
		right = got >= FIRST && parse(&options[got - FIRST], optarg);
		if (right)
			given[got - FIRST] = true;
	}
	for (unsigned int i = 0; i < len; i++)
		right &= given[i] || !options[i].needed;
	if (right && optind == argc)
		return;
	fputs(usage, stderr);
	exit(2);
}
