/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STRAZH_USER_CTL_HELP_H
#define STRAZH_USER_CTL_HELP_H

#include <stdio.h>

#include <user/ctl/command.h>

void help_all(FILE *out);
void help_command(FILE *out, const struct command *command);
/* For the completion: "commands", "options COMMAND", "values COMMAND OPTION". false: no such. */
bool help_complete(FILE *out, int argc, char *const *argv);

#endif
