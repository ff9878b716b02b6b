/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The one who drops the last reference sees what all others wrote before they dropped theirs. */
#include <user/service/service.h>

#include <stdatomic.h>
#include <stdlib.h>

struct shared_bytes *shared_bytes_new(size_t len)
{
	struct shared_bytes *bytes;

	if (len > SIZE_MAX - sizeof(*bytes))
		return NULL;
	bytes = malloc(sizeof(*bytes) + len);
	if (!bytes)
		return NULL;
	atomic_init(&bytes->references, 1);
	bytes->len = len;
	return bytes;
}

struct shared_bytes *shared_bytes_get(struct shared_bytes *bytes)
{
	atomic_fetch_add_explicit(&bytes->references, 1, memory_order_relaxed);
	return bytes;
}

void shared_bytes_put(struct shared_bytes *bytes)
{
	if (bytes && atomic_fetch_sub_explicit(&bytes->references, 1, memory_order_acq_rel) == 1)
		free(bytes);
}
