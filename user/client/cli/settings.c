/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/client/cli/settings.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include <user/ctl/nearest.h>

const struct cli_option_about cli_options[OPT_COUNT_] = {
#define X(ID, name, letter, value, commands, help) {name, letter, value, commands, help},
	CLI_OPTIONS(X)
#undef X
};

/* ---- names ---- */

static int find_option(const char *name, size_t len)
{
	for (int i = 0; i < OPT_COUNT_; i++)
		if (strlen(cli_options[i].name) == len && !memcmp(cli_options[i].name, name, len))
			return i;
	return -1;
}

static int find_letter(char letter)
{
	for (int i = 0; i < OPT_COUNT_; i++)
		if (cli_options[i].letter == letter)
			return i;
	return -1;
}

static const char *nearest_option(const char *name, unsigned commands)
{
	const char *best = NULL;

	for (int i = 0; i < OPT_COUNT_; i++) {
		const char *known = cli_options[i].name;

		if (!(cli_options[i].commands & commands) || !word_near(name, known))
			continue;
		if (!best || word_distance(name, known) < word_distance(name, best))
			best = known;
	}
	return best;
}

static const struct cli_command *find_command(const char *name)
{
	for (unsigned i = 0; i < cli_commands_len; i++)
		if (strcmp(cli_commands[i].name, name) == 0)
			return &cli_commands[i];
	return NULL;
}

static int unknown_command(const char *name)
{
	const char *best = NULL;

	for (unsigned i = 0; i < cli_commands_len; i++) {
		const char *known = cli_commands[i].name;

		if (word_near(name, known) &&
		    (!best || word_distance(name, known) < word_distance(name, best)))
			best = known;
	}
	if (best)
		return cli_fail(CLI_USAGE, "there is no command '%.40s'; did you mean '%s'?", name,
				best);
	return cli_fail(CLI_USAGE, "there is no command '%.40s'; `strazh --help` shows all", name);
}

static int unknown_option(const char *name, unsigned commands)
{
	char word[41];
	const char *best;

	snprintf(word, sizeof(word), "%.*s", (int)MIN(strcspn(name, "="), 40), name);
	best = nearest_option(word, commands);
	if (best)
		return cli_fail(CLI_USAGE, "there is no option --%s; did you mean --%s?", word,
				best);
	return cli_fail(CLI_USAGE, "there is no option --%s; --help shows all", word);
}

/* ---- the command line ---- */

static int set(struct cli *cli, int option, const char *value)
{
	if (option == OPT_LISTEN) {
		if (cli->listens_len == CLI_LISTENS_MAX)
			return cli_fail(CLI_USAGE, "%d listeners are the most", CLI_LISTENS_MAX);
		cli->listens[cli->listens_len++] = value;
	}
	cli->values[option] = value;
	return 0;
}

/* `at` is the value that stands in the same word, or NULL. */
static int take_option(struct cli *cli, int option, const char *at, char **argv, int *used)
{
	const struct cli_option_about *about = &cli_options[option];

	if (!about->value) {
		if (at)
			return cli_fail(CLI_USAGE, "--%s takes no value", about->name);
		return set(cli, option, "on");
	}
	if (!at) {
		at = argv[1];
		(*used)++;
	}
	if (!at)
		return cli_fail(CLI_USAGE, "--%s wants a value: %s", about->name, about->value);
	return set(cli, option, at);
}

static int take_long(struct cli *cli, char **argv, int *used)
{
	const char *name = argv[0] + 2;
	size_t len = strcspn(name, "=");
	int option = find_option(name, len);

	if (option < 0)
		return unknown_option(name, cli->command ? cli->command->self : FOR_ALL);
	return take_option(cli, option, name[len] ? name + len + 1 : NULL, argv, used);
}

static int take_short(struct cli *cli, char **argv, int *used)
{
	for (const char *at = argv[0] + 1; *at; at++) {
		int option = find_letter(*at), r;

		if (option < 0)
			return cli_fail(CLI_USAGE, "there is no option -%c; --help shows all",
					isprint((unsigned char)*at) ? *at : '?');
		r = take_option(cli, option, cli_options[option].value && at[1] ? at + 1 : NULL,
				argv, used);
		if (r || cli_options[option].value)
			return r;
	}
	return 0;
}

