/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a ClientHello: the first Noise message | extensions; and the payload of the client's
 * finish.
 *
 * The Noise message is client key 32 | nonce 16. In PH_RESUME (NNpsk0) it begins with a psk, so
 * that the nonce is sealed there already: 16 bytes more, the tag. An extension is type 1 | length 2
 * | value; types rise, each comes once at most, none is unknown: a hello has one encoding only.
 *
 * The extensions are part of Noise's prologue as they were sent, and therefore are emitted before
 * the Noise message can be made.
 */
#ifndef STRAZH_USER_WIRE_HELLO_H
#define STRAZH_USER_WIRE_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/wire/phantom.h>

#define HELLO_NOISE_LEN (PH_KEY_LEN + PH_NONCE_LEN)
#define HELLO_NOISE_MAX (HELLO_NOISE_LEN + PH_TAG_LEN)
#define HELLO_SERVER_KEY_LEN 8
#define HELLO_SOLUTION_LEN 8
/* The longest that fits into a frame beside everything else. */
#define HELLO_TICKET_MAX                                                                           \
	(PH_FRAME_MAX - HELLO_NOISE_MAX - 5 * 3 - 2 - HELLO_SERVER_KEY_LEN - HELLO_SOLUTION_LEN -  \
	 PH_KEM_KEY_LEN)
#define HELLO_EXTENSIONS_MAX (PH_FRAME_MAX - HELLO_NOISE_LEN)

#define HELLO_CONDITIONS(X)                                                                        \
	X(HELLO_SHORT, "a hello ends within its key and nonce")                                    \
	X(HELLO_LONG, "a hello longer than a frame")                                               \
	X(HELLO_CUT, "a hello ends within an extension")                                           \
	X(HELLO_UNKNOWN, "an extension of an unknown type")                                        \
	X(HELLO_ORDER, "extensions out of order")                                                  \
	X(HELLO_TWICE, "the same extension twice")                                                 \
	X(HELLO_LENGTH, "an extension of a wrong length")                                          \
	X(HELLO_TICKET, "a ticket without resumption or resumption without a ticket")              \
	X(HELLO_KEM, "an ML-KEM key without a hybrid suite or a hybrid suite without the key")

enum hello_condition {
	HELLO_NONE,
#define X(name, text) name,
	HELLO_CONDITIONS(X)
#undef X
};
const char *hello_condition_text(int condition); /* NULL: no such condition */

/* All pointers are borrowed; NULL: the extension is not there. */
struct hello_extensions {
	bool has_offer;
	uint16_t offer;		   /* bits of enum ph_offer; unknown ones are not refused */
	const uint8_t *server_key; /* HELLO_SERVER_KEY_LEN */
	const uint8_t *solution;   /* HELLO_SOLUTION_LEN */
	const uint8_t *ticket;
	size_t ticket_len;	/* 1 to HELLO_TICKET_MAX */
	const uint8_t *kem_key; /* PH_KEM_KEY_LEN */
};

struct hello {
	const uint8_t *noise; /* begins with the client's key */
	size_t noise_len;     /* hello_noise_len(suite) */
	const uint8_t *sent;  /* the extensions as they came: for the prologue */
	size_t sent_len;
	struct hello_extensions extensions;
};

/* Of the first Noise message. */
size_t hello_noise_len(uint8_t suite) must_check;
/* 0 or enum hello_condition. A ticket has to be there in PH_RESUME and nowhere else, a KEM key in
 * hybrid suites and nowhere else. ret_hello points into body. */
int hello_parse(uint8_t suite, const uint8_t *body, size_t len, struct hello *ret_hello) must_check;

size_t hello_extensions_len(const struct hello_extensions *extensions) must_check;
/* hello_extensions_len() bytes, at most HELLO_EXTENSIONS_MAX; returns what comes after them. */
uint8_t *hello_extensions_emit(const struct hello_extensions *extensions, uint8_t *to);

/* ---- the payload of the client's finish in XK1 and XX: capability bits 8 | zero 8 ---- */

#define FINISH_LEN PH_NONCE_LEN
#define FINISH_CAPABILITIES 8
/* False: the zeros are none. */
bool finish_parse(const uint8_t payload[FINISH_LEN],
		  uint8_t ret_capabilities[FINISH_CAPABILITIES]) must_check;
void finish_emit(const uint8_t capabilities[FINISH_CAPABILITIES], uint8_t ret_payload[FINISH_LEN]);

#endif
