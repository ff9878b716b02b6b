/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a database. Its parts are thread-safe themselves; nothing here changes after
 * orm_open(). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/orm/guard.h>
#include <strazh/orm/stats.h>

#include <orm/fault.h>
#include <orm/record.h>
#include <orm/session.h>
#include <orm/stats.h>
#include <orm/url.h>

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

static int make_pool(struct orm *db, enum orm_role role, struct orm_pool **ret_pool,
		     struct orm_error *err)
{
	struct orm_pool_config config = {.driver = db->driver,
					 .address = db->address,
					 .options = &db->options,
					 .role = role,
					 .clock = &orm_clock_coarse};

	return orm_pool_new(&config, ret_pool, err);
}

/* One connection now, so that a wrong URL is told at once. */
static int try_once(struct orm *db, struct orm_error *err)
{
	struct orm_pooled *pooled;
	int r = orm_pool_acquire(db->readers, -1, &pooled, err);

	if (r)
		return r;
	snprintf(db->server, sizeof(db->server), "%s", db->driver->server(pooled->conn));
	orm_pool_release(db->readers, pooled);
	return 0;
}

static void tend(void *data, uint64_t now_ns)
{
	struct orm *db = data;

	orm_pool_tend(db->readers, now_ns);
}

static int open_parts(struct orm *db, struct orm_error *err)
{
	bool sqlite = db->driver->dialect == ORM_SQLITE;
	int r;

	/* The writer first: it makes the file that the readers open. */
	if (sqlite && db->options.read_only != 1) {
		r = db->driver->writer_open(db->address, &db->options, &db->writer, err);
		if (r)
			return r;
	}
	r = make_pool(db, sqlite ? ORM_READER : ORM_WRITER, &db->readers, err);
	if (r)
		return r;
	db->writers = sqlite ? NULL : db->readers;
	if (shape_cache_new((unsigned)MAX(db->options.shapes, 0), &db->shapes))
		return orm_fail(err, -ENOMEM, "out of memory");
	db->meter = aligned_alloc(_Alignof(struct orm_meter), sizeof(*db->meter));
	if (!db->meter)
		return orm_fail(err, -ENOMEM, "out of memory");
	memset(db->meter, 0, sizeof(*db->meter));
	r = *db->options.record ? record_open(db->options.record, &db->record, err) : 0;
	if (r)
		return r;
	r = try_once(db, err);
	if (r)
		return r;
	r = orm_keeper_start(&db->keeper, TEND_EVERY_NS, tend, db);
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
	r = orm_url_parse(url, options, &db->texts, &parsed, err);
	if (!r) {
		db->driver = parsed.dialect == ORM_SQLITE ? &orm_driver_sqlite : &orm_driver_pg;
		db->options = parsed.options;
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

void orm_close(struct orm *db)
{
	if (!db)
		return;
	if (db->kept)
		orm_keeper_stop(&db->keeper);
	orm_pool_free(db->readers);
	if (db->writer)
		db->driver->writer_close(db->writer);
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

void orm_stats_read(const struct orm *db, struct orm_stats *ret_stats)
{
	struct orm_guard_counters guard;
	struct shape_stats shapes;
	struct orm_stats stats = {0};

	orm_meter_read(db->meter, &stats);
	orm_stats_add_pool(&stats, db->readers);
	shape_read(db->shapes, &shapes);
	stats.shape_hits += shapes.hits;
	stats.shape_misses = shapes.misses;
	if (db->guard) {
		orm_guard_counters(db->guard, &guard);
		stats.guard_values = guard.values;
		stats.guard_reports = guard.injections;
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
