/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Options that stand for a key are kept as the words they are, and judged with all the other words
 * of the configuration: one parser, one text for what would be right.
 */
#include <user/daemon/config/options.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPT_CONFIG = 1000,
	OPT_SET,
	OPT_CHECK,
	OPT_JSON,
	OPT_EXAMPLE,
	OPT_FOREGROUND,
	OPT_TEST_MODE,
	OPT_KEY, /* OPT_KEY + enum config_key */
};

static int add_set(struct daemon_options *options, const char *option, enum config_key key,
		   const char *text)
{
	if (options->sets_len == OPTIONS_SETS_MAX) {
		fprintf(stderr, "strazhd: more than %u options; a file is the place for them\n",
			OPTIONS_SETS_MAX);
		return -EINVAL;
	}
	options->sets[options->sets_len++] = (struct config_set){option, key, text};
	return 0;
}

static int add_interface(struct daemon_options *options, const char *name)
{
	size_t len = strlen(options->named), add = strlen(name);

	if (!add || add >= IF_NAMESIZE || strpbrk(name, " \t,")) {
		fprintf(stderr,
			"strazhd: '%s' is no value for --interface: the name of an interface, "
			"like eth0\n",
			name);
		return -EINVAL;
	}
	if (len + 1 + add >= sizeof(options->named)) {
		fprintf(stderr, "strazhd: --interface %s: 64 interfaces are the most\n", name);
		return -EINVAL;
	}
	(void)snprintf(options->named + len, sizeof(options->named) - len, "%s%s", len ? " " : "",
		       name);
	/* One set for all of them: they take the place of those in the file. */
	return len ? 0 : add_set(options, "--interface", CFG_INTERFACES, options->named);
}

/* section.key=value; `text` is argv's and is cut where the key ends. */
static int add_any(struct daemon_options *options, char *text)
{
	char *equals = strchr(text, '='), *dot = NULL;
	enum config_key key = CFG_KEYS;
	const char *near;

	if (equals) {
		*equals = '\0';
		dot = strrchr(text, '.');
	}
	if (!dot) {
		fprintf(stderr, "strazhd: --set '%s': it is --set section.key=value\n", text);
		return -EINVAL;
	}
	*dot = '\0';
	key = config_find(text, dot + 1);
	if (key != CFG_KEYS)
		return add_set(options, "--set", key, equals + 1);
	near = config_section_known(text) ? config_nearest_name(text, dot + 1) : NULL;
	if (near)
		fprintf(stderr, "strazhd: --set %s.%s: there is no such key; did you mean %s.%s?\n",
			text, dot + 1, text, near);
	else
		fprintf(stderr, "strazhd: --set %s.%s: there is no such key: see strazh.conf(5)\n",
			text, dot + 1);
	return -EINVAL;
}

static int take(struct daemon_options *options, int c, const char *option)
{
	switch (c) {
	case 'i':
		return add_interface(options, optarg);
	case 'h':
		options->help = true;
		return 0;
	case 'V':
		options->version = true;
		return 0;
	case OPT_CONFIG:
		options->config_path = optarg;
		return 0;
	case OPT_SET:
		return add_any(options, optarg);
	case OPT_CHECK:
		options->check = true;
		return 0;
	case OPT_JSON:
		options->json = true;
		return 0;
	case OPT_EXAMPLE:
		options->example = true;
		return 0;
	case OPT_TEST_MODE:
		return add_set(options, "--test-mode", CFG_TEST_MODE, "on");
	case OPT_FOREGROUND:
		return 0; /* the only way we run */
	case '?':
		fputs("strazhd: `strazhd --help` shows what there is\n", stderr);
		return -EINVAL;
	default:
		return add_set(options, option, (enum config_key)(c - OPT_KEY), optarg);
	}
}

