/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/help.h>

#include <stdlib.h>
#include <string.h>

#include <user/ctl/settings.h>
#include <user/ctl/table.h>
#include <user/gate/limits.h>
#include <user/gate/stats.h>

#define TEXT_COLUMNS 78U
#define LEFT_COLUMNS 16
#define SETTING_LEFT 17
#define SETTING_VALUES 20

static void show_codes(FILE *out)
{
	fputs("\nExit codes:", out);
	for (int i = 0; i < CTL_CODE_COUNT; i++)
		fprintf(out, "\n  %d  %s", i, ctl_code_texts[i]);
	fputc('\n', out);
}

void help_all(FILE *out)
{
	fputs("strazhctl: the operator's command of strazh, the XDP firewall\n\n"
	      "  strazhctl [OPTIONS] COMMAND ...\n\nCommands:\n",
	      out);
	for (size_t i = 0; commands[i]; i++)
		if (!(commands[i]->flags & CMD_HIDDEN))
			fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("  help       `strazhctl help COMMAND`, or COMMAND --help\n\n"
	      "Options, before or after the command:\n"
	      "  --json           one JSON object a row, then one with the result\n"
	      "  -q, --quiet      say only what went wrong\n"
	      "  --run-dir DIR    strazhd's socket (/run/strazh, $STRAZH_RUN_DIR)\n"
	      "  --pin-dir DIR    pinned maps (/sys/fs/bpf/strazh, $STRAZH_PIN_DIR)\n"
	      "  --state-dir DIR  journal (/var/lib/strazh, $STRAZH_STATE_DIR)\n"
	      "  --version\n",
	      out);
	show_codes(out);
}

/*
 * A line that has come to column `at`, ended by `text`; what does not fit goes below, from column
 * `from` on. What is in brackets stays together.
 */
static void print_hanging(FILE *out, const char *text, size_t at, size_t from)
{
	for (const char *end = text; *text; text = end) {
		bool inside = false;
		size_t len;

		for (end = text; *end && (inside || *end != ' '); end++)
			inside = *end == '[' || (inside && *end != ']');
		len = (size_t)(end - text);
		if (at > from && at + 1 + len > TEXT_COLUMNS) {
			fprintf(out, "\n%*s", (int)from, "");
			at = from;
		} else if (at > from) {
			fputc(' ', out);
			at++;
		}
		fprintf(out, "%.*s", (int)len, text);
		at += len;
		end += *end == ' ';
	}
	fputc('\n', out);
}

static void show_arg(FILE *out, const struct arg *arg)
{
	char left[60];
	const bool place = arg->flags & ARG_POSITIONAL;

	if (arg->flags & ARG_INTERNAL)
		return;
	(void)snprintf(left, sizeof(left), "%s%s%s%s", place ? "" : "--", place ? "" : arg->key,
		       place || !arg->meta ? "" : " ", arg->meta ? arg->meta : "");
	if (strlen(left) > LEFT_COLUMNS)
		fprintf(out, "  %s\n  %*s ", left, LEFT_COLUMNS, "");
	else
		fprintf(out, "  %-*s ", LEFT_COLUMNS, left);
	print_hanging(out, arg->help, 2 + LEFT_COLUMNS + 1, 2 + LEFT_COLUMNS + 1);
}

void help_command(FILE *out, const struct command *command)
{
	char synopsis[200];

	args_synopsis(command, synopsis, sizeof(synopsis));
	fputs("strazhctl", out);
	print_hanging(out, synopsis, strlen("strazhctl"), 4);
	fputc('\n', out);
	for (const char *at = command->help; at;) {
		const char *end = strchr(at, '\n');

		print_folded(out, at, end ? (size_t)(end - at) : strlen(at), TEXT_COLUMNS);
		at = end ? end + 1 : NULL;
	}
	if (command->args->key)
		fputc('\n', out);
	for (const struct arg *arg = command->args; arg->key; arg++)
		show_arg(out, arg);
	if (strcmp(command->name, "set") == 0) {
		fputc('\n', out);
		for (size_t i = 0; i < SETTINGS_COUNT; i++) {
			const size_t from = 2 + SETTING_LEFT + 1 + SETTING_VALUES + 1;

			fprintf(out, "  %-*s %-*s ", SETTING_LEFT, settings_all[i].name,
				SETTING_VALUES, settings_all[i].values);
			print_hanging(out, settings_all[i].text, from, from);
		}
	}
}

/* ---- completion ---- */

static void complete_options(FILE *out, const struct command *command)
{
	for (const struct arg *arg = command->args; arg->key; arg++)
		if (!(arg->flags & (ARG_INTERNAL | ARG_POSITIONAL)))
			fprintf(out, "--%s\n", arg->key);
}

/* What can stand at a place, one word a line; kinds that only the shell knows as <IFACE>. */
static void complete_values(FILE *out, const struct command *command, const char *key)
{
	for (const struct arg *arg = command->args; arg->key; arg++) {
		if (strcmp(arg->key, key) != 0)
			continue;
		if (arg->kind == ARG_CHOICE) {
			for (const char *c = arg->meta; *c; c++)
				fputc(*c == '|' ? '\n' : *c, out);
			fputc('\n', out);
		} else if (arg->meta) {
			fprintf(out, "<%s>\n", arg->meta);
		}
	}
}

/* The nth place, from 0. */
static void complete_place(FILE *out, const struct command *command, const char *nth)
{
	long left = strtol(nth, NULL, 10);

	for (const struct arg *arg = command->args; arg->key; arg++)
		if (arg->flags & ARG_POSITIONAL && left-- == 0)
			complete_values(out, command, arg->key);
}

/* Words that belong to no command; false: not one of these. */
static bool complete_names(FILE *out, const char *what)
{
	if (strcmp(what, "commands") == 0) {
		for (size_t i = 0; commands[i]; i++)
			if (!(commands[i]->flags & CMD_HIDDEN))
				fprintf(out, "%s\n", commands[i]->name);
	} else if (strcmp(what, "settings") == 0) {
		for (size_t i = 0; i < SETTINGS_COUNT; i++)
			fprintf(out, "%s\n", settings_all[i].name);
	} else if (strcmp(what, "classes") == 0) {
		for (size_t i = 0; i < SZ_RATE_CLASSES; i++)
			fprintf(out, "%s\n", rate_class_names[i]);
	} else if (strcmp(what, "reasons") == 0) {
		for (size_t i = 0; i < SZ_REASON_COUNT; i++)
			fprintf(out, "%s\n", reason_names[i]);
	} else {
		return false;
	}
	return true;
}

bool help_complete(FILE *out, int argc, char *const *argv)
{
	const struct command *command = argc > 1 ? command_find(argv[1]) : NULL;

	if (argc == 1)
		return complete_names(out, argv[0]);
	if (!command)
		return false;
	if (argc == 2 && strcmp(argv[0], "options") == 0)
		complete_options(out, command);
	else if (argc == 3 && strcmp(argv[0], "place") == 0)
		complete_place(out, command, argv[2]);
	else if (argc == 3 && strcmp(argv[0], "values") == 0)
		complete_values(out, command, argv[2]);
	else
		return false;
	return true;
}
