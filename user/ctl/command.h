/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Every operator command, once: its words on the command line, what may stand in its request, the
 * function that does it, how its rows look to a person. strazhd runs `run` for a client of its
 * socket; strazhctl runs the same function itself where no strazhd is.
 */
#ifndef STRAZH_USER_CTL_COMMAND_H
#define STRAZH_USER_CTL_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include <strazh/base/compiler.h>
#include <user/ctl/codes.h>

struct request;
struct client;
struct view;

enum arg_kind {
	ARG_TEXT,
	ARG_FLAG,     /* true; no value on the command line */
	ARG_PREFIX,   /* ADDR or ADDR/LEN */
	ARG_DURATION, /* 90s 10m 2h 7d */
	ARG_CHOICE,   /* one of `meta`, separated by | */
	ARG_NAME,     /* of a list: letters, digits, . _ - */
	ARG_NUMBER,
};

#define ARG_POSITIONAL 1U
#define ARG_REQUIRED 2U
#define ARG_INTERNAL 4U /* strazhctl fills it in; not on the command line */
#define ARG_BARE 8U	/* behind the verb "new" a flag: it takes no value there */

struct arg {
	const char *key; /* in the request; as an option: --key */
	enum arg_kind kind;
	unsigned int flags;
	const char *meta; /* how a value looks */
	const char *help;
};

#define CMD_READ 1U	/* changes nothing: members of group strazh may */
#define CMD_CREATE 2U	/* makes the gate where there is none */
#define CMD_STREAM 4U	/* many rows: strazhd lets a child of its own write them */
#define CMD_FOLLOW 8U	/* with follow: true, rows go on until the client leaves */
#define CMD_SSH 16U	/* carries the operator's SSH peer, which becomes never */
#define CMD_HIDDEN 64U	/* strazhctl's own, not on the command line */
#define CMD_SHOWS 128U	/* changes nothing unless "value" or "mode" is given */
#define CMD_FILE 32U	/* carries prefix records in a sealed memfd */
#define CMD_VERB 256U	/* its argument "verb" says what; list and show change nothing */
#define CMD_STORY 1024U /* wants what the audit has of its "prefix" */
#define CMD_TIDY 512U	/* also what changes nothing finishes what is due, so wants to write */

struct command {
	const char *name;
	unsigned int flags;
	const struct arg *args; /* ends with key NULL; positional ones in their order */
	const char *summary;
	const char *help; /* paragraphs for `strazhctl help NAME` */
	/* In strazhctl, before the request is sent: what only the caller's side can do. NULL: none.
	 * Returns a ctl_code; *ret_stop: the command has been carried out by this function. */
	int (*prepare)(struct client *client, json_t *args, bool *ret_stop);
	/* A ctl_code, its text said by request_say(); or -errno, explained by gate_error(). */
	int (*run)(struct request *request);
	const struct view *view;
};

extern const struct command *const commands[]; /* ends with NULL; in the order of the help */

const struct command *command_find(const char *name);
/* Does this call change nothing? */
bool command_reads(const struct command *command, const json_t *args);
/* The one whose name is nearest to a mistyped one; NULL: nothing comes near. */
const struct command *command_nearest(const char *name);

#define WHY_LEN 300
/* Do these arguments fit the command? CTL_DONE, or CTL_USAGE and `why`. */
int args_check(const struct command *command, const json_t *args, char why[WHY_LEN]) must_check;
/* Words of a command line into arguments, values not checked yet: *ret_args is the caller's.
 * CTL_DONE or CTL_USAGE. */
int args_build(const struct command *command, int argc, const char *const *argv, json_t **ret_args,
	       char why[WHY_LEN]) must_check;
/* "ban ADDR[/LEN] [--for 10m] [--reason TEXT]" */
void args_synopsis(const struct command *command, char *text, size_t size);

#endif
