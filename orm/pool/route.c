/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing a server, and lending its connections. The model is in route.h and route_member.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <orm/base/fault.h>
#include <orm/pool/route_member.h>

/* The survey's questions: they must not hang. */
#define PROBE_TIMEOUT_MS 1000

/* ---- begin and end ---- */

static void free_pools(struct orm_route *route)
{
	for (unsigned i = 0; i < route->count; i++)
		orm_pool_free(route->member[i].pool);
}

static int make_pools(struct orm_route *route, const struct orm_route_config *config,
		      struct orm_error *err)
{
	struct orm_pool_config pool = {
		.driver = config->driver,
		.options = config->options,
		/* Any of them may be the primary one day; a standby refuses writes itself. */
		.role = ORM_WRITER,
		.clock = config->clock,
		.meter = config->meter,
	};

	for (unsigned i = 0; i < config->count; i++) {
		struct orm_member *m = &route->member[i];
		int r;

		pool.address = config->addresses[i];
		pool.seed = config->seed ? config->seed + i : 0;
		r = orm_pool_new(&pool, &m->pool, err);
		if (r) {
			free_pools(route);
			return r;
		}
		orm_backoff_init(&m->backoff, 100 * ORM_NS_PER_MS, 10 * ORM_NS_PER_S,
				 config->seed + i);
		route->count = i + 1;
	}
	return 0;
}

static int64_t at_most(int64_t value, int64_t most)
{
	return value > 0 && value < most ? value : most;
}

static void set_route(struct orm_route *route, const struct orm_route_config *config)
{
	int64_t refresh_ms = config->refresh_ms > 0 ? config->refresh_ms : ORM_ROUTE_REFRESH_MS;

	route->driver = config->driver;
	route->source = config->lsn;
	route->clock = config->clock ? config->clock : &orm_clock_machine;
	route->refresh_ns = orm_ns_of_ms(refresh_ms, 0);
	route->lag_max_ns = MIN(
		orm_ns_of_ms(config->lag_max_ms > 0 ? config->lag_max_ms : ORM_ROUTE_LAG_MAX_MS, 0),
		route->refresh_ns * (ORM_ROUTE_SAMPLES - 6));
	route->probe_options = *config->options;
	route->probe_options.connect_timeout_ms = at_most(config->options->connect_timeout_ms,
							  PROBE_TIMEOUT_MS);
	route->probe_options.query_timeout_ms = at_most(config->options->query_timeout_ms,
							PROBE_TIMEOUT_MS);
}

int orm_route_new(const struct orm_route_config *config, struct orm_route **ret_route,
		  struct orm_error *err)
{
	struct orm_route *route;
	int r;

	if (config->count < 1 || config->count > ORM_ROUTE_MAX)
		return orm_fail(err, ORM_E_VALUE, "%u servers, not 1 to %d", config->count,
				ORM_ROUTE_MAX);
	if (config->count > 1 && !config->lsn)
		return orm_fail(err, ORM_E_VALUE, "this database has no replicas");
	route = aligned_alloc(64, sizeof(*route));
	if (!route)
		return orm_fail(err, -ENOMEM, "no memory for %u servers", config->count);
	memset(route, 0, sizeof(*route));
	set_route(route, config);
	r = make_pools(route, config, err);
	if (!r) {
		r = -pthread_mutex_init(&route->survey, NULL);
		if (r) {
			free_pools(route);
			orm_fail(err, r, "no lock for a route");
		}
	}
	if (r) {
		free(route);
		return r;
	}
	*ret_route = route;
	return 0;
}

void orm_route_close(struct orm_route *route)
{
	pthread_mutex_lock(&route->survey);
	route->closed = true;
	for (unsigned i = 0; i < route->count; i++) {
		if (route->member[i].conn)
			route->driver->close(route->member[i].conn);
		route->member[i].conn = NULL;
	}
	pthread_mutex_unlock(&route->survey);
	for (unsigned i = 0; i < route->count; i++)
		orm_pool_close(route->member[i].pool);
}

void orm_route_free(struct orm_route *route)
{
	if (!route)
		return;
	orm_route_close(route);
	free_pools(route);
	pthread_mutex_destroy(&route->survey);
	free(route);
}

/* ---- choosing ---- */

