/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What stands on strazhctl's command line beside a command's own words. */
#ifndef STRAZH_USER_CTL_OPTIONS_H
#define STRAZH_USER_CTL_OPTIONS_H

#include <stdbool.h>

#include <strazh/base/compiler.h>

struct options {
	const char *run_dir, *pin_dir, *state_dir;
	bool json, quiet, help, version;
	const char *missing; /* an option that wants a value and has none */
	int argc;	     /* what is left: the command and its words */
	char **argv;
};

/*
 * Takes them out of argv, wherever they stand (up to "--"); what is left keeps its order. argv[0]
 * is dropped. The environment gives what the line does not.
 */
void options_take(struct options *options, int argc, char **argv);

#endif
