/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STRAZH_USER_DAEMON_OPTIONS_H
#define STRAZH_USER_DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/base/log.h>
#include <user/gate/attach.h>

#define OPTIONS_INTERFACES_MAX 64U

struct daemon_options {
	const char *run_dir, *pin_dir, *state_dir;
	const char *interfaces[OPTIONS_INTERFACES_MAX];
	unsigned int interfaces_len;
	enum attach_mode mode;
	uint32_t max_hosts;	/* 0: the default */
	uint32_t size_window_s; /* of watching sizes of packets */
	enum log_level level;
	bool help, version;
};

/* 0, or -EINVAL and the fault has been said on stderr. */
int daemon_options_parse(struct daemon_options *options, int argc, char **argv) must_check;
void daemon_options_help(void);

#endif
