/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <user/client/cli/cli.h>
#include <user/client/cli/settings.h>

const struct cli_command cli_commands[] = {
	{"ping", "", "round trips through the echo service", FOR_PING, 0, 0, cli_ping},
	{"echo", "", "lines of the input, as the server sends them back", FOR_ECHO, 0, 0, cli_echo},
	{"chat", "ROOM", "talk in a room of the relay", FOR_CHAT, 1, 1, cli_chat},
	{"tunnel", "", "local ports that lead to upstreams of the server", FOR_TUNNEL, 0, 0,
	 cli_tunnel},
	{"bench", "", "how many messages or handshakes, and how fast", FOR_BENCH, 0, 0, cli_bench},
	{"keygen", "FILE", "a new identity, and its public key", FOR_KEYGEN, 1, 1, cli_keygen},
};
const unsigned cli_commands_len = ARRAY_LEN(cli_commands);

int cli_fail(enum cli_code code, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("strazh: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return (int)code;
}

static enum cli_code code_of(int class)
{
	if (class < 0)
		return CLI_FAILED;
	switch ((enum strazh_class) class) {
	case STRAZH_E_OPTION:
	case STRAZH_E_UNSUPPORTED:
		return CLI_USAGE;
	case STRAZH_E_ADDRESS:
	case STRAZH_E_CONNECT:
	case STRAZH_E_REFUSED:
	case STRAZH_E_TIMEOUT:
		return CLI_REACH;
	case STRAZH_E_SERVER:
		return CLI_STRANGER;
	case STRAZH_E_PROTOCOL:
	case STRAZH_E_LOST:
	case STRAZH_E_CLOSED:
		return CLI_LOST;
	case STRAZH_E_ANSWER:
		return CLI_ANSWER;
	case STRAZH_E_FULL:
	case STRAZH_E_TOO_BIG:
	case STRAZH_OK:
	case STRAZH_CLASS_COUNT:
		break;
	}
	return CLI_FAILED;
}

int cli_fail_error(const struct strazh_error *error)
{
	const char *class = strazh_class_text(error->class);

	if (!error->text[0] || strcmp(class, error->text) == 0)
		return cli_fail(code_of(error->class), "%s", class);
	return cli_fail(code_of(error->class), "%s: %s", class, error->text);
}

/* ---- signals ---- */

static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
	if (stopped) { /* again: what is waited for does not end */
		(void)signal(number, SIG_DFL);
		(void)raise(number);
	}
	stopped = 1;
}

bool cli_stopped(void)
{
	return stopped;
}

void cli_let_signals(bool let)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(let ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

/* Blocked but in ppoll() and epoll_pwait(): none can come between a look and the wait. */
static void hold_signals(void)
{
	struct sigaction stop = {.sa_handler = on_stop};

	cli_let_signals(false);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

/* As many as are allowed: a session or a stream has a handful each. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* ---- help ---- */

static void help_option(const struct cli_option_about *o)
{
	char left[48];

	if (o->letter)
		snprintf(left, sizeof(left), "-%c, --%s%s%s", o->letter, o->name,
			 o->value ? " " : "", o->value ? o->value : "");
	else
		snprintf(left, sizeof(left), "    --%s%s%s", o->name, o->value ? " " : "",
			 o->value ? o->value : "");
	printf("  %-32s %s\n", left, o->help);
}

static void help(const struct cli_command *command)
{
	if (command) {
		printf("usage: strazh %s [options]%s%s\n%s\n\n", command->name,
		       *command->operands ? " " : "", command->operands, command->help);
	} else {
		puts("usage: strazh COMMAND [options]\n\ncommands:");
		for (unsigned i = 0; i < cli_commands_len; i++)
			printf("  %-8s %-6s %s\n", cli_commands[i].name, cli_commands[i].operands,
			       cli_commands[i].help);
		putchar('\n');
	}
	puts("options:");
	for (unsigned i = 0; i < OPT_COUNT_; i++)
		if (command ? cli_options[i].commands & command->self
			    : (cli_options[i].commands & FOR_SESSION) == FOR_SESSION)
			help_option(&cli_options[i]);
	if (!command)
		puts("\n`strazh COMMAND --help` shows those of a command; all is in strazh(1).");
}

int main(int argc, char **argv)
{
	struct cli cli = {0};
	int code = settings_take(&cli, argc, argv);

	hold_signals();
	raise_descriptors();
	if (code) {
		/* said */
	} else if (cli.values[OPT_VERSION]) {
		puts("strazh " STRAZH_VERSION);
	} else if (cli.values[OPT_HELP]) {
		help(cli.command);
	} else if (!cli.command) {
		help(NULL);
		code = CLI_USAGE;
	} else if (crypto_new(&cli.crypto)) {
		code = cli_fail(CLI_FAILED, "OpenSSL cannot be used");
	} else {
		code = cli.command->run(&cli);
	}
	crypto_free(cli.crypto);
	wipe(&cli.secret, sizeof(cli.secret));
	settings_drop(&cli);
	if (fflush(stdout) && !code)
		code = cli_fail(CLI_FAILED, "standard output: %s", strerror(errno));
	return code;
}
