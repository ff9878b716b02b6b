/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Bytes that wait, first in, first out, at most `max`; memory only while there are some. */
#ifndef STRAZH_USER_SERVICE_RING_H
#define STRAZH_USER_SERVICE_RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <strazh/base/compiler.h>

struct ring {
	uint8_t *bytes;
	size_t max;
	size_t room; /* of `bytes`: a power of two, or 0 */
	size_t start, len;
};

void ring_init(struct ring *ring, size_t max);
void ring_deinit(struct ring *ring);
/* -ENOBUFS: above max; -ENOMEM. Either way nothing was added. */
int ring_add(struct ring *ring, const void *bytes, size_t len) must_check;
/* All of it; returns how many parts, 0 to 2. They are ring's until it is changed. */
int ring_parts(const struct ring *ring, struct iovec ret_parts[2]);
void ring_drop(struct ring *ring, size_t len);

#endif
