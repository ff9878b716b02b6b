/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The room is a power of two and doubles; what is there moves to the front when it does. */
#include <user/service/ring.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 4096

void ring_init(struct ring *ring, size_t max)
{
	*ring = (struct ring){.max = max};
}

void ring_deinit(struct ring *ring)
{
	free(ring->bytes);
	*ring = (struct ring){.max = ring->max};
}

static int grow(struct ring *ring, size_t need)
{
	size_t room = ring->room ? ring->room : ROOM_FIRST, at = 0;
	struct iovec parts[2];
	uint8_t *bytes;
	int n = ring_parts(ring, parts);

	while (room < need)
		room *= 2;
	bytes = malloc(room);
	if (!bytes)
		return -ENOMEM;
	for (int i = 0; i < n; i++) {
		memcpy(bytes + at, parts[i].iov_base, parts[i].iov_len);
		at += parts[i].iov_len;
	}
	free(ring->bytes);
	ring->bytes = bytes;
	ring->room = room;
	ring->start = 0;
	return 0;
}

int ring_add(struct ring *ring, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;
	size_t end, first;

	if (!len)
		return 0;
	if (len > ring->max - ring->len)
		return -ENOBUFS;
	if (ring->len + len > ring->room) {
		int r = grow(ring, ring->len + len);

		if (r)
			return r;
	}
	end = (ring->start + ring->len) & (ring->room - 1);
	first = MIN(len, ring->room - end);
	memcpy(ring->bytes + end, from, first);
	memcpy(ring->bytes, from + first, len - first);
	ring->len += len;
	return 0;
}

int ring_parts(const struct ring *ring, struct iovec ret_parts[2])
{
	size_t first;

	if (!ring->len)
		return 0;
	first = MIN(ring->len, ring->room - ring->start);
	ret_parts[0] = (struct iovec){ring->bytes + ring->start, first};
	ret_parts[1] = (struct iovec){ring->bytes, ring->len - first};
	return first == ring->len ? 1 : 2;
}

void ring_drop(struct ring *ring, size_t len)
{
	ring->len -= len;
	if (ring->len)
		ring->start = (ring->start + len) & (ring->room - 1);
	else
		ring_deinit(ring);
}
