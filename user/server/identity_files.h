/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Where identity_load() has its files from: the disk, or who opened them for it. */
#ifndef STRAZH_USER_SERVER_IDENTITY_FILES_H
#define STRAZH_USER_SERVER_IDENTITY_FILES_H

#include <strazh/base/compiler.h>
#include <user/crypto/keyfile.h>
#include <user/server/identity.h>

/* The caller's. -errno of open(2). */
int identity_file_open(const struct identity_config *config, const char *path,
		       int *ret_fd) must_check;
/* As keyfile_olds() of its key. */
int identity_files_olds(const struct identity_config *config,
			struct keyfile_olds *ret_olds) must_check;

#endif
