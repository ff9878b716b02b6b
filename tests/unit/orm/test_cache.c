/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include <orm/cache/cache.h>

#include "fake.h"

static struct orm_cache *cache;
static const char *const both[] = {"a", "b"};
static const char *const just_a[] = {"a"};
static const char *const just_b[] = {"b"};

static int begin(void **state)
{
	(void)state;
	fake_reset();
	return orm_cache_new(1 << 20, 1000 * ORM_NS_PER_MS, &fake_clock, &cache);
}

static int end(void **state)
{
	(void)state;
	orm_cache_free(cache);
	return 0;
}

static const char *name_of(void *data, unsigned column)
{
	(void)data, (void)column;
	return "n";
}

/* One row, one column. */
static struct orm_rowset rows_of(struct orm_value value)
{
	struct orm_rowset rows;

	orm_rowset_init(&rows, 1 << 20);
	assert_int_equal(orm_rowset_columns(&rows, 1, name_of, NULL), 0);
	assert_int_equal(orm_rowset_add(&rows, &value), 0);
	return rows;
}

static struct orm_stmt stmt_of(uint64_t id, uint16_t params)
{
	return (struct orm_stmt){.sql = "SELECT", .id = id, .params = params};
}

static void key_of(uint64_t id, int64_t value, struct orm_cache_key *key)
{
	struct orm_stmt stmt = stmt_of(id, 1);
	struct orm_value v = orm_value_i64(value);

	assert_int_equal(orm_cache_key(cache, ORM_SQLITE, &stmt, &v, key), 0);
}

/* The number kept under (id, value), or -1. */
static int64_t look(uint64_t id, int64_t value)
{
	struct orm_cache_key key;
	struct orm_cached *hit;
	int64_t found = -1;

	key_of(id, value, &key);
	hit = orm_cache_find(cache, &key);
	if (hit) {
		assert_int_equal(hit->rows.rows, 1);
		found = hit->rows.values[0].i;
	}
	orm_cached_drop(hit);
	orm_cache_key_deinit(&key);
	return found;
}

static void put_read(uint64_t id, int64_t value, const struct orm_cache_reading *reading,
		     int64_t number)
{
	struct orm_rowset rows = rows_of(orm_value_i64(number));
	struct orm_cache_key key;
	struct orm_cached *kept;

	key_of(id, value, &key);
	assert_int_equal(orm_cache_put(cache, &key, reading, &rows, &kept), 0);
	assert_int_equal(kept->rows.values[0].i, number);
	orm_cached_drop(kept);
	orm_rowset_deinit(&rows);
	orm_cache_key_deinit(&key);
}

static void put(uint64_t id, int64_t value, const char *const *tables, size_t n, int64_t number)
{
	struct orm_cache_reading reading;

	orm_cache_begin(cache, tables, n, &reading);
	put_read(id, value, &reading, number);
}

static struct orm_cache_stats stats(void)
{
	struct orm_cache_stats s;

	orm_cache_read(cache, &s);
	return s;
}

static void found_until_written(void **state)
{
	(void)state;
	assert_int_equal(look(1, 5), -1);
	put(1, 5, both, 2, 100);
	put(1, 6, just_b, 1, 101);
	assert_int_equal(look(1, 5), 100);
	assert_int_equal(look(1, 6), 101);
	assert_int_equal(look(2, 5), -1);
	orm_cache_wrote(cache, (const char *const[]){"c"}, 1);
	assert_int_equal(look(1, 5), 100);
	orm_cache_wrote(cache, (const char *const[]){"A"}, 1); /* case aside */
	assert_int_equal(look(1, 5), -1);
	assert_int_equal(look(1, 6), 101);
	orm_cache_wrote(cache, NULL, 0); /* who knows what */
	assert_int_equal(look(1, 6), -1);
	assert_int_equal(stats().outdated, 2);
	assert_int_equal(stats().hits, 4);
	assert_int_equal(stats().misses, 4);
	assert_int_equal(stats().entries, 0);
	assert_int_equal(stats().bytes, 0);
}

static void written_while_read(void **state)
{
	struct orm_cache_reading reading;

	(void)state;
	orm_cache_begin(cache, both, 2, &reading);
	orm_cache_wrote(cache, just_b, 1);
	put_read(1, 1, &reading, 7); /* given to its reader, and not kept */
	assert_int_equal(look(1, 1), -1);
	assert_int_equal(stats().raced, 1);
	orm_cache_begin(cache, both, 2, &reading);
	assert_int_equal(reading.wrote_ns, fake_now);
	fake_pass_ms(1);
	orm_cache_wrote(cache, just_a, 1);
	orm_cache_begin(cache, just_b, 1, &reading);
	assert_int_equal(reading.wrote_ns, fake_now - ORM_NS_PER_MS);
	orm_cache_begin(cache, both, 2, &reading);
	assert_int_equal(reading.wrote_ns, fake_now);
}

