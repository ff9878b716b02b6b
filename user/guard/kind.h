/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Kinds of observation: what a source can have done, and how much it weighs. One list gives the
 * code, the key of the configuration, the name that people see, weight, saturation, class of
 * evidence and the words of the story that `strazhctl why` tells.
 *
 * X(CODE, key, "name", weight, cap, CLASS, "words after a number"). weight, in hundredths: the
 * score that one observation makes alone; guard.weight_KEY of strazh.conf(5) is another one. cap:
 * the score that this kind alone never passes, however often it is seen. CLASS: what it is unless
 * the input says otherwise (observation.h). The order is that of the bits of sz_reput.reasons and
 * of what the store keeps: add at the end, at most 32.
 *
 * Why the caps are as they are:
 *
 *	below 0.7, the bar of a ban: it takes another kind as well. Bursts and odd sizes (0.4),
 *	high rates and malformed packets (0.6) come from honest stacks on bad paths, too;
 *	0.75, just above it: a scan, of which a monitor does a part;
 *	0.8: queries in a flood, as a program with a fault makes them;
 *	0.9: what only goes on where somebody is hostile; but trust raises the bar to 0.9, so that
 *	no such kind alone bans who has earned it. Of pressure: who is shut out for seconds;
 *	0.95: injections, and listings in a feed, ban those as well;
 *	0.99: an operator knows.
 *
 * MalformedPackets (0.3, as a handshake that failed) are what the gate drops because no honest
 * stack sends it; observation.c lists its reasons. Reported (0.9) is somebody's word about a source
 * to the guard, and ends like a listing; `strazhctl ban` is an act on the gate and none of these.
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

/* SEEN: what is seen here. SAID: who says it says what it weighs, as feed.NAME.weight does. */
#define GUARD_KINDS_BY(SEEN, SAID)                                                                 \
	SEEN(HIGH_PACKET_RATE, high_packet_rate, "HighPacketRate", 40, 60, SPOOFABLE,              \
	     "packets above its limits")                                                           \
	SEEN(BURST_TRAFFIC, burst_traffic, "BurstTraffic", 30, 40, SPOOFABLE, "packets in bursts") \
	SEEN(SMALL_PACKET_FLOOD, small_packet_flood, "SmallPacketFlood", 60, 90, SPOOFABLE,        \
	     "tiny packets in a flood")                                                            \
	SEEN(CONNECTION_FLOOD, connection_flood, "ConnectionFlood", 50, 90, PROVEN,                \
	     "connections without a session")                                                      \
	SEEN(UNUSUAL_PACKET_SIZE, unusual_packet_size, "UnusualPacketSize", 20, 40, SPOOFABLE,     \
	     "packets of odd sizes")                                                               \
	SEEN(SQL_INJECTION, sql_injection, "SQLInjectionAttempt", 80, 95, PROVEN,                  \
	     "SQL injections")                                                                     \
	SEEN(QUERY_FLOOD, query_flood, "ORMQueryFlood", 40, 80, PROVEN,                            \
	     "floods of database queries")                                                         \
	SEEN(HANDSHAKE_FAILURE, handshake_failure, "HandshakeFailure", 30, 90, PROVEN,             \
	     "handshake failures")                                                                 \
	SEEN(BAD_RECORD, bad_record, "BadRecord", 50, 90, PROVEN, "forged or broken records")      \
	SEEN(AUTH_FAILURE, auth_failure, "AuthFailure", 40, 90, PROVEN,                            \
	     "keys that nobody here has (brute force)")                                            \
	SEEN(SCAN_PATTERN, scan_pattern, "ScanPattern", 30, 75, SPOOFABLE, "ports scanned")        \
	SAID(FEED_LISTED, feed_listed, "FeedListed", 70, 95, PROVEN, "listings in a feed")         \
	SEEN(MALFORMED, malformed, "MalformedPackets", 30, 60, SPOOFABLE,                          \
	     "packets that no honest stack sends")                                                 \
	SAID(REPORTED, reported, "Reported", 90, 99, PROVEN, "reports of an operator")
#define GUARD_KINDS(X) GUARD_KINDS_BY(X, X)

enum guard_kind_code {
#define X(code, key, name, weight, cap, class, text) GUARD_KIND_##code,
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
