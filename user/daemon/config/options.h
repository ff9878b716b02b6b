/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The command line of strazhd, and what it runs with: options are keys of the configuration under
 * shorter names.
 */
#ifndef STRAZH_USER_DAEMON_CONFIG_OPTIONS_H
#define STRAZH_USER_DAEMON_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/base/log.h>
#include <user/daemon/config/config.h>
#include <user/gate/attach.h>

#define OPTIONS_INTERFACES_MAX 64U
#define OPTIONS_SETS_MAX 128U

struct daemon_options {
	/* From the configuration; texts are its own. */
	const char *run_dir, *pin_dir, *state_dir;
	char interfaces[OPTIONS_INTERFACES_MAX][IF_NAMESIZE];
	unsigned int interfaces_len;
	enum attach_mode mode;
	uint32_t max_hosts;	/* 0: nobody said */
	uint32_t size_window_s; /* of watching sizes of packets */
	enum log_level level;
	struct config *config;

	/* From the command line alone. */
	const char *config_path; /* NULL: CONFIG_FILE, if it is there */
	bool help, version, check, json, example;
	struct config_set sets[OPTIONS_SETS_MAX];
	size_t sets_len;
	char named[OPTIONS_INTERFACES_MAX * IF_NAMESIZE]; /* by --interface, a list */
};

/* The command line alone. 0, or -EINVAL and the fault has been said on stderr. */
int daemon_options_parse(struct daemon_options *options, int argc, char **argv) must_check;
/*
 * The configuration with it. 0; CONFIG_WRONG; -ENOMEM. Once it is there, again for a reload: then
 * nothing changes but `*ret_config`, which is the caller's.
 */
int daemon_options_load(struct daemon_options *options, char **environment,
			struct config_faults *ret_faults) must_check;
enum log_level daemon_options_level(const struct config *config);
int daemon_options_reload(const struct daemon_options *options, char **environment,
			  struct config **ret_config, struct config_faults *ret_faults) must_check;
void daemon_options_deinit(struct daemon_options *options);
void daemon_options_help(void);

#endif
