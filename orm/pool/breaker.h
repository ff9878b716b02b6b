/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Circuit breaker (M. Nygard, "Release It!"). CLOSED: attempts go through; so many failures in a
 * row open it. OPEN: none goes through until the pause is over. HALF-OPEN: one attempt, the probe,
 * goes through and decides: closed again, or open for twice the pause, up to a minute. Thread-safe.
 *
 * Who was let through must report with the ticket he was given; so the result of an attempt that
 * began before the circuit opened is not taken for the probe's.
 */
#ifndef STRAZH_ORM_BREAKER_H
#define STRAZH_ORM_BREAKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

#define ORM_BREAKER_PAUSE_MAX_NS 60000000000ULL

enum orm_circuit { ORM_CLOSED, ORM_OPEN, ORM_HALF_OPEN };
enum orm_ticket { ORM_REFUSED, ORM_LET_THROUGH, ORM_PROBE };

struct orm_breaker {
	pthread_mutex_t lock;
	_Atomic(uint8_t) state;	    /* written under the lock */
	_Atomic(uint32_t) failures; /* in a row; written under the lock */
	uint32_t failures_max;
	uint64_t pause_first_ns;
	uint64_t pause_ns; /* of the next opening */
	uint64_t until_ns; /* while open */
	/* Counters, under the lock. */
	uint64_t opened;
	uint64_t closed;
	uint64_t probes;
	uint64_t refused;
};

struct orm_breaker_stats {
	enum orm_circuit state;
	uint64_t opened; /* times */
	uint64_t closed; /* again */
	uint64_t probes;
	uint64_t refused;
};

/* failures_max at least 1. 0 or -errno. */
int orm_breaker_init(struct orm_breaker *b, uint32_t failures_max,
		     uint64_t pause_first_ns) must_check;
void orm_breaker_deinit(struct orm_breaker *b);
enum orm_ticket orm_breaker_enter(struct orm_breaker *b, uint64_t now_ns) must_check;
void orm_breaker_leave(struct orm_breaker *b, enum orm_ticket ticket, bool worked, uint64_t now_ns);
/* A failure outside an attempt, when the circuit is closed. */
void orm_breaker_failed(struct orm_breaker *b, uint64_t now_ns);
/* Would enter() let one through? Nothing is taken or counted. */
bool orm_breaker_would_let(struct orm_breaker *b, uint64_t now_ns) must_check;
bool orm_breaker_is_closed(const struct orm_breaker *b);
/* Closed, and the last thing that was reported worked. */
bool orm_breaker_is_calm(const struct orm_breaker *b);
void orm_breaker_read(struct orm_breaker *b, struct orm_breaker_stats *ret_stats);

#endif
