/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-1-3 (J.-P. Aumasson, D. Bernstein, "SipHash: a fast short-input PRF", 2012; with one and
 * three rounds), for tables whose keys strangers choose: without the key nobody can make many keys
 * fall together.
 */
#ifndef STRAZH_ORM_HASH_H
#define STRAZH_ORM_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t orm_hash(const uint64_t key[2], const void *data, size_t len);

#endif
