/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member is a server: its pool, the survey's own connection, and what the last answer said. The
 * fields that choosing reads are atomics, written by the survey (under `survey`), latency and
 * shows_ns also by callers. No lock is held while a read is routed.
 */
#ifndef STRAZH_ORM_ROUTE_MEMBER_H
#define STRAZH_ORM_ROUTE_MEMBER_H

#include <stdatomic.h>

#include <orm/pool/backoff.h>
#include <orm/pool/route.h>

/* Positions of the primary that are remembered. */
#define ORM_ROUTE_SAMPLES 256

struct orm_member {
	struct orm_pool *pool;
	_Alignas(64) _Atomic(uint64_t) shows_ns; /* 0: not known, or no standby: not read */
	_Atomic(uint64_t) replayed;
	_Atomic(uint64_t) latency_ns; /* smoothed, 1/8 a sample */
	_Atomic(uint32_t) reading;    /* reads under way */

	/* Under `survey`. */
	struct orm_conn *conn;
	struct orm_backoff backoff;
	uint64_t not_before_ns; /* of the next attempt to connect */
	bool answered;		/* in this survey */
	struct orm_lsn lsn;	/* and so */
	uint64_t replayed_last; /* answer of the survey before */
};

struct orm_route_sample {
	uint64_t asked_ns;
	uint64_t at;
};

struct orm_route {
	const struct orm_driver *driver;
	const struct orm_lsn_source *source;
	const struct orm_clock *clock;
	struct orm_options probe_options;
	unsigned count;
	uint64_t refresh_ns;
	uint64_t lag_max_ns;
	atomic_uint primary;
	_Atomic(uint64_t) epoch; /* failovers */
	_Atomic(uint64_t) draws; /* of the random choice */
	_Atomic(uint64_t) on_primary, on_replica, behind, fallbacks, samples;

	pthread_mutex_t survey;
	bool closed;
	uint32_t timeline;    /* of the primary; 0: not known */
	uint64_t surveyed_ns; /* end of the last one */
	uint64_t tended_ns;
	struct orm_route_sample sample[ORM_ROUTE_SAMPLES]; /* a ring, the newest at newest */
	unsigned newest;
	unsigned kept;

	struct orm_member member[ORM_ROUTE_MAX];
};

/* One sample more of the smoothed latency. */
void orm_member_took(struct orm_member *m, uint64_t ns);

#endif
