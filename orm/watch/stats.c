/* SPDX-License-Identifier: Apache-2.0 */
#include <orm/watch/stats.h>

#define INFO(name, kind, unit, help)                                                               \
	{#name, ORM_STAT_##kind, unit, help, offsetof(struct orm_stats, name)},
const struct orm_stat_info orm_stat_infos[] = {ORM_STATS(INFO)};
const size_t orm_stat_count = ARRAY_LEN(orm_stat_infos);

void orm_stats_add_pool(struct orm_stats *to, struct orm_pool *pool)
{
	struct orm_breaker_stats b;
	struct orm_pool_stats p;

	orm_pool_read(pool, &p);
	orm_breaker_read(orm_pool_breaker(pool), &b);
	to->pool_open += p.open;
	to->pool_idle += p.idle;
	to->pool_used += p.used;
	to->pool_waiting += p.waiting;
	to->pool_target += p.target;
	to->pool_acquired += p.acquired;
	to->pool_waited += p.waited;
	to->pool_waited_ns += p.waited_ns;
	to->pool_timeouts += p.timeouts;
	to->pool_connects += p.connects;
	to->pool_connect_failures += p.connect_failures;
	to->pool_connect_ns += p.connect_ns;
	to->pool_checks += p.checks;
	to->pool_check_failures += p.check_failures;
	to->pool_broken += p.broken;
	to->pool_rolled_back += p.rolled_back;
	to->pool_closed_idle += p.closed_idle;
	to->pool_closed_life += p.closed_life;
	to->pool_server_full += p.server_full;
	to->breaker_open += b.state != ORM_CLOSED;
	to->breaker_opened += b.opened;
	to->breaker_probes += b.probes;
	to->breaker_refused += p.refused;
}

void orm_stats_add_cache(struct orm_stats *to, struct orm_cache *cache)
{
	struct orm_cache_stats c;

	if (!cache)
		return;
	orm_cache_read(cache, &c);
	to->cache_hits += c.hits;
	to->cache_misses += c.misses;
	to->cache_outdated += c.outdated;
	to->cache_expired += c.expired;
	to->cache_stored += c.stored;
	to->cache_raced += c.raced;
	to->cache_evicted += c.evicted;
	to->cache_entries += c.entries;
	to->cache_bytes += c.bytes;
}

void orm_stats_add_route(struct orm_stats *to, struct orm_route *route)
{
	struct orm_route_stats r;

	orm_route_read_stats(route, &r);
	to->route_primary += r.on_primary;
	to->route_replica += r.on_replica;
	to->route_behind += r.behind;
	to->route_fallbacks += r.fallbacks;
	to->route_samples += r.samples;
	to->route_failovers += r.failovers;
	to->route_replicas += r.replicas;
	to->route_lag_ns = MAX(to->route_lag_ns, r.lag_ns);
	for (unsigned i = 0; i < orm_route_count(route); i++)
		orm_stats_add_pool(to, orm_route_pool(route, i));
}
