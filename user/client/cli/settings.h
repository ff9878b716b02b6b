/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What was asked for: the configuration file, over it the environment (STRAZH_SERVER and so on),
 * over it the command line.
 */
#ifndef STRAZH_USER_CLIENT_CLI_SETTINGS_H
#define STRAZH_USER_CLIENT_CLI_SETTINGS_H

#include <user/client/cli/cli.h>

/* Fills command, values, listens and operands; argv is reordered. Says what is wrong. */
int settings_take(struct cli *cli, int argc, char **argv) must_check;
void settings_drop(struct cli *cli);

/* A whole number; a number with a fraction, in thousandths. USAGE: said. */
int settings_number(const struct cli *cli, enum cli_option option, uint64_t standard,
		    uint64_t least, uint64_t most, uint64_t *ret_number) must_check;
int settings_thousandths(const struct cli *cli, enum cli_option option, uint64_t standard,
			 uint64_t least, uint64_t most, uint64_t *ret_number) must_check;

#endif
