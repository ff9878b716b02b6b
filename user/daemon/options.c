/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/daemon/options.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/ctl/journal.h>
#include <user/gate/gate.h>
#include <user/gate/profile.h>

#define HOSTS_MIN 16U
#define HOSTS_MOST 100000000U
#define WINDOW_MOST_S 86400U

static const char *from_env(const char *name, const char *standard)
{
	const char *value = getenv(name);

	return value && value[0] ? value : standard;
}

static int wrong(const char *option, const char *value, const char *right)
{
	fprintf(stderr, "strazhd: '%s' is no value for --%s: %s\n", value, option, right);
	return -EINVAL;
}

static int parse_mode(const char *text, enum attach_mode *ret_mode)
{
	if (strcmp(text, "native") == 0)
		*ret_mode = ATTACH_NATIVE;
	else if (strcmp(text, "generic") == 0)
		*ret_mode = ATTACH_GENERIC;
	else if (strcmp(text, "auto") == 0)
		*ret_mode = ATTACH_AUTO;
	else
		return wrong("mode", text, "native, generic or auto");
	return 0;
}

static int parse_level(const char *text, enum log_level *ret_level)
{
	if (strcmp(text, "error") == 0)
		*ret_level = LOG_LVL_ERROR;
	else if (strcmp(text, "warning") == 0)
		*ret_level = LOG_LVL_WARNING;
	else if (strcmp(text, "info") == 0)
		*ret_level = LOG_LVL_INFO;
	else if (strcmp(text, "debug") == 0)
		*ret_level = LOG_LVL_DEBUG;
	else
		return wrong("log-level", text, "error, warning, info or debug");
	return 0;
}

static int parse_hosts(const char *text, uint32_t *ret_hosts)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || text[0] < '0' || text[0] > '9' || *end || number < HOSTS_MIN ||
	    number > HOSTS_MOST)
		return wrong("max-hosts", text, "a number, 16 to 100000000");
	*ret_hosts = (uint32_t)number;
	return 0;
}

static int parse_window(const char *text, uint32_t *ret_s)
{
	const char *right;
	uint64_t seconds;

	if (duration_parse(text, &seconds, &right))
		return wrong("size-window", text, right);
	if (seconds > WINDOW_MOST_S)
		return wrong("size-window", text, "at most 1d");
	*ret_s = (uint32_t)seconds;
	return 0;
}

static int add_interface(struct daemon_options *options, const char *name)
{
	if (options->interfaces_len == OPTIONS_INTERFACES_MAX)
		return wrong("interface", name, "64 interfaces are the most");
	if (!name[0] || strlen(name) >= IF_NAMESIZE)
		return wrong("interface", name, "the name of an interface, like eth0");
	options->interfaces[options->interfaces_len++] = name;
	return 0;
}

static int take(struct daemon_options *options, int c)
{
	switch (c) {
	case 'i':
		return add_interface(options, optarg);
	case 'm':
		return parse_mode(optarg, &options->mode);
	case 'n':
		return parse_hosts(optarg, &options->max_hosts);
	case 'r':
		options->run_dir = optarg;
		return 0;
	case 'p':
		options->pin_dir = optarg;
		return 0;
	case 's':
		options->state_dir = optarg;
		return 0;
	case 'w':
		return parse_window(optarg, &options->size_window_s);
	case 'l':
		return parse_level(optarg, &options->level);
	case 'f':
		return 0; /* the only way we run */
	case 'h':
		options->help = true;
		return 0;
	case 'V':
		options->version = true;
		return 0;
	default:
		fputs("strazhd: `strazhd --help` shows what there is\n", stderr);
		return -EINVAL;
	}
}

int daemon_options_parse(struct daemon_options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{"interface", required_argument, NULL, 'i'},
		{"mode", required_argument, NULL, 'm'},
		{"max-hosts", required_argument, NULL, 'n'},
		{"run-dir", required_argument, NULL, 'r'},
		{"pin-dir", required_argument, NULL, 'p'},
		{"state-dir", required_argument, NULL, 's'},
		{"size-window", required_argument, NULL, 'w'},
		{"log-level", required_argument, NULL, 'l'},
		{"foreground", no_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int c, r = 0;

	*options = (struct daemon_options){
		.run_dir = from_env("STRAZH_RUN_DIR", GATE_RUN_DIR),
		.pin_dir = from_env("STRAZH_PIN_DIR", GATE_PIN_DIR),
		.state_dir = from_env("STRAZH_STATE_DIR", JOURNAL_STATE_DIR),
		.size_window_s = PROFILE_WINDOW_S,
		.level = LOG_LVL_INFO,
	};
	while (!r && (c = getopt_long(argc, argv, "i:hV", known, NULL)) != -1)
		r = take(options, c);
	if (!r && optind < argc) {
		fprintf(stderr, "strazhd: '%s' is one word too many; interfaces: --interface %s\n",
			argv[optind], argv[optind]);
		r = -EINVAL;
	}
	return r;
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
	     "  --size-window 1m       how long sizes of packets are watched before they are "
	     "judged\n"
	     "  --log-level LEVEL      error, warning, info (default) or debug\n"
	     "  --foreground           as always: strazhd does not fork\n"
	     "  -V, --version\n\n"
	     "SIGTERM ends strazhd and leaves the gate enforcing; SIGHUP checks everything anew.");
}
