/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The same table of arguments serves twice: strazhctl makes a request from words with it, and
 * whoever carries a request out checks it by the same rules, because a request is a stranger's.
 */
#include <user/ctl/command.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/abi/limits.h>
#include <user/base/clock.h>
#include <user/base/prefix.h>
#include <user/ctl/nearest.h>

static int wrong(char why[WHY_LEN], const char *format, ...) printf_like(2, 3);
static int wrong(char why[WHY_LEN], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, WHY_LEN, format, args);
	va_end(args);
	return CTL_USAGE;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

bool command_reads(const struct command *command, const json_t *args)
{
	const char *verb = json_string_value(json_object_get(args, "verb"));

	if (command->flags & CMD_VERB)
		return verb && (strcmp(verb, "list") == 0 || strcmp(verb, "show") == 0);
	if (command->flags & CMD_SHOWS)
		return !json_object_get(args, "value") && !json_object_get(args, "mode");
	return command->flags & CMD_READ;
}

const struct command *command_nearest(const char *name)
{
	const struct command *best = NULL;

	for (size_t i = 0; commands[i]; i++)
		if (!(commands[i]->flags & CMD_HIDDEN) && word_near(name, commands[i]->name) &&
		    (!best ||
		     word_distance(name, commands[i]->name) < word_distance(name, best->name)))
			best = commands[i];
	return best;
}

/* ---- one value ---- */

static int check_prefix(const char *command, const char *text, char why[WHY_LEN])
{
	char right[PREFIX_TEXT_LEN];
	struct prefix prefix;
	int fault = prefix_parse(text, strlen(text), &prefix);
	const char *slash = strchr(text, '/');

	if (!fault)
		return CTL_DONE;
	if (fault == PREFIX_HOST_BITS)
		return wrong(why, "%s: '%.60s' has bits set beyond %s; did you mean %s?", command,
			     text, slash ? slash : "its length", prefix_format(&prefix, right));
	return wrong(why, "%s: '%.60s': %s; a prefix is written 192.0.2.0/24 or 2001:db8::/32",
		     command, text, prefix_fault_text(fault));
}

static int check_duration(const char *command, const char *key, const char *text, char why[WHY_LEN])
{
	const char *right;
	uint64_t seconds;

	if (!duration_parse(text, &seconds, &right))
		return CTL_DONE;
	return wrong(why, "%s: '%.40s' is no duration for '%s': %s", command, text, key, right);
}

static int check_choice(const char *command, const char *text, const char *choices,
			char why[WHY_LEN])
{
	size_t len = strlen(text);

	for (const char *at = choices; at; at = strchr(at, '|')) {
		if (*at == '|')
			at++;
		if (len && strncmp(at, text, len) == 0 && (at[len] == '|' || !at[len]))
			return CTL_DONE;
	}
	return wrong(why, "%s: '%.40s' is not one of %s", command, text, choices);
}

static int check_name(const char *command, const char *text, char why[WHY_LEN])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t len = strlen(text);

	if (len && len < SZ_LIST_NAME_LEN && strspn(text, letters) == len)
		return CTL_DONE;
	return wrong(why,
		     "%s: '%.40s' is no name for a list: 1 to %d letters, digits, '.', '_' or '-'",
		     command, text, SZ_LIST_NAME_LEN - 1);
}

static int check_string(const struct command *command, const struct arg *arg, const char *text,
			char why[WHY_LEN])
{
	switch (arg->kind) {
	case ARG_PREFIX:
		return check_prefix(command->name, text, why);
	case ARG_DURATION:
		return check_duration(command->name, arg->key, text, why);
	case ARG_CHOICE:
		return check_choice(command->name, text, arg->meta, why);
	case ARG_NAME:
		return check_name(command->name, text, why);
	case ARG_TEXT:
		break;
	case ARG_FLAG:
	case ARG_NUMBER:
		return wrong(why, "%s: '%s' cannot be a text", command->name, arg->key);
	}
	return CTL_DONE;
}

static int check_value(const struct command *command, const struct arg *arg, const json_t *value,
		       char why[WHY_LEN])
{
	const char *text = json_string_value(value);

	if (text)
		return strlen(text) == json_string_length(value)
			       ? check_string(command, arg, text, why)
			       : wrong(why, "%s: '%s' holds a NUL", command->name, arg->key);
	if (arg->kind == ARG_FLAG && json_is_boolean(value))
		return CTL_DONE;
	if (arg->kind == ARG_NUMBER && json_is_integer(value) && json_integer_value(value) >= 0)
		return CTL_DONE;
	return wrong(why, "%s: '%s' has a value of the wrong kind", command->name, arg->key);
}

/* ---- all of them ---- */

static const struct arg *find_arg(const struct command *command, const char *key)
{
	for (const struct arg *arg = command->args; arg->key; arg++)
		if (strcmp(arg->key, key) == 0)
			return arg;
	return NULL;
}

static int check_required(const struct command *command, const json_t *args, char why[WHY_LEN])
{
	char synopsis[200];

	for (const struct arg *arg = command->args; arg->key; arg++) {
		if (!(arg->flags & ARG_REQUIRED) || json_object_get(args, arg->key))
			continue;
		args_synopsis(command, synopsis, sizeof(synopsis));
		return wrong(why, "%s: %s is missing: strazhctl %s", command->name,
			     arg->meta ? arg->meta : arg->key, synopsis);
	}
	return CTL_DONE;
}

