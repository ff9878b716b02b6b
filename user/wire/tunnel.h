/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payloads of the tunnel: TCP streams of a client's, carried to upstreams that the server's
 * configuration names. The request id of a message is the stream; the client chooses it in
 * TUNNEL_OPEN, and it is free again once both sides sent TUNNEL_CLOSE.
 *
 *	TUNNEL_OPEN	window 4 | name length 1 | name		client to server only; answered by
 *			PH_OP_REPLY with window 4 once the upstream is connected, or PH_OP_ERROR
 *	TUNNEL_DATA	1 byte or more				takes from the receiver's window
 *	TUNNEL_END	nothing: no more data comes this way (half-close)
 *	TUNNEL_WINDOW	credit 4: so many bytes more may come
 *	TUNNEL_CLOSE	why 1: the stream is over both ways
 *
 * A window is what a side may send before it has to wait; it never grows above TUNNEL_WINDOW_MAX.
 */
#ifndef STRAZH_USER_WIRE_TUNNEL_H
#define STRAZH_USER_WIRE_TUNNEL_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/wire/phantom.h>

enum tunnel_opcode {
	TUNNEL_OPEN = PH_OP_OWN,
	TUNNEL_DATA,
	TUNNEL_END,
	TUNNEL_WINDOW,
	TUNNEL_CLOSE,
};

#define TUNNEL_NAME_MAX 64
#define TUNNEL_WINDOW_MAX (16U << 20)

#define TUNNEL_CONDITIONS(X)                                                                       \
	X(TUNNEL_SHORT, "the payload ends too early")                                              \
	X(TUNNEL_LONG, "bytes behind the payload")                                                 \
	X(TUNNEL_CREDIT, "a window or credit of 0 or above 16 MiB")                                \
	X(TUNNEL_NAME, "the name of an upstream is 1 to 64 bytes of clean UTF-8")                  \
	X(TUNNEL_WHY, "an unknown reason to close")

enum tunnel_condition {
	TUNNEL_NONE,
#define X(name, text) name,
	TUNNEL_CONDITIONS(X)
#undef X
};
const char *tunnel_condition_text(int condition); /* NULL: no such condition */

/* Parsers return 0 or enum tunnel_condition; emitters how many bytes they wrote. */

struct tunnel_open {
	uint32_t window; /* 1 to TUNNEL_WINDOW_MAX: what the server may send */
	uint8_t name_len;
	const char *name; /* borrowed, no NUL */
};
#define TUNNEL_OPEN_MAX (4 + 1 + TUNNEL_NAME_MAX)
int tunnel_open_parse(const uint8_t *payload, size_t len, struct tunnel_open *ret_open) must_check;
size_t tunnel_open_emit(const struct tunnel_open *open, uint8_t to[TUNNEL_OPEN_MAX]);

/* TUNNEL_WINDOW and the reply to TUNNEL_OPEN. */
#define TUNNEL_CREDIT_LEN 4
int tunnel_credit_parse(const uint8_t *payload, size_t len, uint32_t *ret_credit) must_check;
size_t tunnel_credit_emit(uint32_t credit, uint8_t to[TUNNEL_CREDIT_LEN]);

#define TUNNEL_REASONS(X)                                                                          \
	X(TUNNEL_DONE, "both sides ended")                                                         \
	X(TUNNEL_RESET, "the connection was reset")                                                \
	X(TUNNEL_TIMEOUT, "nothing moved for too long")                                            \
	X(TUNNEL_OVERRUN, "more data than the window allows")                                      \
	X(TUNNEL_UPSTREAM, "the upstream failed")                                                  \
	X(TUNNEL_LIMIT, "a limit is reached")
enum tunnel_reason {
#define X(name, text) name,
	TUNNEL_REASONS(X)
#undef X
		TUNNEL_REASONS_LEN
};
const char *tunnel_reason_text(uint8_t reason);

#define TUNNEL_CLOSE_LEN 1
int tunnel_close_parse(const uint8_t *payload, size_t len, uint8_t *ret_reason) must_check;
size_t tunnel_close_emit(enum tunnel_reason reason, uint8_t to[TUNNEL_CLOSE_LEN]);

#endif