static int take_operand(struct cli *cli, const char *word)
{
	if (!cli->command) {
		cli->command = find_command(word);
		return cli->command ? 0 : unknown_command(word);
	}
	cli->operands[cli->operands_len++] = word;
	return 0;
}

static int take_words(struct cli *cli, int argc, char **argv)
{
	bool plain = false;
	int r = 0;

	cli->operands = calloc((size_t)argc + 1, sizeof(*cli->operands));
	if (!cli->operands)
		return cli_fail(CLI_FAILED, "no memory");
	for (int i = 1; i < argc && !r;) {
		int used = 1;

		if (!plain && strcmp(argv[i], "--") == 0)
			plain = true;
		else if (!plain && strncmp(argv[i], "--", 2) == 0)
			r = take_long(cli, argv + i, &used);
		else if (!plain && argv[i][0] == '-' && argv[i][1])
			r = take_short(cli, argv + i, &used);
		else
			r = take_operand(cli, argv[i]);
		i += used;
	}
	return r;
}

static int check_words(const struct cli *cli)
{
	const struct cli_command *command = cli->command;

	if (cli->values[OPT_HELP] || cli->values[OPT_VERSION] || !command)
		return 0;
	for (int i = 0; i < OPT_COUNT_; i++)
		if (cli->values[i] && !(cli_options[i].commands & command->self))
			return cli_fail(CLI_USAGE, "strazh %s takes no --%s", command->name,
					cli_options[i].name);
	if (cli->operands_len < command->least)
		return cli_fail(CLI_USAGE, "strazh %s wants %s", command->name, command->operands);
	if (cli->operands_len > command->most)
		return cli_fail(CLI_USAGE, "strazh %s: what is '%.60s' for?", command->name,
				cli->operands[command->most]);
	return 0;
}

/* ---- environment and file: where nothing was said yet ---- */

static bool from_elsewhere(int option)
{
	return cli_options[option].commands & FOR_SESSION && option < OPT_CONFIG;
}

static bool is_off(const char *value)
{
	return !*value || !strcmp(value, "off") || !strcmp(value, "no") || !strcmp(value, "0");
}

