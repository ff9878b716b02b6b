/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine is to engine.c. For the files of this folder only. */
#ifndef STRAZH_USER_CRYPTO_ENGINE_KIND_H
#define STRAZH_USER_CRYPTO_ENGINE_KIND_H

#include <user/crypto/engine.h>

struct engine_kind {
	const char *name;
	/* -ENOENT: the processor has not what it takes. */
	int (*make)(struct engine **ret_engine);
	void (*drop)(struct engine *engine);
	/* Lengths are checked before. */
	int (*seal)(struct engine *engine, struct record_op *ops, size_t n);
	int (*open)(struct engine *engine, struct record_op *ops, size_t n);
};

/* The first member of each engine's own struct. */
struct engine {
	const struct engine_kind *kind;
};

extern const struct engine_kind engine_openssl;
extern const struct engine_kind engine_ipsecmb;

#endif
