/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What goes into the guard: raw facts about a source, from the gate, the server, feeds and
 * operators, and from services whose peers' values reach a database (service.h, peer_report(); none
 * that is shipped does). Detectors (detect.h) turn them into observations that weigh something
 * (kind.h).
 *
 * One thing that a peer did is one fact: a connection that ended by a failed handshake is HELLO_BAD
 * (AUTH_BAD where its key is unknown) and not CONN_WASTED as well; a session that ended by a bad
 * record is RECORD_BAD and then SESSION_LOST. What we ended ourselves (shutdown, reload, idle) is
 * no fact against anyone: SESSION_ENDED. Each SESSION_PROVEN has one SESSION_ENDED or SESSION_LOST.
 */
#ifndef STRAZH_USER_GUARD_OBSERVATION_H
#define STRAZH_USER_GUARD_OBSERVATION_H

#include <stdint.h>

#include <strazh/abi/event.h>
#include <user/guard/kind.h>

/* X(CODE, "name", EVIDENCE, "text"). */
#define GUARD_INPUTS(X)                                                                            \
	X(PACKETS, "packets", SPOOFABLE, "packets above its limits; value: length of a frame")     \
	X(SYNS, "syns", SPOOFABLE, "the same, TCP SYNs")                                           \
	X(ODD_SIZE, "odd-size", SPOOFABLE, "packets of sizes that their service does not know")    \
	X(MALFORMED, "malformed", SPOOFABLE, "packets that no honest stack sends")                 \
	X(PROBED, "probed", SPOOFABLE, "a packet to `port`")                                       \
	X(FLOW_OVER, "flow-over", SPOOFABLE, "packets of a live session above its own limit")      \
	X(COOKIE_OVER, "cookie-over", PROVEN, "connections with a valid SYN cookie, too many")     \
	X(CONN_OPENED, "conn-opened", PROVEN, "a connection was accepted")                         \
	X(CONN_WASTED, "conn-wasted", PROVEN, "it ended, by peer or timeout, without a session")   \
	X(CONN_REFUSED, "conn-refused", PROVEN, "a connection was above the limits of admission")  \
	X(HELLO_BAD, "hello-bad", PROVEN, "a handshake that failed")                               \
	X(RECORD_BAD, "record-bad", PROVEN, "a forged or broken record in a session")              \
	X(AUTH_BAD, "auth-bad", PROVEN, "a client key that nobody here has")                       \
	X(SESSION_PROVEN, "session-proven", PROVEN, "a session was opened")                        \
	X(SESSION_ENDED, "session-ended", PROVEN, "a session ended in order; value: its ms")       \
	X(SESSION_LOST, "session-lost", PROVEN, "a session ended in another way")                  \
	X(SQL_INJECTION, "sql-injection", PROVEN, "a value that was written to be SQL")            \
	X(QUERY_FLOOD, "query-flood", PROVEN, "queries like a machine's")                          \
	X(FEED_LISTED, "feed-listed", PROVEN, "a feed names it, so long as value says, in s")      \
	X(REPORTED, "reported", PROVEN, "an operator reports it; value as with a feed")

enum guard_input {
#define X(code, name, evidence, text) GUARD_IN_##code,
	GUARD_INPUTS(X)
#undef X
		GUARD_INPUT_COUNT,
};

/*
 * All zero but `family`, `addr` and `input` is fine. Of feeds, tell who is listed and comes, not
 * the whole list: that belongs into the gate, and would push out of the guard whom it has met.
 */
struct observation {
	uint8_t addr[16]; /* network order; IPv4 in the first four bytes */
	uint8_t family;	  /* 4 or 6 */
	uint8_t input;	  /* enum guard_input */
	uint16_t port;	  /* of the service, 0: unknown */
	uint32_t count;	  /* so many of them; 0 as 1 */
	uint32_t value;	  /* of some inputs, see there */
	float weight;	  /* of some inputs; 0: that of the kind */
};

struct guard_input_info {
	const char *name, *text;
	enum guard_evidence evidence;
};
extern const struct guard_input_info guard_inputs[GUARD_INPUT_COUNT];

/*
 * What an event of the gate says about its source: the input, or GUARD_INPUT_COUNT where it says
 * nothing. *ret_why: the reason, static.
 */
enum guard_input observation_of_event(const struct sz_event *event, const char **ret_why);

#endif