static void age(void **state)
{
	(void)state;
	put(1, 1, just_a, 1, 1);
	put(1, 2, just_a, 1, 2);
	fake_pass_ms(999);
	assert_int_equal(look(1, 1), 1);
	fake_pass_ms(1);
	assert_int_equal(look(1, 1), -1);
	assert_int_equal(stats().expired, 1);
	assert_int_equal(stats().entries, 1);
	orm_cache_tend(cache);
	assert_int_equal(stats().entries, 0);
	put(1, 1, just_a, 1, 3); /* age is of the reading, not of its last use */
	fake_pass_ms(600);
	assert_int_equal(look(1, 1), 3);
	fake_pass_ms(600);
	assert_int_equal(look(1, 1), -1);
}

static void bytes_are_capped(void **state)
{
	(void)state;
	for (int64_t i = 0; i < 20000; i++) {
		put(1, i, just_a, 1, i);
		if (i % 100 == 0)
			assert_true(stats().bytes <= 1 << 20);
		assert_int_equal(look(1, 0), 0); /* used all the time: never the oldest */
	}
	assert_true(stats().bytes <= 1 << 20 && stats().bytes > 1 << 19);
	assert_int_equal(stats().entries + stats().evicted, 20000);
	assert_int_equal(look(1, 19999), 19999);
	assert_int_equal(look(1, 1), -1);
}

static void too_big_or_unknown(void **state)
{
	static char text[100000];
	struct orm_value value = orm_value_text_len(text, sizeof(text));
	struct orm_rowset rows = rows_of(value);
	struct orm_stmt stmt = stmt_of(1, 1);
	struct orm_cache_reading reading;
	struct orm_cache_key key;
	struct orm_cached *kept;

	(void)state;
	orm_cache_begin(cache, just_a, 1, &reading);
	key_of(1, 1, &key);
	assert_int_equal(orm_cache_put(cache, &key, &reading, &rows, &kept), 0);
	assert_int_equal(rows.rows, 0);
	orm_rowset_deinit(&rows);
	assert_int_equal(kept->rows.values[0].len, sizeof(text));
	orm_cached_drop(kept);
	assert_int_equal(look(1, 1), -1);
	assert_int_equal(orm_cache_key(cache, ORM_SQLITE, &stmt, &value, &key), ORM_E_TOO_BIG);
	value = (struct orm_value){.kind = ORM_K_I64S, .p = text, .len = SIZE_MAX / 4};
	assert_int_equal(orm_cache_key(cache, ORM_SQLITE, &stmt, &value, &key), ORM_E_TOO_BIG);
	put(1, 1, NULL, 0, 1); /* of unknown tables */
	put(1, 2, both, ORM_CACHE_TABLES_MAX + 1, 1);
	assert_int_equal(stats().entries, 0);
}

/* Every list of values has a key of its own; the same list has the same. */
static void keys_differ(void **state)
{
	static const char *const ab_c[] = {"ab", "c"}, *const a_bc[] = {"a", "bc"},
				 *const abc[] = {"abc"};
	static const int64_t one_two[] = {1, 2};
	static const double zero[] = {0.0}, minus_zero[] = {-0.0};
	struct orm_value all[][2] = {
		{orm_value_null(), orm_value_null()},
		{orm_value_i64(0), orm_value_null()},
		{orm_value_null(), orm_value_i64(0)},
		{orm_value_f64(0), orm_value_null()},
		{orm_value_f64(-0.0), orm_value_null()},
		{orm_value_bool(false), orm_value_null()},
		{orm_value_bool(true), orm_value_null()},
		{orm_value_i64(1), orm_value_null()},
		{orm_value_text(""), orm_value_null()},
		{orm_value_text("ab"), orm_value_text("c")},
		{orm_value_text("a"), orm_value_text("bc")},
		{orm_value_text("abc"), orm_value_text("")},
		{orm_value_bytes((struct orm_bytes){"ab", 2}), orm_value_text("c")},
		{orm_value_texts((struct orm_strs){ab_c, 2}), orm_value_null()},
		{orm_value_texts((struct orm_strs){a_bc, 2}), orm_value_null()},
		{orm_value_texts((struct orm_strs){abc, 1}), orm_value_null()},
		{orm_value_i64s((struct orm_i64s){one_two, 2}), orm_value_null()},
		{orm_value_i64s((struct orm_i64s){one_two, 1}), orm_value_null()},
		{orm_value_f64s((struct orm_f64s){zero, 1}), orm_value_null()},
		{orm_value_f64s((struct orm_f64s){minus_zero, 1}), orm_value_null()},
		{{.kind = ORM_K_TEXT, .type = ORM_T_JSON, .p = "", .len = 0}, orm_value_null()},
	};
	struct orm_cache_key keys[ARRAY_LEN(all)], again;
	struct orm_stmt stmt = stmt_of(1, 2);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		assert_int_equal(orm_cache_key(cache, ORM_SQLITE, &stmt, all[i], &keys[i]), 0);
		for (size_t j = 0; j < i; j++) {
			assert_false(keys[i].len == keys[j].len &&
				     !memcmp(keys[i].data, keys[j].data, keys[i].len));
			assert_true(keys[i].hash != keys[j].hash);
		}
		assert_int_equal(orm_cache_key(cache, ORM_SQLITE, &stmt, all[i], &again), 0);
		assert_true(again.hash == keys[i].hash);
		assert_int_equal(again.len, keys[i].len);
		assert_memory_equal(again.data, keys[i].data, again.len);
		assert_int_equal(orm_cache_key(cache, ORM_POSTGRESQL, &stmt, all[i], &again), 0);
		assert_true(again.hash != keys[i].hash);
	}
}