static uint64_t load(const _Atomic(uint64_t) *from)
{
	return atomic_load_explicit(from, memory_order_relaxed);
}

static void count(_Atomic(uint64_t) *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* It shows the session's writes: by time, or by the position that was learned. */
static bool shows(const struct orm_route *route, const struct orm_member *m, uint64_t shows_ns,
		  const struct orm_seen *seen)
{
	if (!seen || shows_ns > seen->wrote_ns)
		return true;
	return seen->lsn && seen->epoch == load(&route->epoch) && load(&m->replayed) >= seen->lsn;
}

static bool qualifies(struct orm_route *route, unsigned i, const struct orm_seen *seen,
		      uint64_t least_ns, uint64_t now)
{
	struct orm_member *m = &route->member[i];
	uint64_t shows_ns = load(&m->shows_ns);

	if (i == atomic_load_explicit(&route->primary, memory_order_relaxed) || !shows_ns)
		return false;
	if ((now > shows_ns && now - shows_ns > route->lag_max_ns) || shows_ns <= least_ns)
		return false;
	return shows(route, m, shows_ns, seen) && orm_breaker_is_closed(orm_pool_breaker(m->pool));
}

static uint64_t cost_of(const struct orm_member *m)
{
	uint64_t reading = atomic_load_explicit(&m->reading, memory_order_relaxed);

	return load(&m->latency_ns) * (reading + 1);
}

static uint64_t draw(struct orm_route *route, uint64_t most)
{
	struct orm_random r;

	orm_random_init(&r, atomic_fetch_add_explicit(&route->draws, 1, memory_order_relaxed));
	return orm_random_upto(&r, most);
}

/* Two of those that qualify, the better first; fewer when there are not two. */
static unsigned choose(struct orm_route *route, const struct orm_seen *seen, uint64_t least_ns,
		       unsigned ret_member[2])
{
	uint64_t now = orm_now_ns(route->clock);
	unsigned list[ORM_ROUTE_MAX], n = 0, a, b;

	for (unsigned i = 0; i < route->count; i++) {
		if (qualifies(route, i, seen, least_ns, now))
			list[n++] = i;
	}
	if (n) {
		a = (unsigned)draw(route, n - 1);
		ret_member[0] = list[a];
	}
	if (n < 2)
		return n;
	b = (unsigned)draw(route, n - 2);
	ret_member[1] = list[b + (b >= a)];
	if (cost_of(&route->member[ret_member[1]]) < cost_of(&route->member[ret_member[0]])) {
		unsigned better = ret_member[1];

		ret_member[1] = ret_member[0];
		ret_member[0] = better;
	}
	return 2;
}

/* ---- lending ---- */

static int lend(struct orm_route *route, unsigned member, int64_t timeout_ms,
		struct orm_routed *ret_routed, struct orm_error *err)
{
	struct orm_member *m = &route->member[member];
	struct orm_pooled *pooled;
	int r = orm_pool_acquire(m->pool, timeout_ms, &pooled, err);

	if (r)
		return r;
	atomic_fetch_add_explicit(&m->reading, 1, memory_order_relaxed);
	*ret_routed = (struct orm_routed){
		.pooled = pooled,
		.member = member,
		.primary = member == atomic_load_explicit(&route->primary, memory_order_relaxed),
	};
	return 0;
}

static bool is_lost(int class)
{
	return class == ORM_E_CONNECTION || class == ORM_E_OPEN_CIRCUIT ||
	       class == ORM_E_UNKNOWN_OUTCOME;
}

int orm_route_write(struct orm_route *route, int64_t timeout_ms, struct orm_routed *ret_routed,
		    struct orm_error *err)
{
	unsigned primary = atomic_load(&route->primary);
	int r = lend(route, primary, timeout_ms, ret_routed, err);

	/* An open circuit fails at once; the housekeeping looks for another primary. */
	if (r == ORM_E_CONNECTION)
		orm_route_survey(route);
	if (is_lost(r) && atomic_load(&route->primary) != primary)
		r = lend(route, atomic_load(&route->primary), timeout_ms, ret_routed, err);
	return r;
}

/*
 * A replica that is busy: the other one if it is free at once, else its queue. One that cannot be
 * reached: the primary. Reads that are many do not spill over to the primary.
 */
static int lend_replica(struct orm_route *route, const unsigned member[2], unsigned n,
			int64_t timeout_ms, struct orm_routed *ret_routed, struct orm_error *err)
{
	int r = ORM_E_BUSY;

	for (unsigned i = 0; i < n && r == ORM_E_BUSY; i++)
		r = lend(route, member[i], 0, ret_routed, err);
	if (r == ORM_E_BUSY && timeout_ms)
		r = lend(route, member[0], timeout_ms, ret_routed, err);
	return r;
}

int orm_route_read(struct orm_route *route, const struct orm_seen *seen, uint64_t least_ns,
		   int64_t timeout_ms, struct orm_routed *ret_routed, struct orm_error *err)
{
	unsigned member[2], n = 0;
	int r;

	if (route->count > 1) {
		n = choose(route, seen, least_ns, member);
		if (!n)
			count(&route->behind);
	}
	if (n) {
		r = lend_replica(route, member, n, timeout_ms, ret_routed, err);
		if (!r)
			count(&route->on_replica);
		if (!r || r == ORM_E_BUSY || r == ORM_E_STATE || r < 0)
			return r;
		count(&route->fallbacks);
	}
	r = orm_route_write(route, timeout_ms, ret_routed, err);
	if (!r)
		count(&route->on_primary);
	return r;
}

void orm_route_took(struct orm_route *route, const struct orm_routed *routed, uint64_t ns)
{
	orm_member_took(&route->member[routed->member], ns);
}

bool orm_route_give_back(struct orm_route *route, struct orm_routed *routed, int class)
{
	struct orm_member *m = &route->member[routed->member];
	uint64_t epoch = atomic_load(&route->epoch);

	atomic_fetch_sub_explicit(&m->reading, 1, memory_order_relaxed);
	orm_pool_release(m->pool, routed->pooled);
	routed->pooled = NULL;
	if (!routed->primary) {
		/* It may have been restored from older data: not read until it is asked again. */
		if (is_lost(class))
			atomic_store_explicit(&m->shows_ns, 0, memory_order_relaxed);
		return false;
	}
	if (class == ORM_E_READ_ONLY || is_lost(class))
		orm_route_survey(route);
	return atomic_load(&route->epoch) != epoch ||
	       atomic_load(&route->primary) != routed->member;
}

/* ---- what a session wrote ---- */

void orm_route_wrote(struct orm_route *route, struct orm_seen *seen)
{
	seen->wrote_ns = orm_now_ns(route->clock);
	seen->lsn = 0;
}

int orm_route_learn(struct orm_route *route, const struct orm_routed *routed, struct orm_seen *seen,
		    struct orm_error *err)
{
	uint64_t epoch = load(&route->epoch);
	struct orm_lsn lsn;
	int r;

	if (!route->source)
		return 0;
	r = route->source->ask(routed->pooled->conn, &lsn, err);
	if (r)
		return r;
	if (!lsn.in_recovery) {
		seen->lsn = lsn.at;
		seen->epoch = epoch;
	}
	return 0;
}

/* ---- what there is ---- */

void orm_route_read_stats(struct orm_route *route, struct orm_route_stats *ret_stats)
{
	uint64_t now = orm_now_ns(route->clock);
	struct orm_route_stats s = {
		.on_primary = load(&route->on_primary),
		.on_replica = load(&route->on_replica),
		.behind = load(&route->behind),
		.fallbacks = load(&route->fallbacks),
		.samples = load(&route->samples),
		.failovers = load(&route->epoch),
	};

	for (unsigned i = 0; i < route->count; i++) {
		uint64_t shows_ns = load(&route->member[i].shows_ns);

		if (!qualifies(route, i, NULL, 0, now))
			continue;
		s.replicas++;
		s.lag_ns = MAX(s.lag_ns, now > shows_ns ? now - shows_ns : 0);
	}
	*ret_stats = s;
}

unsigned orm_route_count(const struct orm_route *route)
{
	return route->count;
}

unsigned orm_route_primary(const struct orm_route *route)
{
	return atomic_load(&route->primary);
}

struct orm_pool *orm_route_pool(struct orm_route *route, unsigned member)
{
	return route->member[member].pool;
}
