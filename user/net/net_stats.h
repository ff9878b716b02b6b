/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a reactor counts. Written by its thread alone, read by any: net_count() and net_counted().
 */
#ifndef STRAZH_USER_NET_NET_STATS_H
#define STRAZH_USER_NET_NET_STATS_H

#include <stdatomic.h>
#include <stdint.h>

/* name in figures, and what it counts */
#define NET_COUNTERS(X)                                                                            \
	X(ACCEPTED, "accepted", "connections taken in")                                            \
	X(CONNECTED, "connected", "connections made to others")                                    \
	X(BYTES_IN, "bytes_in", "bytes read")                                                      \
	X(BYTES_OUT, "bytes_out", "bytes written")                                                 \
	X(READS, "reads", "reads that brought bytes")                                              \
	X(WRITES, "writes", "writes that took bytes")                                              \
	X(BLOCKED, "blocked", "writes that the socket had no room for")                            \
	X(REFUSED_TOTAL, "refused_total", "refused: connections in all")                           \
	X(REFUSED_HALF_OPEN, "refused_half_open", "refused: half-open connections in all")         \
	X(REFUSED_SOURCE, "refused_source", "refused: connections of this source")                 \
	X(REFUSED_SOURCE_HALF_OPEN, "refused_source_half_open",                                    \
	  "refused: half-open connections of this source")                                         \
	X(REFUSED_SOURCE_MUTE, "refused_source_mute",                                              \
	  "refused: the same, while most of these say nothing")                                    \
	X(REFUSED_OWNER, "refused_owner", "refused: by the owner of the listener")                 \
	X(REFUSED_MEMORY, "refused_memory", "refused: no memory or slot in this reactor")          \
	X(NO_DESCRIPTOR, "no_descriptor", "closed unseen: no descriptor was left")                 \
	X(ACCEPT_RESTED, "accept_rested", "pauses of accepting after a lack of resources")         \
	X(ACCEPT_FAILED, "accept_failed", "failures of accept of any other kind")                  \
	X(NO_BUFFER, "no_buffer", "the buffer pool was at its end")                                \
	X(POSTED, "posted", "calls of other threads that ran here")

enum net_counter {
#define NET_COUNTER_ENUM(code, name, text) NET_##code,
	NET_COUNTERS(NET_COUNTER_ENUM)
#undef NET_COUNTER_ENUM
		NET_COUNTERS_LEN
};

struct net_stats {
	_Atomic(uint64_t) counts[NET_COUNTERS_LEN];
};

static inline void net_count(struct net_stats *stats, enum net_counter which, uint64_t more)
{
	uint64_t was = atomic_load_explicit(&stats->counts[which], memory_order_relaxed);

	/* One writer: no need of an addition that is atomic. */
	atomic_store_explicit(&stats->counts[which], was + more, memory_order_relaxed);
}

static inline uint64_t net_counted(const struct net_stats *stats, enum net_counter which)
{
	return atomic_load_explicit(&stats->counts[which], memory_order_relaxed);
}

const char *net_counter_name(enum net_counter which);
const char *net_counter_text(enum net_counter which);

#endif
