/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Keys of the section [guard] of strazh.conf(5): a part of user/daemon/config/config_keys.h.
 *
 * tests/e2e/98-guard.sh, 98-prefix.sh and 98-weights.sh reload those that are LIVE, and
 * tests/unit/daemon/test_config_guard.c asks of each key whether the guard gets it.
 */
#ifndef STRAZH_USER_DAEMON_CONFIG_CONFIG_GUARD_KEYS_H
#define STRAZH_USER_DAEMON_CONFIG_CONFIG_GUARD_KEYS_H

#include <user/guard/kind.h>

/*
 * A key for each kind that is seen here; of those that are said the weight is said as well. The X
 * is that of who expands CONFIG_KEYS(X).
 */
#define CONFIG_GUARD_SEEN_(code, key, kind, weight, cap, class, text)                              \
	X(GUARD_WEIGHT_##code, "guard", "weight_" #key, NUMBER, #weight, 1, 99, "", LIVE,          \
	  "What one " kind " weighs, in hundredths of a score: " text ".")
#define CONFIG_GUARD_SAID_(code, key, kind, weight, cap, class, text)

#define CONFIG_GUARD_KEYS(X)                                                                       \
	X(GUARD_MODE, "guard", "mode", WORD, "learn", 0, 0, "off learn enforce", LIVE,             \
	  "off; learn: the log says what would be done, and nothing is; enforce: bans and limits " \
	  "go to the gate, rates drop there, the ports of the secured server are protected, and "  \
	  "what is for no service has totals. What was learned, also by learn, is kept in the "    \
	  "store and outlives "                                                                    \
	  "strazhd. off and learn take back what was done.")                                       \
	X(GUARD_HALF_LIFE, "guard", "half_life", TIME, "10m", 1, 2592000, "", LIVE,                \
	  "After this time what is held against a source weighs half.")                            \
	X(GUARD_LIMIT, "guard", "limit", NUMBER, "30", 1, 90, "", LIVE,                            \
	  "The score, in hundredths, from which on a source gets smaller limits.")                 \
	X(GUARD_BAN, "guard", "ban", NUMBER, "70", 1, 98, "", LIVE,                                \
	  "The score, in hundredths, above which a source is banned: not below limit.")            \
	X(GUARD_BAN_TIME, "guard", "ban_time", TIME, "10m", 1, 34560000, "", LIVE,                 \
	  "How long a first ban lasts; each further one lasts twice as long, but no more than an " \
	  "hour "                                                                                  \
	  "where only unknown keys and floods of connections are held against it.")                \
	X(GUARD_BAN_TIME_MOST, "guard", "ban_time_most", TIME, "7d", 1, 34560000, "", LIVE,        \
	  "How long a ban lasts at most: not below ban_time.")                                     \
	X(GUARD_TRUST_DAYS, "guard", "trust_days", NUMBER, "3", 1, 255, "", LIVE,                  \
	  "Days with good sessions, and nothing bad in between, that earn a source trust: larger " \
	  "limits, and higher bars.")                                                              \
	X(GUARD_TRUST_SESSIONS, "guard", "trust_sessions", NUMBER, "10", 1, 255, "", LIVE,         \
	  "Sessions that must have ended well in these days.")                                     \
	X(GUARD_PACE, "guard", "pace", SWITCH, "on", 0, 1, "", LIVE,                               \
	  "Whether limits, admission, puzzles and SYN cookies follow the load, where mode is "     \
	  "enforce. What was set of them is the base, which comes back when the load is gone.")    \
	X(GUARD_PSI, "guard", "psi", NUMBER, "60", 0, 100, "", LIVE,                               \
	  "Pressure stall (/proc/pressure) in per cent that is full strain, while there is "       \
	  "traffic that smaller limits could relieve it of; 0: it is not looked at.")              \
	X(GUARD_SOURCES, "guard", "sources", NUMBER, "100000", 64, 4000000, "", RESTART,           \
	  "Sources that are known at a time, of 200 bytes each: three quarters of them such that " \
	  "have answered, a quarter strangers. Beyond that who was seen longest ago is "           \
	  "forgotten, or is in the store alone.")                                                  \
	X(GUARD_PREFIX_BAD, "guard", "prefix_bad", NUMBER, "8", 2, 200, "", LIVE,                  \
	  "Bad hosts of one IPv4 /24 or IPv6 /48, at least, that ban all of it.")                  \
	X(GUARD_PREFIX_SHARE, "guard", "prefix_share", NUMBER, "10", 1, 100, "", LIVE,             \
	  "Of the hosts that were seen in it they are so many per cent, at least.")                \
	X(GUARD_CONNECTIONS, "guard", "connections", NUMBER, "64", 1, 10000, "", LIVE,             \
	  "Connections without a session that a source may make at once; more are "                \
	  "ConnectionFlood.")                                                                      \
	X(GUARD_CONNECTIONS_PER_S, "guard", "connections_per_s", NUMBER, "8", 1, 10000, "", LIVE,  \
	  "So many of them a second it may make for ever.")                                        \
	X(GUARD_HANDSHAKES, "guard", "handshake_failures", NUMBER, "4", 1, 100, "", LIVE,          \
	  "Handshakes of a source that may fail at once; more are HandshakeFailure.")              \
	X(GUARD_HANDSHAKES_EVERY, "guard", "handshake_failures_every", TIME, "10s", 1, 600, "",    \
	  LIVE, "One in this time may fail for ever.")                                             \
	X(GUARD_SCAN_PORTS, "guard", "scan_ports", NUMBER, "12", 2, 64, "", LIVE,                  \
	  "Distinct ports, of six hours, from which on it is ScanPattern.")                        \
	X(GUARD_HIGH_RATE, "guard", "high_rate", NUMBER, "200", 1, 10000000, "", LIVE,             \
	  "Packets a second above its limits, over seconds, from which on it is HighPacketRate, "  \
	  "or of SYNs ConnectionFlood.")                                                           \
	X(GUARD_BURST_RATE, "guard", "burst_rate", NUMBER, "2000", 1, 10000000, "", LIVE,          \
	  "The same over a quarter of a second, for BurstTraffic.")                                \
	X(GUARD_SMALL_RATE, "guard", "small_rate", NUMBER, "500", 1, 10000000, "", LIVE,           \
	  "The same of tiny packets, for SmallPacketFlood.")                                       \
	X(GUARD_HIGH, "guard", "high", NUMBER, "50", 20, 99, "", LIVE,                             \
	  "Strain, in hundredths, from which on the attack state is high.")                        \
	X(GUARD_CRITICAL, "guard", "critical", NUMBER, "80", 21, 100, "", LIVE,                    \
	  "Strain from which on it is critical: above high.")                                      \
	X(GUARD_HOSTILE, "guard", "hostile", NUMBER, "50", 20, 100, "", LIVE,                      \
	  "The share, in hundredths, of packets that the gate drops or of handshakes that fail "   \
	  "from which on strain is an attack.")                                                    \
	GUARD_KINDS_BY(CONFIG_GUARD_SEEN_, CONFIG_GUARD_SAID_)

#endif