int args_check(const struct command *command, const json_t *args, char why[WHY_LEN])
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)args, key, value)
	{
		const struct arg *arg = find_arg(command, key);
		int code;

		if (!arg)
			return wrong(why, "%s: there is no argument '%.40s'", command->name, key);
		code = check_value(command, arg, value, why);
		if (code)
			return code;
	}
	return check_required(command, args, why);
}

/* ---- from words ---- */

static const struct arg *nth_positional(const struct command *command, size_t n)
{
	for (const struct arg *arg = command->args; arg->key; arg++)
		if (arg->flags & ARG_POSITIONAL && n-- == 0)
			return arg;
	return NULL;
}

static int unknown_option(const struct command *command, const char *word, char why[WHY_LEN])
{
	for (const struct arg *arg = command->args; arg->key; arg++)
		if (!(arg->flags & (ARG_INTERNAL | ARG_POSITIONAL)) && word_near(word, arg->key))
			return wrong(why, "%s: there is no option '--%.40s'; did you mean '--%s'?",
				     command->name, word, arg->key);
	return wrong(why, "%s: there is no option '--%.40s'; `strazhctl help %s` tells which",
		     command->name, word, command->name);
}

static bool is_flag(const struct arg *arg, const json_t *args)
{
	const char *verb = json_string_value(json_object_get(args, "verb"));

	return arg->kind == ARG_FLAG || (arg->flags & ARG_BARE && verb && strcmp(verb, "new") == 0);
}

/* --key VALUE, --key=VALUE, --flag. How many words were used up; 0: wrong. */
static int take_option(const struct command *command, const char *const *argv, json_t *args,
		       char why[WHY_LEN])
{
	const char *word = argv[0] + 2;
	const char *equals = strchr(word, '=');
	char key[32];
	const struct arg *arg;
	const char *value;

	(void)snprintf(key, sizeof(key), "%.*s", equals ? (int)(equals - word) : (int)sizeof(key),
		       word);
	arg = find_arg(command, key);
	if (!arg || arg->flags & (ARG_INTERNAL | ARG_POSITIONAL))
		return unknown_option(command, key, why), 0;
	if (is_flag(arg, args)) {
		if (equals)
			return wrong(why, "%s: '--%s' takes no value", command->name, key), 0;
		return json_object_set_new(args, key, json_true()) ? 0 : 1;
	}
	value = equals ? equals + 1 : argv[1];
	if (!value)
		return wrong(why, "%s: '--%s' wants a value: --%s %s", command->name, key, key,
			     arg->meta),
		       0;
	if (json_object_set_new(args, key, json_string(value)))
		return wrong(why, "%s: the value of '--%s' is no UTF-8", command->name, key), 0;
	return equals ? 1 : 2;
}

static int take_positional(const struct command *command, size_t n, const char *word, json_t *args,
			   char why[WHY_LEN])
{
	const struct arg *arg = nth_positional(command, n);
	char synopsis[200];

	args_synopsis(command, synopsis, sizeof(synopsis));
	if (!arg)
		return wrong(why, "%s: '%.60s' is one word too many: strazhctl %s", command->name,
			     word, synopsis);
	if (json_object_set_new(args, arg->key, json_string(word)))
		return wrong(why, "%s: a word is no UTF-8", command->name);
	return CTL_DONE;
}

/* -w, as everybody who captures writes it. */
static bool is_write(const struct command *command, const char *word)
{
	return strcmp(word, "-w") == 0 && find_arg(command, "write");
}

static int build(const struct command *command, int argc, const char *const *argv, json_t *args,
		 char why[WHY_LEN])
{
	bool options = true;
	size_t positional = 0;

	why[0] = '\0';
	for (int i = 0; i < argc;) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
			i++;
		} else if (options &&
			   (strncmp(argv[i], "--", 2) == 0 || is_write(command, argv[i]))) {
			const char *const option[] = {
				argv[i][1] == '-' ? argv[i] : "--write",
				i + 1 < argc ? argv[i + 1] : NULL,
			};
			int used = take_option(command, option, args, why);

			if (!used)
				return CTL_USAGE;
			i += used;
		} else {
			if (take_positional(command, positional++, argv[i++], args, why))
				return CTL_USAGE;
		}
	}
	return CTL_DONE;
}

int args_build(const struct command *command, int argc, const char *const *argv, json_t **ret_args,
	       char why[WHY_LEN])
{
	json_t *args = json_object();
	int code = build(command, argc, argv, args, why);

	if (code)
		json_decref(args);
	else
		*ret_args = args;
	return code;
}

void args_synopsis(const struct command *command, char *text, size_t size)
{
	size_t at = (size_t)snprintf(text, size, "%s", command->name);

	for (const struct arg *arg = command->args; arg->key; arg++) {
		const bool need = arg->flags & ARG_REQUIRED;
		const bool place = arg->flags & ARG_POSITIONAL;
		const bool flag = arg->kind == ARG_FLAG;

		if (arg->flags & ARG_INTERNAL || at >= size)
			continue;
		at += (size_t)snprintf(text + at, size - at, " %s%s%s%s%s%s", need ? "" : "[",
				       place ? "" : "--", place ? "" : arg->key,
				       place || flag ? "" : " ", flag ? "" : arg->meta,
				       need ? "" : "]");
	}
}
