/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STRAZH_USER_DAEMON_WORKER_LANDLOCK_H
#define STRAZH_USER_DAEMON_WORKER_LANDLOCK_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

/*
 * No file below /, no device, no abstract socket, no signal to others, no port to bind, and of
 * ports to connect to only these: as much of it as this kernel's ABI knows. 0 and the ABI, 0 where
 * there is no Landlock; -errno.
 */
int landlock_close(const uint16_t *ports, size_t ports_len, int *ret_abi) must_check;

#endif