/* 0: it can be taken. */
static int wrong_switch(int option, const char *value)
{
	static const char *const on[] = {"on", "yes", "1", "true"};

	if (cli_options[option].value || is_off(value) || !strcmp(value, "false"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(on); i++)
		if (strcmp(value, on[i]) == 0)
			return 0;
	return 1;
}

static int take_environment(struct cli *cli)
{
	for (int i = 0; i < OPT_COUNT_; i++) {
		char name[40] = "STRAZH_";
		const char *value;
		size_t at = strlen(name);

		if (!from_elsewhere(i) || cli->values[i])
			continue;
		for (const char *c = cli_options[i].name; *c; c++)
			name[at++] = (char)toupper((unsigned char)*c);
		value = getenv(name);
		if (!value || !*value)
			continue;
		if (wrong_switch(i, value))
			return cli_fail(CLI_USAGE, "%s: 'on' or 'off', not '%.40s'", name, value);
		if (cli_options[i].value || !is_off(value))
			cli->values[i] = value;
	}
	return 0;
}

struct reading {
	struct cli *cli;
	const char *path;
	int code;
};

static int take_line(void *user, const char *section, const char *name, const char *value)
{
	struct reading *in = user;
	int option = find_option(name, strlen(name));
	char word[41];

	if (in->code)
		return 0;
	if (*section && strcmp(section, "client") != 0) {
		in->code = cli_fail(CLI_USAGE, "%s: the only section is [client]", in->path);
	} else if (option < 0 || !from_elsewhere(option)) {
		const char *best;

		snprintf(word, sizeof(word), "%.40s", name);
		best = nearest_option(word, FOR_SESSION);
		in->code = cli_fail(CLI_USAGE, "%s: there is no key '%s'%s%s%s", in->path, word,
				    best ? "; did you mean '" : "", best ? best : "",
				    best ? "'?" : "");
	} else if (wrong_switch(option, value)) {
		in->code = cli_fail(CLI_USAGE, "%s: %s is 'on' or 'off'", in->path, name);
	} else if (!in->cli->values[option] && (cli_options[option].value || !is_off(value))) {
		in->cli->owned[option] = strdup(value);
		in->cli->values[option] = in->cli->owned[option];
		if (!in->cli->owned[option])
			in->code = cli_fail(CLI_FAILED, "no memory");
	}
	return in->code == 0;
}

static int take_file(struct cli *cli)
{
	const char *path = cli->values[OPT_CONFIG], *home = getenv("HOME");
	const char *config = getenv("XDG_CONFIG_HOME");
	struct reading in = {.cli = cli};
	char standard[4096];
	bool asked = path;
	FILE *file;
	int r;

	if (!path && config && *config)
		snprintf(standard, sizeof(standard), "%s/strazh/client.conf", config);
	else if (!path && home)
		snprintf(standard, sizeof(standard), "%s/.config/strazh/client.conf", home);
	else if (!path)
		return 0;
	in.path = path ? path : standard;
	file = fopen(in.path, "re");
	if (!file && (asked || errno != ENOENT))
		return cli_fail(CLI_FILE, "'%s': %s", in.path, strerror(errno));
	if (!file)
		return 0;
	r = ini_parse_file(file, take_line, &in);
	fclose(file);
	if (!in.code && r)
		in.code = cli_fail(CLI_USAGE, "%s:%d: a line is: key = value", in.path, r);
	return in.code;
}

int settings_take(struct cli *cli, int argc, char **argv)
{
	int r = take_words(cli, argc, argv);

	if (!r)
		r = check_words(cli);
	if (!r && cli->command && cli->command->self & FOR_SESSION) {
		r = take_environment(cli);
		if (!r)
			r = take_file(cli);
	}
	cli->json = cli->values[OPT_JSON];
	return r;
}

void settings_drop(struct cli *cli)
{
	for (int i = 0; i < OPT_COUNT_; i++)
		free(cli->owned[i]);
	free(cli->operands);
}

/* ---- numbers ---- */

static bool read_digits(const char **at, uint64_t *ret_number)
{
	uint64_t number = 0;
	const char *begin = *at;

	for (; **at >= '0' && **at <= '9' && *at - begin < 12; (*at)++)
		number = number * 10 + (uint64_t)(**at - '0');
	*ret_number = number;
	return *at != begin;
}

int settings_number(const struct cli *cli, enum cli_option option, uint64_t standard,
		    uint64_t least, uint64_t most, uint64_t *ret_number)
{
	const char *at = cli->values[option];
	uint64_t number = standard;

	if (at && (!read_digits(&at, &number) || *at || number < least || number > most))
		return cli_fail(CLI_USAGE, "--%s is a number from %ju to %ju, not '%.40s'",
				cli_options[option].name, (uintmax_t)least, (uintmax_t)most,
				cli->values[option]);
	*ret_number = number;
	return 0;
}

int settings_thousandths(const struct cli *cli, enum cli_option option, uint64_t standard,
			 uint64_t least, uint64_t most, uint64_t *ret_number)
{
	const char *at = cli->values[option];
	uint64_t number = standard;
	bool right = true;

	if (at) {
		right = read_digits(&at, &number);
		number *= 1000;
		if (right && *at == '.') {
			uint64_t unit = 100;

			for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10)
				number += (uint64_t)(*at - '0') * unit;
		}
		right = right && !*at && number >= least && number <= most;
	}
	if (!right)
		return cli_fail(CLI_USAGE, "--%s is seconds from %.3f to %.0f, not '%.40s'",
				cli_options[option].name, (double)least / 1000, (double)most / 1000,
				cli->values[option]);
	*ret_number = number;
	return 0;
}
