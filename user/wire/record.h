/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of a record, and the padding inside it.
 *
 *	head 16: type 1 | flags 1 | length of C 2 | zero 4 | n 8; then C | tag 16 | signature 32
 *
 * The head is judged before anything is derived from it; n is compared by whoever counts. C is the
 * plaintext, 0x80, and zeros: to the next multiple of 16, or to the next size class where the two
 * sides agreed on classes. A plaintext has one padding only; any other is a bad record.
 *
 * Size classes: 64, 128, 256, ... 32,768 and 65,520 bytes of C. Who watches sees one of eleven
 * lengths.
 */
#ifndef STRAZH_USER_WIRE_RECORD_H
#define STRAZH_USER_WIRE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/wire/phantom.h>

#define RECORD_CLASS_MIN 64

#define RECORD_CONDITIONS(X)                                                                       \
	X(RECORD_MORE, "the head of a record is not whole")                                        \
	X(RECORD_TYPE, "a record of an unknown type")                                              \
	X(RECORD_FLAGS, "a record with unknown flags")                                             \
	X(RECORD_LENGTH, "a record of a length that no record has")                                \
	X(RECORD_ZERO, "a record whose zero bytes are none")                                       \
	X(RECORD_PADDING, "a record with wrong padding")

enum record_condition {
	RECORD_NONE,
#define X(name, text) name,
	RECORD_CONDITIONS(X)
#undef X
};
const char *record_condition_text(int condition); /* NULL: no such condition */

struct record_head {
	uint8_t type;
	uint8_t flags; /* PH_FLAG_PRIORITY and PH_FLAG_EPOCH */
	uint16_t len;  /* of C: a multiple of 16, 16 to PH_CIPHER_MAX */
	uint64_t n;
};

/* All that the record has on the wire. */
static inline size_t record_wire_len(const struct record_head *head)
{
	return PH_RECORD_HEAD + (size_t)head->len + PH_RECORD_TAIL;
}

/*
 * The head that `bytes` begin with; what comes after PH_RECORD_HEAD is not looked at. Each byte is
 * judged once it is there. RECORD_MORE: nothing is wrong so far.
 */
int record_parse(const uint8_t *bytes, size_t len, struct record_head *ret_head) must_check;
/* Returns where C goes. */
uint8_t *record_emit(const struct record_head *head, uint8_t to[PH_RECORD_HEAD]);

/* Length of C for a plaintext; 0: it is longer than PH_PLAIN_MAX. */
size_t record_padded_len(size_t len, bool classes) must_check;
/* Writes the padding behind len bytes of text; padded is record_padded_len(). */
void record_pad(uint8_t *text, size_t len, size_t padded);
/*
 * How much of a plaintext is text. RECORD_PADDING, also for a length that is no class. Time depends
 * on padded and classes alone, not on what the bytes are.
 */
int record_unpad(const uint8_t *text, size_t padded, bool classes, size_t *ret_len) must_check;

#endif
