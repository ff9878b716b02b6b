/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the servers. Everything is under `survey`: one survey at a time, and whoever came while
 * one was running takes its result. A server that does not answer is asked again after a pause
 * (backoff.h), so that one which hangs delays few surveys.
 */
#include <orm/base/fault.h>
#include <orm/pool/route_member.h>

#define BACKOFF_FIRST_NS (100 * ORM_NS_PER_MS)
#define BACKOFF_CAP_NS (10 * ORM_NS_PER_S)
/* A failure asks for a survey; not more often than this. */
#define SURVEY_LEAST_NS (100 * ORM_NS_PER_MS)
#define TEND_NS ORM_NS_PER_S

void orm_member_took(struct orm_member *m, uint64_t ns)
{
	uint64_t old = atomic_load_explicit(&m->latency_ns, memory_order_relaxed);
	int64_t step = ((int64_t)ns - (int64_t)old) / 8;

	/* Two at once may lose one of them: it is a mean. */
	atomic_store_explicit(&m->latency_ns, old ? (uint64_t)((int64_t)old + step) : ns,
			      memory_order_relaxed);
}

static void set(_Atomic(uint64_t) *to, uint64_t value)
{
	atomic_store_explicit(to, value, memory_order_relaxed);
}

/* ---- one server ---- */

static void lose(struct orm_route *route, struct orm_member *m)
{
	if (m->conn)
		route->driver->close(m->conn);
	m->conn = NULL;
	m->not_before_ns = orm_now_ns(route->clock) + orm_backoff_next_ns(&m->backoff);
}

static bool connect_member(struct orm_route *route, struct orm_member *m, uint64_t now)
{
	struct orm_error err;

	if (m->conn)
		return true;
	if (now < m->not_before_ns)
		return false;
	if (!route->driver->open(orm_pool_address(m->pool), &route->probe_options, ORM_READER,
				 &m->conn, &err))
		return true;
	m->conn = NULL;
	lose(route, m);
	return false;
}

/* Sets answered and lsn. *ret_asked_ns: before the question was sent. */
static void ask(struct orm_route *route, struct orm_member *m, uint64_t *ret_asked_ns)
{
	uint64_t asked = orm_now_ns(route->clock);
	struct orm_error err;

	m->answered = false;
	if (!connect_member(route, m, asked))
		return;
	asked = orm_now_ns(route->clock);
	if (route->source->ask(m->conn, &m->lsn, &err)) {
		lose(route, m);
		return;
	}
	orm_backoff_reset(&m->backoff);
	m->answered = true;
	atomic_fetch_add_explicit(&route->samples, 1, memory_order_relaxed);
	orm_member_took(m, orm_now_ns(route->clock) - asked);
	*ret_asked_ns = asked;
}

/* ---- what follows from the answers ---- */

static bool is_writable(const struct orm_member *m)
{
	return m->answered && !m->lsn.in_recovery;
}

static void become_primary(struct orm_route *route, unsigned best)
{
	/* Positions of another timeline say nothing about this one. */
	route->kept = 0;
	for (unsigned i = 0; i < route->count; i++) {
		set(&route->member[i].shows_ns, 0);
		set(&route->member[i].replayed, 0);
		route->member[i].replayed_last = 0;
	}
	orm_pool_suspect(route->member[atomic_load(&route->primary)].pool);
	route->timeline = route->member[best].lsn.timeline;
	atomic_store(&route->primary, best);
	atomic_fetch_add(&route->epoch, 1);
}

/* The writable one with the highest timeline; of equals the present primary, then the first. */
static void elect(struct orm_route *route)
{
	unsigned best = atomic_load(&route->primary);

	for (unsigned i = 0; i < route->count; i++) {
		const struct orm_member *m = &route->member[i], *b = &route->member[best];

		if (is_writable(m) && (!is_writable(b) || m->lsn.timeline > b->lsn.timeline))
			best = i;
	}
	if (best != atomic_load(&route->primary))
		become_primary(route, best);
}

static void keep_sample(struct orm_route *route, uint64_t asked_ns, uint64_t at)
{
	route->newest = (route->newest + 1) % ORM_ROUTE_SAMPLES;
	route->sample[route->newest] = (struct orm_route_sample){asked_ns, at};
	if (route->kept < ORM_ROUTE_SAMPLES)
		route->kept++;
}

