/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a database. Its parts are thread-safe themselves; nothing here changes after
 * orm_open(). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/orm/guard.h>
#include <strazh/orm/stats.h>

#include <orm/base/fault.h>
#include <orm/run/record.h>
#include <orm/run/session.h>
#include <orm/run/url.h>
#include <orm/watch/stats.h>

#define TEXTS_MAX 65536U
#define TEND_EVERY_NS ORM_NS_PER_S

static unsigned memory_databases; /* each sqlite::memory: is a database of its own */

static int own_address(struct orm *db, const struct orm_url *url)
{
	char name[32];

	db->address = url->address;
	if (url->dialect != ORM_SQLITE || strcmp(url->address, ":memory:") != 0)
		return 0;
	snprintf(name, sizeof(name), ":memory:%u",
		 __atomic_add_fetch(&memory_databases, 1, __ATOMIC_RELAXED));
	db->address = arena_copy(&db->texts, name, strlen(name));
	return db->address ? 0 : -ENOMEM;
}

/* The caller's texts need not outlive orm_open(). */
static int own_options(struct orm *db)
{
#define OWN_num(name)
#define OWN_text(name)                                                                             \
	db->options.name = arena_copy(&db->texts, db->options.name, strlen(db->options.name));     \
	if (!db->options.name)                                                                     \
		return -ENOMEM;
#define OWN(type, name, value, about) OWN_##type(name)
	ORM_OPTIONS(OWN)
#undef OWN
	return 0;
}

/* SQLite: the readers. */
static int make_readers(struct orm *db, struct orm_error *err)
{
	struct orm_pool_config config = {.driver = db->driver,
					 .address = db->address,
					 .options = &db->options,
					 .role = ORM_READER,
					 .clock = &orm_clock_coarse,
					 .meter = db->meter};

	return orm_pool_new(&config, &db->readers, err);
}

/* "URL,URL" of the option, behind the primary's; texts in the arena. */
static unsigned split_replicas(struct orm *db, const char *addresses[ORM_ROUTE_MAX])
{
	const char *at = db->options.replicas;
	unsigned n = 1;

	addresses[0] = db->address;
	for (; *at && n < ORM_ROUTE_MAX; at += *at == ',') {
		size_t len = strcspn(at, ",");

		if (len) {
			addresses[n] = arena_copy(&db->texts, at, len);
			if (!addresses[n])
				return 0;
			n++;
		}
		at += len;
	}
	return *at ? 0 : n;
}

/* PostgreSQL: the primary, and replicas when there are some. */
static int make_route(struct orm *db, struct orm_error *err)
{
	const char *addresses[ORM_ROUTE_MAX];
	struct orm_route_config config = {.driver = db->driver,
					  .options = &db->options,
					  .addresses = addresses,
					  .lsn = &orm_lsn_pg,
					  .clock = &orm_clock_coarse,
					  .meter = db->meter};

	config.count = split_replicas(db, addresses);
	if (!config.count)
		return orm_fail(err, ORM_E_VALUE, "option 'replicas': at most %u URLs",
				ORM_ROUTE_MAX - 1);
	db->replicated = config.count > 1;
	if (db->replicated)
		config.clock = &orm_clock_machine;
	return orm_route_new(&config, &db->route, err);
}

/* One connection now, so that a wrong URL is told at once. */
static int try_once(struct orm *db, struct orm_error *err)
{
	struct orm_routed routed = {0};
	struct orm_conn *conn;
	int r = db->route ? orm_route_write(db->route, -1, &routed, err)
			  : orm_pool_acquire(db->readers, -1, &routed.pooled, err);

	if (r)
		return r;
	conn = routed.pooled->conn;
	snprintf(db->server, sizeof(db->server), "%s", db->driver->server(conn));
	if (db->route)
		orm_route_give_back(db->route, &routed, 0);
	else
		orm_pool_release(db->readers, routed.pooled);
	return 0;
}

static void tend(void *data, uint64_t now_ns)
{
	struct orm *db = data;

	if (db->route)
		orm_route_tend(db->route, now_ns);
	else
		orm_pool_tend(db->readers, now_ns);
	if (db->cache)
		orm_cache_tend(db->cache);
}

static int open_connections(struct orm *db, struct orm_error *err)
{
	int r = 0;

	if (db->driver->dialect == ORM_POSTGRESQL)
		return make_route(db, err);
	/* The writer first: it makes the file that the readers open. */
	if (db->options.read_only != 1)
		r = db->driver->writer_open(db->address, &db->options, db->meter, &db->writer, err);
	return r ? r : make_readers(db, err);
}

static int make_meter(struct orm *db, struct orm_error *err)
{
	db->meter = aligned_alloc(_Alignof(struct orm_meter), sizeof(*db->meter));
	if (!db->meter)
		return orm_fail(err, -ENOMEM, "out of memory");
	memset(db->meter, 0, sizeof(*db->meter));
	return 0;
}

