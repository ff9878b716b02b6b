/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets leave no trace: own_wiped locals are zeroed on every way out of their scope. */
#ifndef STRAZH_USER_CRYPTO_WIPE_H
#define STRAZH_USER_CRYPTO_WIPE_H

#include <stddef.h>
#include <string.h>

#include <strazh/base/compiler.h>

/* What explicit_bzero() does, but inline: a key of 32 bytes is one or two stores, and each record
 * has a handful of them. The barrier says that somebody reads the zeros. */
static inline void wipe(void *secret, size_t len)
{
	memset(secret, 0, len);
	__asm__ volatile("" : : "r"(secret) : "memory");
}

struct secret32 {
	unsigned char bytes[32];
};

static inline void own_wipe32_(struct secret32 *secret)
{
	wipe(secret, sizeof(*secret));
}

#define own_wiped cleanup_with(own_wipe32_)

#endif
