/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a Retry: bits 1 | challenge 16 (strazh/wire/phantom.h says what is to be found). */
#ifndef STRAZH_USER_WIRE_RETRY_H
#define STRAZH_USER_WIRE_RETRY_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/wire/phantom.h>

#define RETRY_LEN (1 + PH_CHALLENGE_LEN)

/* A client that solves whatever it is asked would be a tool: it refuses more bits than there may
 * be. */
#define RETRY_CONDITIONS(X)                                                                        \
	X(RETRY_LENGTH, "a Retry is not 17 bytes long")                                            \
	X(RETRY_BITS, "a puzzle with a number of bits that no server may ask for")

enum retry_condition {
	RETRY_NONE,
#define X(name, text) name,
	RETRY_CONDITIONS(X)
#undef X
};
const char *retry_condition_text(int condition); /* NULL: no such condition */

struct retry {
	uint8_t bits; /* PH_PUZZLE_BITS_MIN to PH_PUZZLE_BITS_MAX */
	uint8_t challenge[PH_CHALLENGE_LEN];
};

int retry_parse(const uint8_t *body, size_t len, struct retry *ret_retry) must_check;
void retry_emit(const struct retry *retry, uint8_t ret_body[RETRY_LEN]);

#endif
