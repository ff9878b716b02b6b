/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything changes under the lock. state and failures are atomic besides, so that the usual
 * question (is all well?) takes no lock.
 */
#include <orm/pool/breaker.h>

int orm_breaker_init(struct orm_breaker *b, uint32_t failures_max, uint64_t pause_first_ns)
{
	int r;

	*b = (struct orm_breaker){.failures_max = MAX(failures_max, 1),
				  .pause_first_ns = MIN(pause_first_ns, ORM_BREAKER_PAUSE_MAX_NS),
				  .pause_ns = MIN(pause_first_ns, ORM_BREAKER_PAUSE_MAX_NS)};
	r = pthread_mutex_init(&b->lock, NULL);
	return -r;
}

void orm_breaker_deinit(struct orm_breaker *b)
{
	pthread_mutex_destroy(&b->lock);
}

static enum orm_circuit state_of(const struct orm_breaker *b)
{
	return atomic_load_explicit(&b->state, memory_order_relaxed);
}

static void enter_state(struct orm_breaker *b, enum orm_circuit state)
{
	atomic_store_explicit(&b->state, (uint8_t)state, memory_order_relaxed);
}

static void count_failures(struct orm_breaker *b, uint32_t n)
{
	atomic_store_explicit(&b->failures, n, memory_order_relaxed);
}

/* The next pause is twice this one; only what works makes it short again. */
static void open_circuit(struct orm_breaker *b, uint64_t now_ns)
{
	enter_state(b, ORM_OPEN);
	b->until_ns = now_ns + b->pause_ns;
	b->pause_ns = MIN(b->pause_ns * 2, ORM_BREAKER_PAUSE_MAX_NS);
	b->opened++;
}

enum orm_ticket orm_breaker_enter(struct orm_breaker *b, uint64_t now_ns)
{
	enum orm_ticket ticket = ORM_REFUSED;

	pthread_mutex_lock(&b->lock);
	if (state_of(b) == ORM_CLOSED) {
		ticket = ORM_LET_THROUGH;
	} else if (state_of(b) == ORM_OPEN && now_ns >= b->until_ns) {
		enter_state(b, ORM_HALF_OPEN);
		b->probes++;
		ticket = ORM_PROBE;
	} else {
		b->refused++;
	}
	pthread_mutex_unlock(&b->lock);
	return ticket;
}

static void worked_now(struct orm_breaker *b)
{
	if (state_of(b) != ORM_CLOSED)
		b->closed++;
	enter_state(b, ORM_CLOSED);
	count_failures(b, 0);
	b->pause_ns = b->pause_first_ns;
}

static void failed_now(struct orm_breaker *b, uint64_t now_ns)
{
	uint32_t failures = atomic_load_explicit(&b->failures, memory_order_relaxed) + 1;

	count_failures(b, MIN(failures, b->failures_max));
	if (failures >= b->failures_max)
		open_circuit(b, now_ns);
}

void orm_breaker_leave(struct orm_breaker *b, enum orm_ticket ticket, bool worked, uint64_t now_ns)
{
	if (ticket == ORM_REFUSED)
		return;
	pthread_mutex_lock(&b->lock);
	if (ticket == ORM_PROBE) {
		if (worked)
			worked_now(b);
		else
			open_circuit(b, now_ns);
	} else if (state_of(b) == ORM_CLOSED) { /* else it began before; the probe decides */
		if (worked)
			worked_now(b);
		else
			failed_now(b, now_ns);
	}
	pthread_mutex_unlock(&b->lock);
}

void orm_breaker_failed(struct orm_breaker *b, uint64_t now_ns)
{
	orm_breaker_leave(b, ORM_LET_THROUGH, false, now_ns);
}

bool orm_breaker_would_let(struct orm_breaker *b, uint64_t now_ns)
{
	bool would;

	if (state_of(b) == ORM_CLOSED)
		return true;
	pthread_mutex_lock(&b->lock);
	would = state_of(b) == ORM_CLOSED || (state_of(b) == ORM_OPEN && now_ns >= b->until_ns);
	pthread_mutex_unlock(&b->lock);
	return would;
}

bool orm_breaker_is_closed(const struct orm_breaker *b)
{
	return state_of(b) == ORM_CLOSED;
}

bool orm_breaker_is_calm(const struct orm_breaker *b)
{
	return state_of(b) == ORM_CLOSED &&
	       !atomic_load_explicit(&b->failures, memory_order_relaxed);
}

void orm_breaker_read(struct orm_breaker *b, struct orm_breaker_stats *ret_stats)
{
	pthread_mutex_lock(&b->lock);
	*ret_stats = (struct orm_breaker_stats){
		.state = state_of(b),
		.opened = b->opened,
		.closed = b->closed,
		.probes = b->probes,
		.refused = b->refused,
	};
	pthread_mutex_unlock(&b->lock);
}