/* The same hash is not enough. */
static void compared_in_full(void **state)
{
	struct orm_cache_key key;

	(void)state;
	put(1, 5, just_a, 1, 100);
	key_of(1, 5, &key);
	key.data[9 + 2] ^= 1; /* another value under the same hash */
	assert_null(orm_cache_find(cache, &key));
	key.data[9 + 2] ^= 1;
	key.len--;
	assert_null(orm_cache_find(cache, &key));
	assert_int_equal(look(1, 5), 100);
}

static void results_outlive_the_cache(void **state)
{
	struct orm_cache_key key;
	struct orm_cached *hit;

	(void)state;
	put(1, 5, just_a, 1, 100);
	key_of(1, 5, &key);
	hit = orm_cache_find(cache, &key);
	assert_non_null(hit);
	orm_cache_wrote(cache, just_a, 1);
	assert_int_equal(look(1, 5), -1);
	orm_cache_free(cache);
	cache = NULL;
	assert_int_equal(hit->rows.values[0].i, 100);
	orm_cached_drop(hit);
}

/*
 * Four rows of two tables, two writers, six readers. What was written is acknowledged after
 * wrote(); from then on no reader may be given less, from the cache or from the database.
 */
enum { ROWS = 4, WRITES = 20000 };
static _Atomic(int64_t) stored[ROWS], acknowledged[ROWS];
static atomic_bool done;
static atomic_uint outdated_seen, found_kept;

static void *write_much(void *data)
{
	unsigned me = (unsigned)(uintptr_t)data;

	for (int64_t i = 1; i <= WRITES; i++) {
		unsigned row = me * 2 + (unsigned)i % 2;

		atomic_store(&stored[row], i);
		orm_cache_wrote(cache, me ? just_b : just_a, 1);
		atomic_store(&acknowledged[row], i);
		if (i % 16 == 0)
			usleep(50);
	}
	return NULL;
}

static void read_one(unsigned row, struct orm_cache_key *key)
{
	int64_t least = atomic_load(&acknowledged[row]), value;
	struct orm_cached *hit = orm_cache_find(cache, key);
	struct orm_cache_reading reading;

	if (hit) {
		found_kept++;
	} else {
		struct orm_rowset rows;

		orm_cache_begin(cache, row < 2 ? just_a : just_b, 1, &reading);
		value = atomic_load(&stored[row]);
		rows = rows_of(orm_value_i64(value));
		if (orm_cache_put(cache, key, &reading, &rows, &hit))
			abort();
		orm_rowset_deinit(&rows);
	}
	if (hit->rows.values[0].i < least)
		outdated_seen++;
	orm_cached_drop(hit);
}

static void *read_much(void *data)
{
	struct orm_cache_key keys[ROWS];

	(void)data;
	for (unsigned i = 0; i < ROWS; i++)
		key_of(9, i, &keys[i]);
	for (unsigned i = 0; !done; i++)
		read_one(i % ROWS, &keys[i % ROWS]);
	return NULL;
}

static void never_less_than_acknowledged(void **state)
{
	pthread_t writers[2], readers[6];

	(void)state;
	for (int i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_much, NULL), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&writers[i], NULL, write_much, (void *)(intptr_t)i),
				 0);
	for (int i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
	done = true;
	for (int i = 0; i < 6; i++)
		pthread_join(readers[i], NULL);
	print_message("# %u of the results were from the cache, %u raced\n", found_kept,
		      (unsigned)stats().raced);
	assert_int_equal(outdated_seen, 0);
	assert_true(found_kept > 1000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(found_until_written),
		CASE(written_while_read),
		CASE(age),
		CASE(bytes_are_capped),
		CASE(too_big_or_unknown),
		CASE(keys_differ),
		CASE(compared_in_full),
		CASE(results_outlive_the_cache),
		CASE(never_less_than_acknowledged),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
