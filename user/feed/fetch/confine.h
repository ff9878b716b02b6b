/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STRAZH_USER_FEED_FETCH_CONFINE_H
#define STRAZH_USER_FEED_FETCH_CONFINE_H

#include <stdint.h>

#include <strazh/base/compiler.h>

/*
 * Give up everything that fetching does not need: every capability, new privileges, memory and
 * bytes to write beyond these, system calls that are not on the list, and, where the kernel has
 * Landlock, every file but those of the resolver and of TLS. Descriptors that are open stay usable.
 * 0, or -errno and *ret_what (static): what could not be given up. No Landlock is no failure.
 */
int fetch_confine(uint64_t memory, uint64_t file, const char **ret_what) must_check;

#endif
