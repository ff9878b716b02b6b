/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets leave no trace: own_wiped locals are zeroed on every way out of their scope. */
#ifndef STRAZH_USER_CRYPTO_WIPE_H
#define STRAZH_USER_CRYPTO_WIPE_H

#include <stddef.h>
#include <string.h>

#include <strazh/base/compiler.h>

static inline void wipe(void *secret, size_t len)
{
	explicit_bzero(secret, len);
}

struct secret32 {
	unsigned char bytes[32];
};

static inline void own_wipe32_(struct secret32 *secret)
{
	explicit_bzero(secret, sizeof(*secret));
}

#define own_wiped cleanup_with(own_wipe32_)

#endif
