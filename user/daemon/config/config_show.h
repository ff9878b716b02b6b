/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The configuration for people and for programs: `strazhd --check`, the example, the manual. */
#ifndef STRAZH_USER_DAEMON_CONFIG_CONFIG_SHOW_H
#define STRAZH_USER_DAEMON_CONFIG_CONFIG_SHOW_H

#include <stdio.h>

#include <strazh/base/compiler.h>
#include <user/daemon/config/config.h>

#define CONFIG_ORIGIN_LEN 256
/* Where a key has its value from: "/etc/strazh/strazh.conf:12", "STRAZH_SERVER_NAME",
 * "command line", "default". */
const char *config_origin(const struct config *config, enum config_key key,
			  char ret_text[CONFIG_ORIGIN_LEN]);
/* Of an upstream; the file's name for one that is not there. */
const char *config_upstream_origin(const struct config *config, const char *name,
				   char ret_text[CONFIG_ORIGIN_LEN]);
/* "FILE:12: server.name: why" each, and how many more there are. */
void config_show_faults(const struct config_faults *faults, FILE *to);
/* "server.name = strazh    # FILE:12" each. */
void config_show_values(const struct config *config, FILE *to);
/* {"right": bool, "file", "values": [...], "faults": [...]}; config NULL: it is wrong. 0 or
 * -ENOMEM.
 */
int config_show_json(const struct config *config, const struct config_faults *faults,
		     FILE *to) must_check;
/* A file with every key as a comment: its help, what is right, its default. */
void config_show_example(FILE *to);
/* The same as mdoc(7), for strazh.conf(5). */
void config_show_man(FILE *to);

#endif