/* The same address may be another server than before: a higher timeline says so. */
static void note_primary(struct orm_route *route, uint64_t asked_ns, const struct orm_lsn *lsn)
{
	if (route->timeline && route->timeline != lsn->timeline)
		become_primary(route, atomic_load(&route->primary));
	route->timeline = lsn->timeline;
	keep_sample(route, asked_ns, lsn->at);
}

/* When the primary was last asked and had written no more than this; 0: not in what is kept. */
static uint64_t shown_at(const struct orm_route *route, uint64_t replayed)
{
	for (unsigned back = 0; back < route->kept; back++) {
		unsigned i = (route->newest + ORM_ROUTE_SAMPLES - back) % ORM_ROUTE_SAMPLES;

		if (route->sample[i].at <= replayed)
			return route->sample[i].asked_ns;
	}
	return 0;
}

/*
 * A standby that had replayed more than our primary had written later follows another primary: it
 * is not read.
 */
static void judge(struct orm_route *route, struct orm_member *m)
{
	const struct orm_member *primary = &route->member[atomic_load(&route->primary)];
	bool strange = is_writable(primary) && m->replayed_last > primary->lsn.at;
	bool standby = m != primary && m->answered && m->lsn.in_recovery && !strange;

	set(&m->replayed, standby ? m->lsn.at : 0);
	set(&m->shows_ns, standby ? shown_at(route, m->lsn.at) : 0);
	if (m->answered && m->lsn.in_recovery)
		m->replayed_last = m->lsn.at;
}

/* The primary first, so that a standby is compared with a question asked just before. */
static void survey_all(struct orm_route *route)
{
	unsigned primary = atomic_load(&route->primary);
	uint64_t asked[ORM_ROUTE_MAX] = {0};

	ask(route, &route->member[primary], &asked[primary]);
	if (is_writable(&route->member[primary]))
		note_primary(route, asked[primary], &route->member[primary].lsn);
	for (unsigned i = 0; i < route->count; i++) {
		if (i == primary)
			continue;
		ask(route, &route->member[i], &asked[i]);
		judge(route, &route->member[i]);
	}
	judge(route, &route->member[primary]);
	elect(route);
	route->surveyed_ns = orm_now_ns(route->clock);
}

bool orm_route_survey(struct orm_route *route)
{
	uint64_t epoch = atomic_load(&route->epoch);
	uint64_t called = orm_now_ns(route->clock);

	if (route->count < 2)
		return false;
	pthread_mutex_lock(&route->survey);
	if (!route->closed &&
	    (!route->surveyed_ns || called > route->surveyed_ns + SURVEY_LEAST_NS))
		survey_all(route);
	pthread_mutex_unlock(&route->survey);
	return atomic_load(&route->epoch) != epoch;
}

/* ---- housekeeping ---- */

uint64_t orm_route_period_ns(const struct orm_route *route)
{
	return route->count < 2 ? TEND_NS : MIN(route->refresh_ns, TEND_NS);
}

/* A server that answers the survey, while its pool's circuit is open: reads do not try it. */
static void try_circuit(struct orm_pool *pool)
{
	struct orm_pooled *p;

	if (!orm_breaker_is_closed(orm_pool_breaker(pool)) && !orm_pool_acquire(pool, 0, &p, NULL))
		orm_pool_release(pool, p);
}

void orm_route_tend(struct orm_route *route, uint64_t now_ns)
{
	uint32_t answered = 0;
	bool pools;

	pthread_mutex_lock(&route->survey);
	if (route->count > 1 && !route->closed &&
	    (!route->surveyed_ns || now_ns >= route->surveyed_ns + route->refresh_ns / 2))
		survey_all(route);
	for (unsigned i = 0; i < route->count; i++)
		answered |= (uint32_t)route->member[i].answered << i;
	pools = !route->tended_ns || now_ns >= route->tended_ns + TEND_NS - TEND_NS / 20;
	if (pools)
		route->tended_ns = now_ns;
	pthread_mutex_unlock(&route->survey);
	for (unsigned i = 0; i < route->count; i++) {
		if (pools)
			orm_pool_tend(route->member[i].pool, now_ns);
		if (answered >> i & 1)
			try_circuit(route->member[i].pool);
	}
}
