/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/options.h>

#include <stdlib.h>
#include <string.h>

#include <user/gate/gate.h>

static const char *from_env(const char *name, const char *standard)
{
	const char *value = getenv(name);

	return value && value[0] ? value : standard;
}

/* --NAME VALUE or --NAME=VALUE; how many words it took, 0: it is another word. */
static int take_value(struct options *options, char **argv, const char *name, const char **slot)
{
	size_t len = strlen(name);

	if (strncmp(argv[0], name, len) != 0)
		return 0;
	if (argv[0][len] == '=') {
		*slot = argv[0] + len + 1;
		return 1;
	}
	if (argv[0][len])
		return 0;
	if (!argv[1]) {
		options->missing = name;
		return 1;
	}
	*slot = argv[1];
	return 2;
}

static bool take_flag(struct options *options, const char *word)
{
	if (strcmp(word, "--json") == 0)
		options->json = true;
	else if (strcmp(word, "--quiet") == 0 || strcmp(word, "-q") == 0)
		options->quiet = true;
	else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		options->help = true;
	else if (strcmp(word, "--version") == 0)
		options->version = true;
	else
		return false;
	return true;
}

static int take_one(struct options *options, char **argv)
{
	int used = take_flag(options, argv[0]);

	if (!used)
		used = take_value(options, argv, "--run-dir", &options->run_dir);
	if (!used)
		used = take_value(options, argv, "--pin-dir", &options->pin_dir);
	if (!used)
		used = take_value(options, argv, "--state-dir", &options->state_dir);
	return used;
}

void options_take(struct options *options, int argc, char **argv)
{
	int kept = 0;

	*options = (struct options){
		.run_dir = from_env("STRAZH_RUN_DIR", GATE_RUN_DIR),
		.pin_dir = from_env("STRAZH_PIN_DIR", GATE_PIN_DIR),
		.state_dir = from_env("STRAZH_STATE_DIR", NULL),
		.argv = argv,
	};
	for (int i = 1; i < argc;) {
		int used = take_one(options, argv + i);

		if (strcmp(argv[i], "--") == 0) {
			while (i < argc)
				argv[kept++] = argv[i++];
		} else if (used) {
			i += used;
		} else {
			argv[kept++] = argv[i++];
		}
	}
	argv[kept] = NULL;
	options->argc = kept;
}
