/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The command line of a tool as a table of long options, each with the place where its value goes.
 * What is wrong is said on standard error, and the tool exits with status 2.
 */
#ifndef STRAZH_TESTS_TOOLS_KIT_OPTIONS_H
#define STRAZH_TESTS_TOOLS_KIT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <tests/tools/kit/caller.h>

#define OPTIONS_MAX 16
#define OPTIONS_KEY_LEN 32

/* One of the places. */
struct tool_option {
	const char *name; /* NULL: the end of the table */
	bool needed;
	const char **text;
	bool *flag;			  /* takes no value */
	uint8_t *key;			  /* OPTIONS_KEY_LEN bytes, as hex */
	unsigned int *number, most;	  /* from 1 */
	struct sockaddr_storage *address; /* IPv4 or IPv6, and its length */
	socklen_t *address_len;
	unsigned int *choice; /* which of the names, which end with NULL */
	const char *const *names;
};

/* Whom it passes for, and where from. */
#define OPTION_FROM(callers)                                                                       \
	{                                                                                          \
		.name = "from", .address = &(callers).first, .address_len = &(callers).len         \
	}
#define OPTION_SOURCES(callers)                                                                    \
	{                                                                                          \
		.name = "sources", .number = &(callers).count, .most = CALLERS_MAX                 \
	}
#define OPTION_STEP(callers)                                                                       \
	{                                                                                          \
		.name = "step", .number = &(callers).step, .most = 1U << 24                        \
	}

void options_parse(int argc, char **argv, const struct tool_option *options, const char *usage);

#endif
