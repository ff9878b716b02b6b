/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of what every statement does: relaxed atomics, in a few copies on cache lines of their
 * own; a thread counts in the same copy all its life, so that threads seldom share a line.
 *
 * What a select counts each time it counts in the tally of its session, a driver in that of the
 * connection: one writer, so that a load
 * and a store do, where an addition that others may make too locks the line. Reading sums the
 * tallies up, so nothing is late.
 */
#ifndef STRAZH_ORM_METER_H
#define STRAZH_ORM_METER_H

#include <stdatomic.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/stats.h>

#define ORM_METER_COPIES 8

#define ORM_METER_ID_(name, kind, unit, help) ORM_M_##name,
enum orm_meter_id { ORM_STATS_RUN(ORM_METER_ID_) ORM_METER_COUNT };
enum orm_meter_latency { ORM_M_READS, ORM_M_WRITES, ORM_METER_LATENCIES };

struct orm_meter_copy {
	_Alignas(64) _Atomic(uint64_t) counter[ORM_METER_COUNT];
	_Atomic(uint64_t) error[ORM_CLASS_COUNT];
	struct {
		_Atomic(uint64_t) sum_ns;
		_Atomic(uint64_t) bucket[ORM_LATENCY_BUCKETS];
	} latency[ORM_METER_LATENCIES];
};

/* Of one session or connection; one thread at a time adds. All zero, then join(). */
struct orm_tally {
	_Atomic(uint64_t) counter[ORM_METER_COUNT];
	struct orm_meter *meter; /* that knows it */
	struct orm_tally *prev, *next;
};

/* About 28 KiB; all zero is valid. Aligned to 64: aligned_alloc() or static. */
struct orm_meter {
	struct orm_meter_copy copy[ORM_METER_COPIES];
	struct orm_tally *tallies; /* under a lock of meter.c */
};

/* The meter knows the tally until leave(), which keeps what was counted; no meter is fine. */
void orm_meter_join(struct orm_meter *m, struct orm_tally *tally);
void orm_meter_leave(struct orm_tally *tally);
static inline void orm_tally_add(struct orm_tally *tally, enum orm_meter_id id, uint64_t n)
{
	uint64_t now = atomic_load_explicit(&tally->counter[id], memory_order_relaxed);

	atomic_store_explicit(&tally->counter[id], now + n, memory_order_relaxed);
}

void orm_meter_add(struct orm_meter *m, enum orm_meter_id id, uint64_t n);
/* What a function returned; 0 and ORM_E_END count nothing. */
void orm_meter_error(struct orm_meter *m, int class);
void orm_meter_took(struct orm_meter *m, enum orm_meter_latency which, uint64_t ns);
/* Sets what the meter knows in *to and leaves the rest. */
void orm_meter_read(const struct orm_meter *m, struct orm_stats *to);

#endif
