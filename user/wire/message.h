/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message, the plaintext of a DATA record: service 1 | opcode 1 | content type 1 | zero 1 |
 * request id 4 | payload.
 *
 * The head says whom the message is for; a service or opcode that does not exist is no broken
 * session but is answered with an error. Payloads of services: user/wire/relay.h and tunnel.h. Echo
 * has none of its own: a PH_OP_REQUEST comes back as PH_OP_REPLY with the same payload.
 */
#ifndef STRAZH_USER_WIRE_MESSAGE_H
#define STRAZH_USER_WIRE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/wire/phantom.h>

#define MESSAGE_CONDITIONS(X)                                                                      \
	X(MESSAGE_SHORT, "a message ends within its head")                                         \
	X(MESSAGE_LONG, "a message longer than a record holds")                                    \
	X(MESSAGE_ZERO, "a message whose zero byte is none")                                       \
	X(ERROR_SHORT, "an error without a code")                                                  \
	X(ERROR_TEXT, "an error whose text is too long or no clean UTF-8")

enum message_condition {
	MESSAGE_NONE,
#define X(name, text) name,
	MESSAGE_CONDITIONS(X)
#undef X
};
const char *message_condition_text(int condition); /* NULL: no such condition */

/*
 * What a payload is: a word of the sender's for the receiver, not judged on the way. From
 * PH_CONTENT_OWN on, types belong to the application.
 */
#define PH_CONTENTS(X)                                                                             \
	X(PH_BINARY, 0x00, "binary")                                                               \
	X(PH_POSTS, 0x01, "compressed posts")                                                      \
	X(PH_IMAGE, 0x02, "image")                                                                 \
	X(PH_AUDIO, 0x03, "audio")                                                                 \
	X(PH_VIDEO, 0x04, "video")                                                                 \
	X(PH_FILE, 0x05, "file")                                                                   \
	X(PH_TEXT, 0x10, "text") /* UTF-8 */                                                       \
	X(PH_JSON, 0x11, "JSON")                                                                   \
	X(PH_CBOR, 0x12, "CBOR")                                                                   \
	X(PH_HTML, 0x13, "HTML")

enum ph_content {
#define X(name, value, text) name = (value),
	PH_CONTENTS(X)
#undef X
		PH_CONTENT_OWN = 0x80,
};
/* "application" from PH_CONTENT_OWN on, "unknown" for what has no name. */
const char *content_name(uint8_t content);

struct ph_message {
	uint8_t service;
	uint8_t opcode;
	uint8_t content;
	uint8_t priority; /* enum ph_priority: a flag of the record, not in these bytes */
	uint32_t request;
	const uint8_t *payload; /* borrowed; may be NULL when len is 0 */
	size_t len;		/* at most PH_MESSAGE_MAX */
};

/* 0 or enum message_condition. ret_message points into plain. */
int message_parse(const uint8_t *plain, size_t len, uint8_t priority,
		  struct ph_message *ret_message) must_check;
/* The head only. Returns where the payload goes. */
uint8_t *message_emit(const struct ph_message *message, uint8_t to[PH_MESSAGE_HEAD]);

/* ---- the payload of PH_OP_ERROR: code 2 | text ---- */

#define ERROR_TEXT_MAX 255
#define ERROR_LEN_MAX (2 + ERROR_TEXT_MAX)

struct ph_error {
	uint16_t code; /* enum ph_code, or one that this version does not know */
	uint16_t len;
	const char *text; /* borrowed, no NUL; clean: text_clean() */
};

int error_parse(const uint8_t *payload, size_t len, struct ph_error *ret_error) must_check;
/* A longer text is cut at a character. Returns how many bytes there are. */
size_t error_emit(enum ph_code code, const char *text, uint8_t to[ERROR_LEN_MAX]);
/* "unknown service or opcode" and so on. */
const char *code_text(uint16_t code);

#endif
