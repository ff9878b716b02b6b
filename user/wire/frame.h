/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames of a handshake: type 1 | suite 1 | length 2 | body.
 *
 * What can be refused is refused at the first byte that shows it: a peer that sends a wrong type is
 * not waited for, and a length is judged before a byte of the body is.
 */
#ifndef STRAZH_USER_WIRE_FRAME_H
#define STRAZH_USER_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/wire/phantom.h>

/* The most that a frame has: what a half-open connection needs to hold. */
#define FRAME_LEN_MAX (PH_FRAME_HEAD + PH_FRAME_MAX)

#define FRAME_CONDITIONS(X)                                                                        \
	X(FRAME_MORE, "the frame is not whole")                                                    \
	X(FRAME_TYPE, "a frame of an unknown type")                                                \
	X(FRAME_SUITE, "a suite that does not exist")                                              \
	X(FRAME_LONG, "a frame longer than 2,048 bytes")                                           \
	X(FRAME_EMPTY, "a frame without a body")

enum frame_condition {
	FRAME_NONE,
#define X(name, text) name,
	FRAME_CONDITIONS(X)
#undef X
};
const char *frame_condition_text(int condition); /* NULL: no such condition */

struct frame {
	uint8_t type;	     /* CLIENT_HELLO, SERVER_HELLO, CLIENT_FINISH or RETRY */
	uint8_t suite;	     /* one that suite_known() */
	uint16_t len;	     /* of the body, 1 to PH_FRAME_MAX */
	const uint8_t *body; /* in what was parsed */
};

/* PH_NK1 to PH_RESUME, with or without PH_SUITE_HYBRID. */
bool suite_known(uint8_t suite) must_check;

/*
 * The frame that `bytes` begin with; it has PH_FRAME_HEAD + ret_frame->len bytes, and what follows
 * is not looked at. FRAME_MORE: nothing is wrong so far.
 */
int frame_parse(const uint8_t *bytes, size_t len, struct frame *ret_frame) must_check;

/* The head of a frame whose body has len bytes, 1 to PH_FRAME_MAX. Returns where the body goes. */
uint8_t *frame_emit(enum ph_type type, uint8_t suite, size_t len, uint8_t to[PH_FRAME_HEAD]);

#endif
