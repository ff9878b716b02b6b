/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <user/base/log.h>
#include <user/daemon/caps.h>
#include <user/daemon/config/config_show.h>
#include <user/daemon/config/options.h>
#include <user/daemon/keeper.h>
#include <user/daemon/memory/memory.h>
#include <user/daemon/worker/launcher.h>
#include <user/daemon/worker/run.h>
#include <user/daemon/worker/worker.h>
#include <user/daemon/worker/worker_main.h>

/* With the rights that strazhd has when it reads them: root alone could read more. 0 or -ENOMEM. */
static int check_named(const struct config *config, struct config_faults *faults)
{
	char why[CONFIG_WHY_LEN];
	int r;

	if (memory_url_fault(config, why))
		config_fault_add(faults, "configuration", "store.url", "%s", why);
	if (!config_number(config, CFG_SERVER_ENABLE))
		return 0;
	(void)!caps_drop(false); /* who is not root has none */
	r = worker_check(config, faults);
	return r < 0 ? r : 0;
}

/* strazhd --check. */
static int check(const struct daemon_options *options, struct config_faults *faults)
{
	const struct config *config = options->config;

	if (config && check_named(config, faults)) {
		fprintf(stderr, "strazhd: %s\n", strerror(ENOMEM));
		return EXIT_FAILURE;
	}
	if (faults->total)
		config = NULL;

	if (options->json) {
		int r = config_show_json(config, faults, stdout);

		if (r) {
			fprintf(stderr, "strazhd: %s\n", strerror(-r));
			return EXIT_FAILURE;
		}
	} else if (config) {
		config_show_values(config, stdout);
		puts("configuration is right");
	} else {
		config_show_faults(faults, stdout);
		printf("configuration is wrong: %zu fault%s\n", faults->total,
		       faults->total == 1 ? "" : "s");
	}
	return config ? EXIT_SUCCESS : 2;
}

static int run(const struct daemon_options *options)
{
	struct launched launcher = {.fd = -1};

	log_init("strazhd", options->level);
	(void)signal(SIGPIPE, SIG_IGN);
	if (config_number(options->config, CFG_SERVER_ENABLE) &&
	    launcher_new(&launcher.fd, &launcher.pid))
		log_error("the launcher of the secured server cannot be forked");
	if (caps_drop(config_number(options->config, CFG_SERVER_ENABLE))) {
		log_error("the capabilities CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN "
			  "are needed; run it as root");
		return EXIT_FAILURE;
	}
	return keeper_run(options, &launcher) ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static struct daemon_options options;
	static struct config_faults faults;
	int r, status;

	if (argc == 2 && strcmp(argv[1], LAUNCHER_WORD) == 0)
		return worker_main();
	if (launcher_note(argc)) {
		fputs("strazhd: /proc/self/cmdline cannot be read\n", stderr);
		return EXIT_FAILURE;
	}
	if (daemon_options_parse(&options, argc, argv))
		return 2;
	if (options.help || options.version || options.example) {
		if (options.help)
			daemon_options_help();
		else if (options.example)
			config_show_example(stdout);
		else
			puts("strazhd " STRAZH_VERSION);
		return EXIT_SUCCESS;
	}
	r = daemon_options_load(&options, environ, &faults);
	if (r < 0) {
		fprintf(stderr, "strazhd: %s\n", strerror(-r));
		return EXIT_FAILURE;
	}
	if (options.check) {
		status = check(&options, &faults);
	} else if (r) {
		fputs("strazhd: the configuration is wrong:\n", stderr);
		config_show_faults(&faults, stderr);
		status = 2;
	} else {
		status = run(&options);
	}
	daemon_options_deinit(&options);
	return status;
}
