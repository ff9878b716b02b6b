/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <user/base/log.h>
#include <user/daemon/caps.h>
#include <user/daemon/options.h>
#include <user/daemon/run.h>

int main(int argc, char **argv)
{
	struct daemon_options options;

	if (daemon_options_parse(&options, argc, argv))
		return 2;
	if (options.help || options.version) {
		if (options.help)
			daemon_options_help();
		else
			puts("strazhd " STRAZH_VERSION);
		return EXIT_SUCCESS;
	}
	log_init("strazhd", options.level);
	(void)signal(SIGPIPE, SIG_IGN);
	if (caps_drop()) {
		log_error("the capabilities CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN "
			  "are needed; run it as root");
		return EXIT_FAILURE;
	}
	return keeper_run(&options) ? EXIT_FAILURE : EXIT_SUCCESS;
}
