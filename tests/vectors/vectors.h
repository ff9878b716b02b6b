/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the modes of run-vectors share. */
#ifndef STRAZH_TESTS_VECTORS_VECTORS_H
#define STRAZH_TESTS_VECTORS_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum vector_result { VECTOR_PASSED, VECTOR_FAILED, VECTOR_SKIPPED };
struct tally {
	unsigned count[3];
};
/* What failed is named on standard error. */
void tally_add(struct tally *tally, enum vector_result result, const char *name);
/* False: no text, no hex, or more than max bytes. */
bool hex_bytes(const char *hex, uint8_t *to, size_t max, size_t *ret_len);

int vectors_noise(const json_t *file, struct tally *tally);
int vectors_phantom(const json_t *file, struct tally *tally);

#endif
