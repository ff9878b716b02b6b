/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Kinds of observation: what a source can have done, and how much it weighs. One list gives the
 * code, the name that people see, weight, saturation, class of evidence and the words of the story
 * that `strazhctl why` tells.
 *
 * X(CODE, "name", weight, cap, CLASS, "words after a number"). weight: the score that one
 * observation makes alone. cap: the score that this kind alone never passes, however often it is
 * seen; below the bar of a ban (0.7) means that it takes another kind as well. CLASS: what it is
 * unless the input says otherwise (observation.h). The order is that of the bits of
 * sz_reput.reasons and of what the store keeps: add at the end, at most 32.
 */
#ifndef STRAZH_USER_GUARD_KIND_H
#define STRAZH_USER_GUARD_KIND_H

#include <stdint.h>

/*
 * A source address in a lone packet proves nothing: whoever spoofs it could have an innocent
 * banned. Proven: the source has answered us (TCP handshake, session), or somebody whom we believe
 * says so (feed, operator). Spoofable evidence makes pressure, proven evidence makes score, and
 * only score bans.
 */
enum guard_evidence { GUARD_SPOOFABLE, GUARD_PROVEN, GUARD_EVIDENCES };

#define GUARD_KINDS(X)                                                                             \
	X(HIGH_PACKET_RATE, "HighPacketRate", 0.4, 0.6, SPOOFABLE, "packets above its limits")     \
	X(BURST_TRAFFIC, "BurstTraffic", 0.3, 0.4, SPOOFABLE, "packets in bursts")                 \
	X(SMALL_PACKET_FLOOD, "SmallPacketFlood", 0.6, 0.9, SPOOFABLE, "tiny packets in a flood")  \
	X(CONNECTION_FLOOD, "ConnectionFlood", 0.5, 0.9, PROVEN, "connections without a session")  \
	X(UNUSUAL_PACKET_SIZE, "UnusualPacketSize", 0.2, 0.4, SPOOFABLE, "packets of odd sizes")   \
	X(SQL_INJECTION, "SQLInjectionAttempt", 0.8, 0.95, PROVEN, "SQL injections")               \
	X(QUERY_FLOOD, "ORMQueryFlood", 0.4, 0.8, PROVEN, "floods of database queries")            \
	X(HANDSHAKE_FAILURE, "HandshakeFailure", 0.3, 0.9, PROVEN, "handshake failures")           \
	X(BAD_RECORD, "BadRecord", 0.5, 0.9, PROVEN, "forged or broken records")                   \
	X(AUTH_FAILURE, "AuthFailure", 0.4, 0.9, PROVEN,                                           \
	  "keys that nobody here has (brute force)")                                               \
	X(SCAN_PATTERN, "ScanPattern", 0.3, 0.75, SPOOFABLE, "ports scanned")                      \
	X(FEED_LISTED, "FeedListed", 0.7, 0.95, PROVEN, "listings in a feed")                      \
	X(MALFORMED, "MalformedPackets", 0.3, 0.6, SPOOFABLE,                                      \
	  "packets that no honest stack sends")                                                    \
	X(REPORTED, "Reported", 0.9, 0.99, PROVEN, "reports of an operator")

enum guard_kind_code {
#define X(code, name, weight, cap, class, text) GUARD_KIND_##code,
	GUARD_KINDS(X)
#undef X
		GUARD_KIND_COUNT,
};

_Static_assert(GUARD_KIND_COUNT <= 32, "a bit of sz_reput.reasons for each");

struct guard_kind_info {
	const char *name, *text;
	float weight, cap;
	enum guard_evidence evidence;
};

extern const struct guard_kind_info guard_kinds[GUARD_KIND_COUNT];

#define GUARD_KIND_NAMES_LEN 320 /* all of them, with commas */
/* The names of the bits of sz_reput.reasons, comma separated; "none". Returns `text`. */
const char *guard_kind_names(uint32_t reasons, char text[GUARD_KIND_NAMES_LEN]);

#endif
