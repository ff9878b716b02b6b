/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer can do wrong in a handshake. */
#ifndef STRAZH_USER_SESSION_HS_CONDITION_H
#define STRAZH_USER_SESSION_HS_CONDITION_H

/* name, label of its counter, text */
#define HS_CONDITIONS(X)                                                                           \
	X(HS_FRAME, "frame", "no whole frame, or more than one")                                   \
	X(HS_TYPE, "type", "a frame of a type that does not come here")                            \
	X(HS_SUITE, "suite", "a suite that is not offered here")                                   \
	X(HS_SUITE_OTHER, "suite_other", "a suite other than the one agreed on")                   \
	X(HS_NO_KEM, "no_kem", "a hybrid suite, and the OpenSSL here has no ML-KEM-768 (3.5 has)") \
	X(HS_MALFORMED, "malformed", "a message that is not built as it must be")                  \
	X(HS_EXTENSION, "extension", "an extension is missing or does not belong to the suite")    \
	X(HS_SERVER_KEY, "server_key", "the client wants a server key that is not here")           \
	X(HS_OFFER, "offer", "the client does not offer what the server demands")                  \
	X(HS_LOW_ORDER, "low_order", "a key of low order")                                         \
	X(HS_BAD, "bad", "a tag does not fit: another key or name, or changed on the way")         \
	X(HS_KEM, "kem", "no ML-KEM-768 key")                                                      \
	X(HS_CLIENT, "client", "a client whose key is not known")                                  \
	X(HS_CERT, "cert", "no certificate, or not one of the key that the server has")            \
	X(HS_CERT_ROOT, "cert_root", "a certificate that the pinned root did not sign")            \
	X(HS_CERT_NAME, "cert_name", "a certificate for another name")                             \
	X(HS_CERT_TIME, "cert_time", "a certificate that is not valid at this time")               \
	X(HS_PUZZLE_UNASKED, "puzzle_unasked", "a solution where no puzzle was given")             \
	X(HS_PUZZLE_NONE, "puzzle_none", "no solution to the puzzle")                              \
	X(HS_PUZZLE_WRONG, "puzzle_wrong", "a wrong solution to the puzzle")                       \
	X(HS_PUZZLE_BITS, "puzzle_bits", "a puzzle harder than allowed, or easier")                \
	X(HS_RETRY_AGAIN, "retry_again", "a second Retry")                                         \
	X(HS_TICKET, "ticket", "a ticket that is malformed or was changed")                        \
	X(HS_TICKET_KEY, "ticket_key", "a ticket of a key that is not here (any more)")            \
	X(HS_TICKET_EXPIRED, "ticket_expired", "a ticket that is too old")

enum hs_condition {
	HS_NONE,
#define HS_CONDITION(name, label, text) name,
	HS_CONDITIONS(HS_CONDITION)
#undef HS_CONDITION
		HS_CONDITION_COUNT,
};
/* NULL: no such condition. */
const char *hs_label(int condition); /* of its counter */
const char *hs_text(int condition);

#endif