static int open_caches(struct orm *db, struct orm_error *err)
{
	uint64_t ttl_ns = orm_ns_of_ms(db->options.cache_ttl_ms, 0);

	if (shape_cache_new((unsigned)MAX(db->options.shapes, 0), &db->shapes))
		return orm_fail(err, -ENOMEM, "out of memory");
	if (db->options.cache_bytes > 0 && ttl_ns &&
	    orm_cache_new((uint64_t)db->options.cache_bytes, ttl_ns, NULL, &db->cache))
		return orm_fail(err, -ENOMEM, "out of memory for the result cache");
	return *db->options.record ? record_open(db->options.record, &db->record, err) : 0;
}

static int open_parts(struct orm *db, struct orm_error *err)
{
	uint64_t every_ns = TEND_EVERY_NS;
	int r = make_meter(db, err); /* first: each connection counts in it */

	if (!r)
		r = open_connections(db, err);
	if (!r)
		r = open_caches(db, err);
	if (!r)
		r = try_once(db, err);
	if (r)
		return r;
	if (db->route)
		every_ns = MIN(every_ns, orm_route_period_ns(db->route));
	r = orm_keeper_start(&db->keeper, every_ns, tend, db);
	if (r)
		return orm_fail(err, r, "cannot start the housekeeping thread");
	db->kept = true;
	return 0;
}

int orm_open(const char *url, const struct orm_options *options, struct orm **ret_db,
	     struct orm_error *ret_error)
{
	struct orm_error error;
	struct orm_error *err = ret_error ? ret_error : &error;
	struct orm_url parsed;
	struct orm *db = calloc(1, sizeof(*db));
	int r;

	if (!db)
		return orm_fail(err, -ENOMEM, "out of memory");
	arena_init(&db->texts, TEXTS_MAX);
	if (orm_slow_init(&db->slow, 0, NULL)) {
		arena_deinit(&db->texts);
		free(db);
		return orm_fail(err, -ENOMEM, "out of memory");
	}
	r = orm_url_parse(url, options, &db->texts, &parsed, err);
	if (!r) {
		db->driver = parsed.dialect == ORM_SQLITE ? &orm_driver_sqlite : &orm_driver_pg;
		db->options = parsed.options;
		orm_slow_threshold(&db->slow, parsed.options.slow_ms);
		r = own_address(db, &parsed) || own_options(db)
			    ? orm_fail(err, -ENOMEM, "out of memory")
			    : open_parts(db, err);
	}
	if (r) {
		orm_close(db);
		return r;
	}
	*ret_db = db;
	return 0;
}

int orm_url_check(const char *url, struct orm_error *ret_error)
{
	struct orm_error error;
	struct orm_url parsed;
	struct arena texts;
	int r;

	arena_init(&texts, TEXTS_MAX);
	r = orm_url_parse(url, NULL, &texts, &parsed, ret_error ? ret_error : &error);
	arena_deinit(&texts);
	return r;
}

void orm_close(struct orm *db)
{
	if (!db)
		return;
	if (db->kept)
		orm_keeper_stop(&db->keeper);
	orm_route_free(db->route);
	orm_pool_free(db->readers);
	if (db->writer)
		db->driver->writer_close(db->writer);
	orm_cache_free(db->cache);
	orm_slow_deinit(&db->slow);
	shape_cache_free(db->shapes);
	free(db->meter);
	record_close(db->record);
	arena_deinit(&db->texts);
	free(db);
}

void orm_use_guard(struct orm *db, struct orm_guard *guard)
{
	db->guard = guard;
}

void orm_on_slow(struct orm *db, orm_slow_fn fn, void *data, unsigned per_second)
{
	orm_slow_set(&db->slow, fn, data, per_second);
}

void orm_stats_read(const struct orm *db, struct orm_stats *ret_stats)
{
	struct orm_guard_counters guard;
	struct shape_stats shapes;
	struct orm_stats stats = {0};

	orm_meter_read(db->meter, &stats);
	if (db->route)
		orm_stats_add_route(&stats, db->route);
	else
		orm_stats_add_pool(&stats, db->readers);
	if (db->cache)
		orm_stats_add_cache(&stats, db->cache);
	shape_read(db->shapes, &shapes);
	stats.shape_hits += shapes.hits;
	stats.shape_misses = shapes.misses;
	if (db->guard) {
		orm_guard_counters(db->guard, &guard);
		stats.guard_values = guard.values;
		stats.guard_reports = guard.injections;
		stats.guard_refusals = guard.fragments_refused;
		stats.guard_floods = guard.floods;
	}
	*ret_stats = stats;
}

enum orm_dialect orm_dialect(const struct orm *db)
{
	return db->driver->dialect;
}

const char *orm_server(const struct orm *db)
{
	return db->server;
}
