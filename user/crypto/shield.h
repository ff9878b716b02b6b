/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A long-lived secret of 32 bytes, kept so that no piece of the process's memory holds it: it lies
 * encrypted (AES-256-CTR) under SHA-512 of a prekey, 16 KiB of random bytes that are scattered over
 * several mappings and are replaced every 500 ms together with the ciphertext. Who reads memory
 * through a side channel has to get all of it, without an error and within that time (the idea is
 * that of OpenSSH's sshkey shielding); a core dump has nothing of it.
 *
 * Mappings are locked, left out of core dumps and lie between pages that cannot be touched; where
 * the kernel has memfd_secret(2) it cannot read them either. A child after fork() gets none of it.
 * It does not protect from code that runs in this process. While it is open the secret is in plain
 * memory, on the stack and in what OpenSSL allocates: a core dump made then has it, and so would
 * a child that is forked then: the process that has the keys forks none.
 *
 *	own_wiped struct secret32 key = {0};
 *	r = shield_open(shield, &key);
 *	...for all handshakes that wait: at most 1 ms...
 *	shield_close(&key);
 *
 * Any thread may call anything but shield_free() at any time. No allocation of mappings after
 * shield_new(), so that a sandbox may be closed then: later calls need futex and getrandom only.
 */
#ifndef STRAZH_USER_CRYPTO_SHIELD_H
#define STRAZH_USER_CRYPTO_SHIELD_H

#include <strazh/base/compiler.h>
#include <user/crypto/wipe.h>

#define SHIELD_PREKEY_LEN 16384
#define SHIELD_RENEW_MS 500

struct shield;

/* Where the prekey lies, the best first. */
#define SHIELD_MEMORIES(X)                                                                         \
	X(SECRET, "memory that the kernel itself cannot read (memfd_secret)")                      \
	X(LOCKED, "locked memory, left out of core dumps; this kernel has no memfd_secret")        \
	X(UNLOCKED, "memory left out of core dumps that may be swapped: the limit of locked "      \
		    "memory (RLIMIT_MEMLOCK) is too low")

enum shield_memory {
#define X(name, text) SHIELD_##name,
	SHIELD_MEMORIES(X)
#undef X
};

/* Takes the secret: it is wiped at the caller's. -ENOMEM, -EIO, or what mmap(2) says; then it is
 * untouched. */
int shield_new(struct secret32 *secret, struct shield **ret_shield) must_check;
/* NULL is fine. Also right in a child after fork(), where nothing is left of it. */
void shield_free(struct shield *shield);

/* -ESTALE: this is a child after fork(); -EBADMSG: its memory was changed by somebody else. */
int shield_open(struct shield *shield, struct secret32 *ret_secret) must_check;
/* Wipes it, and what computing with it left on the stack: to be called by the function that called
 * those that computed, or above it. */
void shield_close(struct secret32 *secret);
/* A new prekey; what is open elsewhere stays valid. To be called every SHIELD_RENEW_MS; on an error
 * the old prekey stays and all works on. */
int shield_renew(struct shield *shield) must_check;

enum shield_memory shield_memory(const struct shield *shield);
const char *shield_memory_text(enum shield_memory memory);

#endif
