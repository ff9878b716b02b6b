/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <orm/base/meter.h>

static struct orm_meter meter;
static struct orm_stats stats;

static int begin(void **state)
{
	(void)state;
	memset(&meter, 0, sizeof(meter));
	memset(&stats, 0xff, sizeof(stats));
	return 0;
}

/* Every time lies in one bucket, and the buckets have no gaps. */
static void buckets(void **state)
{
	uint64_t last = 0;

	(void)state;
	for (unsigned i = 0; i < ORM_LATENCY_BUCKETS; i++) {
		uint64_t end = orm_latency_end_ns(i);

		assert_true(end > last);
		if (i && i < ORM_LATENCY_BUCKETS - 1)
			assert_true((end - last) * 8 <= last); /* at most 12.5 % */
		memset(&meter, 0, sizeof(meter));
		orm_meter_took(&meter, ORM_M_READS, last);
		orm_meter_took(&meter, ORM_M_READS, end - 1);
		orm_meter_read(&meter, &stats);
		assert_int_equal(stats.reads.bucket[i], 2);
		assert_int_equal(stats.reads.count, 2);
		last = end;
	}
	assert_true(last == UINT64_MAX);
	assert_true(orm_latency_end_ns(ORM_LATENCY_BUCKETS - 2) == UINT64_C(1) << 36);
}

static void quantiles(void **state)
{
	uint64_t half, slow;

	(void)state;
	orm_meter_read(&meter, &stats);
	assert_int_equal(orm_latency_of(&stats.writes, 500), 0);
	for (uint64_t us = 1; us <= 10000; us++)
		orm_meter_took(&meter, ORM_M_WRITES, us * 1000);
	orm_meter_read(&meter, &stats);
	assert_int_equal(stats.writes.count, 10000);
	assert_true(stats.writes.sum_ns == UINT64_C(10000) * 10001 / 2 * 1000);
	half = orm_latency_of(&stats.writes, 500);
	slow = orm_latency_of(&stats.writes, 990);
	assert_true(half >= 5000000 && half < 5000000 * 9 / 8);
	assert_true(slow >= 9900000 && slow < 9900000ULL * 9 / 8);
	assert_true(orm_latency_of(&stats.writes, 0) <= 1024);
	assert_int_equal(stats.reads.count, 0);
}

static void errors(void **state)
{
	(void)state;
	orm_meter_error(&meter, 0);
	orm_meter_error(&meter, ORM_E_END);
	orm_meter_error(&meter, ORM_E_UNIQUE);
	orm_meter_error(&meter, ORM_E_UNIQUE);
	orm_meter_error(&meter, ORM_E_IO);
	orm_meter_error(&meter, -ENOMEM);
	orm_meter_error(&meter, ORM_CLASS_COUNT);
	orm_meter_read(&meter, &stats);
	for (int i = 0; i < ORM_CLASS_COUNT; i++)
		assert_int_equal(stats.errors[i], i == ORM_E_UNIQUE ? 2 : i == ORM_E_IO);
	assert_int_equal(stats.errors_system, 2);
}

static void *count_much(void *data)
{
	(void)data;
	for (int i = 0; i < 100000; i++) {
		orm_meter_add(&meter, ORM_M_statements, 1);
		orm_meter_add(&meter, ORM_M_rows_read, 3);
	}
	return NULL;
}

static void threads_lose_nothing(void **state)
{
	pthread_t threads[10];

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_much, NULL), 0);
	for (int i = 0; i < 10; i++)
		pthread_join(threads[i], NULL);
	orm_meter_read(&meter, &stats);
	assert_int_equal(stats.statements, 1000000);
	assert_int_equal(stats.rows_read, 3000000);
}

/* The list of names leads to the fields. */
static void infos(void **state)
{
	static struct orm_stats s;

	(void)state;
	s.statements = 11;
	s.cache_bytes = 12;
	assert_true(orm_stat_count > 60);
	for (size_t i = 0; i < orm_stat_count; i++) {
		const struct orm_stat_info *info = &orm_stat_infos[i];
		uint64_t value = *(const uint64_t *)((const char *)&s + info->offset);

		assert_int_equal(value, !strcmp(info->name, "statements")    ? 11
					: !strcmp(info->name, "cache_bytes") ? 12
									     : 0);
		assert_true(strlen(info->help) > 0);
		if (!strcmp(info->name, "pool_open"))
			assert_int_equal(info->kind, ORM_STAT_gauge);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(info->name, orm_stat_infos[j].name);
	}
}

#define CASE(name) cmocka_unit_test_setup(name, begin)
struct teller {
	struct orm_tally tally;
	pthread_t thread;
};

static void *tell(void *data)
{
	struct teller *t = data;

	for (unsigned i = 0; i < 100000; i++) {
		orm_tally_add(&t->tally, ORM_M_statements, 1);
		orm_tally_add(&t->tally, ORM_M_rows_read, 3);
	}
	return NULL;
}

/* Nothing is lost or counted twice while sessions come, count and go; a reader sees no less than
 * before. */
static void tallies(void **state)
{
	struct teller tellers[3] = {0};
	uint64_t last = 0;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(tellers); i++) {
		orm_meter_join(&meter, &tellers[i].tally);
		assert_int_equal(pthread_create(&tellers[i].thread, NULL, tell, &tellers[i]), 0);
	}
	for (unsigned i = 0; i < 100; i++) {
		orm_meter_read(&meter, &stats);
		assert_true(stats.statements >= last);
		last = stats.statements;
	}
	/* From the middle of the list, then its ends. */
	for (unsigned i = 0; i < ARRAY_LEN(tellers); i++) {
		struct teller *t = &tellers[(i + 1) % ARRAY_LEN(tellers)];

		assert_int_equal(pthread_join(t->thread, NULL), 0);
		orm_meter_leave(&t->tally);
	}
	assert_null(meter.tallies);
	orm_meter_read(&meter, &stats);
	assert_int_equal(stats.statements, 300000);
	assert_int_equal(stats.rows_read, 900000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(buckets), CASE(quantiles), CASE(errors), CASE(threads_lose_nothing),
		CASE(tallies), CASE(infos),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
