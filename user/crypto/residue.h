/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What computing with a secret leaves behind: on the stack below us, where a library's functions
 * had their locals, and in vector registers, through which memcpy() moved it. A core dump has those
 * registers of each thread, and the dynamic linker puts them on the stack when it binds a function
 * at its first call. That nothing is found afterwards is looked at from outside of the process, in
 * core dumps, too: tests/server/test_secrets.c. To be called by the function that called what
 * computed, or by one above it.
 */
#ifndef STRAZH_USER_CRYPTO_RESIDUE_H
#define STRAZH_USER_CRYPTO_RESIDUE_H

#define RESIDUE_DEPTH 16384

/* Zeroes RESIDUE_DEPTH bytes of stack below the caller, and on x86-64 all vector registers. Some
 * 200 ns. */
void residue_wipe(void);

#endif
