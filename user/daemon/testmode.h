/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Test mode (daemon.test_mode): what a load test from one host would run into is relaxed, by the
 * table below and nothing else. Handshakes, keys, puzzles, the limits of the whole server and of
 * the gate are as ever. What a host does wrong in several ways at once is still banned.
 *
 * It is said wherever one looks: a warning in the log at the start and each minute, the first line
 * of `strazhctl status`, a field of its --json, the status line of systemd.
 */
#ifndef STRAZH_USER_DAEMON_TESTMODE_H
#define STRAZH_USER_DAEMON_TESTMODE_H

#include <stdbool.h>
#include <stdint.h>

#include <user/daemon/config/config.h>
#include <user/guard/config.h>
#include <user/net/sources.h>

struct keeper;

/*
 * X(member, value, "text"): at least so much; of TEST_MODE_CAPS at most, whatever weights say. What
 * load makes cannot reach these bars then: its kinds (kind.h) saturate, proven ones
 * (ConnectionFlood, ORMQueryFlood) at 0.96 together, spoofable ones (SmallPacketFlood,
 * HighPacketRate, BurstTraffic, UnusualPacketSize) at 0.94. Pressure never reaches 1, so nobody is
 * shut out by it.
 */
#define TEST_MODE_GUARD(X)                                                                         \
	X(limit, 0.98F, "guard.limit is 98")                                                       \
	X(ban, 0.98F, "guard.ban is 98")                                                           \
	X(trusted_limit, 0.98F, "so are those of trusted sources")                                 \
	X(trusted_ban, 0.98F, NULL)                                                                \
	X(block, 1.0F, "pressure shuts nobody out")
#define TEST_MODE_CAPS(X)                                                                          \
	X(CONNECTION_FLOOD, 0.8F, "ConnectionFlood counts 0.8 at most")                            \
	X(SMALL_PACKET_FLOOD, 0.6F, "SmallPacketFlood 0.6")                                        \
	X(QUERY_FLOOD, 0.8F, NULL)                                                                 \
	X(HIGH_PACKET_RATE, 0.6F, NULL)                                                            \
	X(BURST_TRAFFIC, 0.4F, NULL)                                                               \
	X(UNUSUAL_PACKET_SIZE, 0.4F, NULL)
#define TEST_MODE_SOURCES(X)                                                                       \
	X(source_total, total, "server.max_per_source is server.max_connections")                  \
	X(source_half_open, half_open, "server.max_half_open_per_source is server.max_half_open")

bool testmode_is_on(const struct config *config);
/* Nothing where it is off. */
void testmode_relax_guard(const struct config *config, struct guard_config *guard);
void testmode_relax_sources(const struct config *config, struct sources_limits *limits);

/* Is it time to say it (again)? *said_s: when it was, 0: never. */
bool testmode_is_due(uint32_t *said_s, uint32_t now_s);
/* Each second, and after a reload. */
void testmode_tick(struct keeper *keeper);
bool testmode_show(void *keeper);

#endif
