/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A configuration for another process of ours: each value that is no default, with where it comes
 * from, so that a fault that the other one finds names its place; and the names of the files that
 * go with it. It lies in a memfd. Both sides are one program, which the first words make sure of.
 */
#ifndef STRAZH_USER_DAEMON_CONFIG_CONFIG_PASS_H
#define STRAZH_USER_DAEMON_CONFIG_CONFIG_PASS_H

#include <strazh/base/compiler.h>
#include <user/daemon/config/config.h>
#include <user/server/identity.h>

/* 0 or -errno. */
int config_pass(const struct config *config, const struct identity_files *files,
		int *ret_fd) must_check;
/*
 * What config_pass() wrote. `fds` are those of the files that could be opened, in their order; they
 * are taken, also on failure. -EBADMSG: it is not that; -ENOMEM; -errno.
 */
int config_receive(int fd, int *fds, size_t fds_len, struct config **ret_config,
		   struct identity_files *ret_files) must_check;

#endif
