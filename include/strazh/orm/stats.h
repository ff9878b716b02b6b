/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a database has done since it was opened, and what it holds now. Reading costs a few
 * microseconds and stops nobody; the figures are each exact, and together as of about the same
 * moment.
 */
#ifndef STRAZH_ORM_STATS_H
#define STRAZH_ORM_STATS_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/orm/error.h>

#pragma GCC visibility push(default)

/* X(name, counter|gauge, unit, help). The order may change: names are the contract. */
#define ORM_STATS_RUN(X)                                                                           \
	X(statements, counter, "", "statements run, those of group commits included")              \
	X(rows_read, counter, "rows", "rows given to the caller")                                  \
	X(rows_written, counter, "rows", "rows inserted, updated or deleted")                      \
	X(commits, counter, "", "transactions committed")                                          \
	X(rollbacks, counter, "", "transactions rolled back")                                      \
	X(retries, counter, "", "statements and transactions run again")                           \
	X(prepares, counter, "", "statements prepared on a connection")                            \
	X(prepare_hits, counter, "", "statements found prepared")                                  \
	X(prepare_drops, counter, "", "prepared statements dropped for newer ones")                \
	X(shape_hits, counter, "", "queries whose SQL was found rendered")                         \
	X(shape_misses, counter, "", "queries whose SQL had to be rendered")                       \
	X(groups, counter, "", "group commits (SQLite)")                                           \
	X(group_writes, counter, "", "writes in them")                                             \
	X(group_failures, counter, "", "of them failed")                                           \
	X(guard_values, counter, "", "values looked at by the guard")                              \
	X(guard_reports, counter, "", "of them found to be injections")                            \
	X(guard_refusals, counter, "", "fragments refused by the guard")                           \
	X(guard_floods, counter, "", "clients reported for their rate of queries")                 \
	X(slow, counter, "", "statements above slow_ms")                                           \
	X(slow_unsaid, counter, "", "of them not told: too many in that second")                   \
	X(errors_system, counter, "", "failures with an errno; the others are in errors[]")
#define ORM_STATS_PARTS(X)                                                                         \
	X(pool_open, gauge, "connections", "open, all pools together")                             \
	X(pool_idle, gauge, "connections", "of them idle")                                         \
	X(pool_used, gauge, "connections", "of them in use")                                       \
	X(pool_waiting, gauge, "callers", "waiting for a connection")                              \
	X(pool_target, gauge, "connections", "wanted by the smoothed demand")                      \
	X(pool_acquired, counter, "", "connections taken")                                         \
	X(pool_waited, counter, "", "of them after waiting")                                       \
	X(pool_waited_ns, counter, "ns", "time waited by them")                                    \
	X(pool_timeouts, counter, "", "callers who waited in vain")                                \
	X(pool_connects, counter, "", "attempts to connect")                                       \
	X(pool_connect_failures, counter, "", "of them failed")                                    \
	X(pool_connect_ns, counter, "ns", "time spent connecting")                                 \
	X(pool_checks, counter, "", "idle connections asked whether they live")                    \
	X(pool_check_failures, counter, "", "of them dead")                                        \
	X(pool_broken, counter, "", "connections that broke in use")                               \
	X(pool_rolled_back, counter, "", "connections given back inside a transaction")            \
	X(pool_closed_idle, counter, "", "connections closed, not needed")                         \
	X(pool_closed_life, counter, "", "connections closed for their age")                       \
	X(pool_server_full, counter, "", "connects refused by a full server")                      \
	X(breaker_open, gauge, "circuits", "open or half-open now")                                \
	X(breaker_opened, counter, "", "times that a circuit opened")                              \
	X(breaker_probes, counter, "", "attempts of half-open circuits")                           \
	X(breaker_refused, counter, "", "callers refused by an open circuit")                      \
	X(route_primary, counter, "", "reads sent to the primary")                                 \
	X(route_replica, counter, "", "reads sent to replicas")                                    \
	X(route_behind, counter, "", "reads that no replica could serve: not yet there")           \
	X(route_fallbacks, counter, "", "reads that failed to reach a replica")                    \
	X(route_samples, counter, "", "questions where a server's log is")                         \
	X(route_failovers, counter, "", "times that another address became the primary")           \
	X(route_replicas, gauge, "servers", "replicas that may be read now")                       \
	X(route_lag_ns, gauge, "ns", "age of what the most lagging of them shows, at most")        \
	X(cache_hits, counter, "", "results found")                                                \
	X(cache_misses, counter, "", "results not found")                                          \
	X(cache_outdated, counter, "", "results found, but written since")                         \
	X(cache_expired, counter, "", "results found, but too old")                                \
	X(cache_stored, counter, "", "results kept")                                               \
	X(cache_raced, counter, "", "results not kept: written while they were read")              \
	X(cache_evicted, counter, "", "results dropped for newer ones")                            \
	X(cache_entries, gauge, "results", "kept now")                                             \
	X(cache_bytes, gauge, "bytes", "held by them")
#define ORM_STATS(X) ORM_STATS_RUN(X) ORM_STATS_PARTS(X)

/*
 * Latencies: log-linear buckets, eight for each power of two (a bucket is at most 12.5 % wide).
 * Bucket 0 is what took less than 1024 ns, the last what took 68 s or more.
 */
#define ORM_LATENCY_BUCKETS (2 + 26 * 8)
struct orm_latency {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t bucket[ORM_LATENCY_BUCKETS];
};
/* First nanosecond that is not in the bucket; of the last UINT64_MAX. */
uint64_t orm_latency_end_ns(unsigned bucket);
/* A time that so many of a thousand did not exceed (999: the slowest thousandth did); 0: none. */
uint64_t orm_latency_of(const struct orm_latency *latency, unsigned per_mille);

#define ORM_STATS_FIELD_(name, kind, unit, help) uint64_t name;
struct orm_stats {
	ORM_STATS(ORM_STATS_FIELD_)
	uint64_t errors[ORM_CLASS_COUNT]; /* by enum orm_class; END is not counted */
	struct orm_latency reads;	  /* one read in eight, from start to last row */
	struct orm_latency writes;	  /* statements and commits that write */
};

enum orm_stat_kind { ORM_STAT_counter, ORM_STAT_gauge };
struct orm_stat_info {
	const char *name;
	enum orm_stat_kind kind;
	const char *unit;
	const char *help;
	size_t offset; /* of the uint64_t in struct orm_stats */
};
extern const struct orm_stat_info orm_stat_infos[];
extern const size_t orm_stat_count;

struct orm;
void orm_stats_read(const struct orm *db, struct orm_stats *ret_stats);

#pragma GCC visibility pop

#endif
