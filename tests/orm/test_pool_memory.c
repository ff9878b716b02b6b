/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Pool, route and cache with the n-th allocation failing, for all n. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <orm/cache/cache.h>
#include <orm/pool/route.h>

#include <tests/orm/kit/failalloc.h>
#include <tests/unit/orm/fake.h>

static struct orm_options options = {
	.pool_min = 2,
	.pool_max = 3,
	.acquire_timeout_ms = 0,
	.idle_timeout_ms = 1000,
	.life_timeout_ms = -1,
	.breaker_failures = 100,
	.breaker_open_ms = 1000,
};

static int ask_nothing(struct orm_conn *conn, struct orm_lsn *ret_lsn, struct orm_error *err)
{
	(void)err;
	*ret_lsn = (struct orm_lsn){
		.in_recovery = fake_of(conn)->server != fake_servers, .timeline = 1, .at = 1};
	return 0;
}
static const struct orm_lsn_source source = {ask_nothing};

static int use_route(void *data)
{
	static const char *const addresses[] = {"fake:0", "fake:1"};
	const struct orm_route_config config = {.driver = &fake_driver,
						.options = &options,
						.addresses = addresses,
						.count = 2,
						.lsn = &source,
						.clock = &fake_clock,
						.seed = 1};
	struct orm_route *route;
	struct orm_routed routed;
	struct orm_error err;
	int r;

	(void)data;
	fake_reset();
	r = orm_route_new(&config, &route, &err);
	if (r)
		return r;
	orm_route_tend(route, fake_now);
	r = orm_route_read(route, NULL, 0, -1, &routed, &err);
	if (!r)
		orm_route_give_back(route, &routed, 0);
	orm_route_free(route);
	/* Whatever failed, nothing stays. */
	return fake_servers[0].live || fake_servers[1].live ? -EIO : r;
}

static const char *name_of(void *data, unsigned column)
{
	(void)data, (void)column;
	return "n";
}

static int put_and_find(struct orm_cache *cache, struct orm_rowset *rows)
{
	static char text[1000];
	const struct orm_stmt stmt = {.sql = "SELECT", .id = 1, .params = 1};
	const struct orm_value value = orm_value_text_len(text, sizeof(text));
	struct orm_cache_reading reading;
	struct orm_cache_key key;
	struct orm_cached *kept;
	int r = orm_rowset_columns(rows, 1, name_of, NULL);

	if (!r)
		r = orm_rowset_add(rows, &value);
	if (!r)
		r = orm_cache_key(cache, ORM_SQLITE, &stmt, &value, &key);
	if (r)
		return r;
	orm_cache_begin(cache, (const char *const[]){"t"}, 1, &reading);
	r = orm_cache_put(cache, &key, &reading, rows, &kept);
	if (!r) {
		orm_cached_drop(kept);
		kept = orm_cache_find(cache, &key);
		r = kept ? 0 : -EIO;
		orm_cached_drop(kept);
	}
	orm_cache_key_deinit(&key);
	return r;
}

static int use_cache(void *data)
{
	struct orm_cache *cache;
	struct orm_rowset rows;
	int r = orm_cache_new(1 << 20, ORM_NS_PER_S, &fake_clock, &cache);

	(void)data;
	if (r)
		return r;
	orm_rowset_init(&rows, 1 << 20);
	r = put_and_find(cache, &rows);
	orm_rowset_deinit(&rows);
	orm_cache_free(cache);
	return r;
}

static void route(void **state)
{
	(void)state;
	assert_in_range(failalloc_each(use_route, NULL), 8, 100);
}

static void cache(void **state)
{
	(void)state;
	assert_in_range(failalloc_each(use_cache, NULL), 10, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(route),
		cmocka_unit_test(cache),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
