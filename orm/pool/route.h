/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One database on several servers: writes go to the primary, reads to a replica that is fast and
 * that shows enough. Thread-safe.
 *
 * Which replica: of those that qualify two are drawn, and the one with the lower cost is taken
 * (M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001). The cost is the
 * smoothed latency times the reads under way and one. The latency is of the reads and of the
 * survey's questions, so that one which was slow is found again when it has recovered.
 *
 * What a replica shows. A survey, every refresh_ms, asks the primary where its log is and then each
 * replica how far it has replayed. A replica that has replayed at least what the primary had
 * written when it was asked at time T shows everything that was committed before T: shows_ns = T.
 * A replica qualifies when
 *	- its circuit is closed, and it answered the last survey as a standby;
 *	- shows_ns is not older than lag_max_ms: so what a read sees is at most that old, plus the
 *	  time until its statement takes its snapshot;
 *	- shows_ns is after the session's last write (struct orm_seen), noted after its commit
 *	  was acknowledged. Replaying never goes back, so an answer of the past errs to the safe
 * side only: a session never misses its own write, and no read costs a round trip more. The price:
 *	  for about refresh_ms and the replica's lag after a write the session reads on the primary.
 *	  With orm_route_learn() it is the lag only, for one round trip a write.
 * Otherwise the read goes to the primary. Not promised: that the reads of one session on two
 * replicas never go back in time.
 *
 * Failover: when the primary is lost or says that it cannot be written, all are asked at once, and
 * the one that accepts writes, of several the one with the highest timeline, is the primary from
 * then on. One that accepts writes and is not the primary is not read. Nobody is promoted here.
 *
 * The survey has a connection of its own to each server, with short timeouts, only when there is
 * more than one server. It asks one after the other.
 */
#ifndef STRAZH_ORM_ROUTE_H
#define STRAZH_ORM_ROUTE_H

#include <orm/pool/lsn.h>
#include <orm/pool/pool.h>

#define ORM_ROUTE_MAX 32
#define ORM_ROUTE_REFRESH_MS 200
#define ORM_ROUTE_LAG_MAX_MS 10000

struct orm_route;

struct orm_route_config {
	const struct orm_driver *driver;
	const struct orm_options *options; /* defaults filled in; outlives the route */
	const char *const *addresses;	   /* the first one is asked first for the primary */
	unsigned count;			   /* 1 to ORM_ROUTE_MAX */
	const struct orm_lsn_source *lsn;  /* may be NULL when count is 1 */
	int64_t refresh_ms;		   /* 0: ORM_ROUTE_REFRESH_MS */
	int64_t lag_max_ms;	       /* 0: ORM_ROUTE_LAG_MAX_MS; at most 250 times refresh_ms */
	const struct orm_clock *clock; /* NULL: the machine's */
	struct orm_meter *meter;       /* as in the pool's configuration */
	uint64_t seed;
};

/* What a session has written. All zero: nothing. */
struct orm_seen {
	uint64_t wrote_ns; /* after the commit was acknowledged */
	uint64_t lsn;	   /* 0: not learned */
	uint64_t epoch;	   /* failovers until then */
};

/* A connection on loan. */
struct orm_routed {
	struct orm_pooled *pooled;
	unsigned member;
	bool primary;
};

/* No connection is made; the first address counts as the primary until the first survey. */
int orm_route_new(const struct orm_route_config *config, struct orm_route **ret_route,
		  struct orm_error *err) must_check;
void orm_route_close(struct orm_route *route); /* as orm_pool_close(), of all */
void orm_route_free(struct orm_route *route);  /* NULL is fine */

/* The primary. When it is lost, one that took over. Errors as orm_pool_acquire(). */
int orm_route_write(struct orm_route *route, int64_t timeout_ms, struct orm_routed *ret_routed,
		    struct orm_error *err) must_check;
/*
 * One to read from. `seen` NULL: nothing was written. least_ns: the read must show what was
 * committed before it (orm_cache_reading.wrote_ns); 0 is nothing.
 */
int orm_route_read(struct orm_route *route, const struct orm_seen *seen, uint64_t least_ns,
		   int64_t timeout_ms, struct orm_routed *ret_routed,
		   struct orm_error *err) must_check;
/* How long a read took there. */
void orm_route_took(struct orm_route *route, const struct orm_routed *routed, uint64_t ns);
/*
 * Give it back; `class` is what the last call on it returned. True: the primary is another one
 * now, and what failed with ORM_E_READ_ONLY (nothing was done) may be run again at once.
 */
bool orm_route_give_back(struct orm_route *route, struct orm_routed *routed, int class);

/* The session's commit was acknowledged. */
void orm_route_wrote(struct orm_route *route, struct orm_seen *seen);
/* Ask the connection that wrote, still on loan, outside a transaction: a round trip. */
int orm_route_learn(struct orm_route *route, const struct orm_routed *routed, struct orm_seen *seen,
		    struct orm_error *err) must_check;

/* Housekeeping of the pools, and the survey when it is due. Call every orm_route_period_ns(). */
void orm_route_tend(struct orm_route *route, uint64_t now_ns);
uint64_t orm_route_period_ns(const struct orm_route *route);
/* All servers are asked now. True: the primary changed. */
bool orm_route_survey(struct orm_route *route);

struct orm_route_stats {
	uint64_t on_primary; /* reads */
	uint64_t on_replica;
	uint64_t behind;
	uint64_t fallbacks;
	uint64_t samples;
	uint64_t failovers;
	uint64_t replicas; /* gauge: that qualify for a session without writes */
	uint64_t lag_ns;   /* gauge: of them, the oldest */
};
void orm_route_read_stats(struct orm_route *route, struct orm_route_stats *ret_stats);
unsigned orm_route_count(const struct orm_route *route);
unsigned orm_route_primary(const struct orm_route *route);
struct orm_pool *orm_route_pool(struct orm_route *route, unsigned member);

#endif