static const struct option known[] = {
	{"interface", required_argument, NULL, 'i'},
	{"mode", required_argument, NULL, OPT_KEY + CFG_MODE},
	{"max-hosts", required_argument, NULL, OPT_KEY + CFG_MAX_HOSTS},
	{"run-dir", required_argument, NULL, OPT_KEY + CFG_RUN_DIR},
	{"pin-dir", required_argument, NULL, OPT_KEY + CFG_PIN_DIR},
	{"state-dir", required_argument, NULL, OPT_KEY + CFG_STATE_DIR},
	{"size-window", required_argument, NULL, OPT_KEY + CFG_SIZE_WINDOW},
	{"log-level", required_argument, NULL, OPT_KEY + CFG_LOG_LEVEL},
	{"test-mode", no_argument, NULL, OPT_TEST_MODE},
	{"config", required_argument, NULL, OPT_CONFIG},
	{"set", required_argument, NULL, OPT_SET},
	{"check", no_argument, NULL, OPT_CHECK},
	{"json", no_argument, NULL, OPT_JSON},
	{"example", no_argument, NULL, OPT_EXAMPLE},
	{"foreground", no_argument, NULL, OPT_FOREGROUND},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

/* "--mode", as faults say it. */
static const char *said(int c)
{
	switch (c - OPT_KEY) {
	case CFG_MODE:
		return "--mode";
	case CFG_MAX_HOSTS:
		return "--max-hosts";
	case CFG_RUN_DIR:
		return "--run-dir";
	case CFG_PIN_DIR:
		return "--pin-dir";
	case CFG_STATE_DIR:
		return "--state-dir";
	case CFG_SIZE_WINDOW:
		return "--size-window";
	default:
		return "--log-level";
	}
}

int daemon_options_parse(struct daemon_options *options, int argc, char **argv)
{
	int c, r = 0;

	memset(options, 0, sizeof(*options));
	while (!r && (c = getopt_long(argc, argv, "i:hV", known, NULL)) != -1)
		r = take(options, c, said(c));
	if (!r && optind < argc) {
		fprintf(stderr, "strazhd: '%s' is one word too many; interfaces: --interface %s\n",
			argv[optind], argv[optind]);
		r = -EINVAL;
	}
	if (!r && options->json && !options->check) {
		fputs("strazhd: --json goes with --check\n", stderr);
		r = -EINVAL;
	}
	return r;
}

/* ---- the configuration with it ---- */

enum log_level daemon_options_level(const struct config *config)
{
	static const enum log_level levels[] = {LOG_LVL_ERROR, LOG_LVL_WARNING, LOG_LVL_INFO,
						LOG_LVL_DEBUG};

	return levels[config_number(config, CFG_LOG_LEVEL)];
}

static void fill(struct daemon_options *options)
{
	static const enum attach_mode modes[] = {ATTACH_NATIVE, ATTACH_GENERIC, ATTACH_AUTO};
	const struct config *config = options->config;
	const char *at = config_text(config, CFG_INTERFACES);
	char item[CONFIG_ITEM_LEN];

	options->run_dir = config_text(config, CFG_RUN_DIR);
	options->pin_dir = config_text(config, CFG_PIN_DIR);
	options->state_dir = config_text(config, CFG_STATE_DIR);
	options->mode = modes[config_number(config, CFG_MODE)];
	options->level = daemon_options_level(config);
	options->size_window_s = (uint32_t)config_number(config, CFG_SIZE_WINDOW);
	options->max_hosts = 0;
	if (config->values[CFG_MAX_HOSTS].from != FROM_DEFAULT)
		options->max_hosts = (uint32_t)config_number(config, CFG_MAX_HOSTS);
	options->interfaces_len = 0;
	while (options->interfaces_len < OPTIONS_INTERFACES_MAX && config_item(&at, item))
		(void)snprintf(options->interfaces[options->interfaces_len++], IF_NAMESIZE, "%.15s",
			       item);
}

int daemon_options_reload(const struct daemon_options *options, char **environment,
			  struct config **ret_config, struct config_faults *ret_faults)
{
	const struct config_sources sources = {
		.path = options->config_path,
		.environment = environment,
		.sets = options->sets,
		.sets_len = options->sets_len,
	};

	return config_load(&sources, ret_config, ret_faults);
}

int daemon_options_load(struct daemon_options *options, char **environment,
			struct config_faults *ret_faults)
{
	int r = daemon_options_reload(options, environment, &options->config, ret_faults);

	if (!r)
		fill(options);
	return r;
}

void daemon_options_deinit(struct daemon_options *options)
{
	config_free(options->config);
	options->config = NULL;
}

void daemon_options_help(void)
{
	puts("strazhd: keeps the gate of strazh: see strazhd(8)\n\n"
	     "  strazhd [OPTIONS]\n\n"
	     "  -i, --interface IFACE  attach the gate there; may be repeated\n"
	     "  --mode MODE            native, generic or auto (default), for these\n"
	     "  --max-hosts N          capacity of the IPv4 host table, when it is made\n"
	     "  --run-dir DIR          socket and lock (/run/strazh, $STRAZH_RUN_DIR)\n"
	     "  --pin-dir DIR          pinned maps (/sys/fs/bpf/strazh, $STRAZH_PIN_DIR)\n"
	     "  --state-dir DIR        journal (/var/lib/strazh, $STRAZH_STATE_DIR)\n"
	     "  --size-window 1m       how long sizes are watched before they are judged\n"
	     "  --log-level LEVEL      error, warning, info (default) or debug\n"
	     "  --test-mode            relaxed limits, for a load test: daemon.test_mode\n"
	     "  --config FILE          strazh.conf(5) (" CONFIG_FILE ")\n"
	     "  --set section.key=VAL  any key of it; may be repeated\n"
	     "  --check [--json]       say what is wrong with all that, or the values, and end\n"
	     "  --example              print a configuration with every key, and end\n"
	     "  --foreground           as always: strazhd does not fork\n"
	     "  -V, --version\n\n"
	     "SIGTERM ends strazhd and leaves the gate enforcing; SIGHUP checks everything\n"
	     "anew and reads the configuration again.");
}
