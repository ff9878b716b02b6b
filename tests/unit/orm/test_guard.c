/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The guard of a program: options, values counted and reported, rates of clients on a fake clock.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/guard.h>

#define MS 1000000LL

struct world {
	int64_t now_ns;
	unsigned reports;
	struct orm_guard_report last;
	struct orm_guard_finding finding;
	char why[160];
};

static int64_t now(void *data)
{
	const struct world *w = data;

	return w->now_ns;
}

static void hear(void *data, const struct orm_guard_report *report)
{
	struct world *w = data;

	w->reports++;
	w->last = *report;
	if (report->finding)
		w->finding = *report->finding;
	snprintf(w->why, sizeof(w->why), "%s", report->why);
}

static struct orm_guard *guard_of(struct world *w, struct orm_guard_options options)
{
	struct orm_guard *g;

	options.report = hear;
	options.data = w;
	options.now_ns = now;
	g = orm_guard_new(&options);
	assert_non_null(g);
	return g;
}

static void options(void **state)
{
	static const struct orm_guard_options wrong[] = {
		{.contexts = 8},       {.threshold = 1.5F}, {.threshold = -1},
		{.clients = 2U << 20}, {.queries = -2},	    {.rows = 2000000000},
		{.shapes = 257},       {.burst_ms = -1},    {.repeat_ms = 86400001},
	};
	struct orm_guard *g;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		errno = 0;
		assert_null(orm_guard_new(&wrong[i]));
		assert_int_equal(errno, EINVAL);
	}
	g = orm_guard_new(NULL);
	assert_non_null(g);
	assert_true(orm_guard_value(g, 1, "' OR 1=1--", 10, NULL)); /* nobody listens */
	orm_guard_free(g);
	orm_guard_free(NULL);
	assert_string_equal(orm_guard_signal_name(ORM_SIGNAL_FLOOD), "ORMQueryFlood");
	assert_string_equal(orm_guard_signal_name(ORM_SIGNAL_INJECTION), "SQLInjectionAttempt");
}

static void values(void **state)
{
	struct world w = {0};
	struct orm_guard *g = guard_of(&w, (struct orm_guard_options){0});
	struct orm_guard_counters c;
	struct orm_guard_finding f;

	(void)state;
	assert_false(orm_guard_value(g, 5, "O'Brien", 7, &f));
	assert_int_equal(w.reports, 0);
	assert_true(orm_guard_value(g, 5, "x' OR 1=1--", 11, &f));
	assert_int_equal(w.reports, 1);
	assert_int_equal(w.last.signal, ORM_SIGNAL_INJECTION);
	assert_int_equal(w.last.client, 5);
	assert_int_equal(w.last.len, 11);
	assert_int_equal(w.finding.class, ORM_GUARD_TAUTOLOGY);
	assert_string_equal(w.why, f.reason);
	orm_guard_counters(g, &c);
	assert_int_equal(c.values, 2);
	assert_int_equal(c.value_bytes, 18);
	assert_int_equal(c.injections, 1);
	assert_int_equal(c.classes[ORM_GUARD_TAUTOLOGY], 1);
	orm_guard_free(g);
}

static void only_asked_contexts(void **state)
{
	struct world w = {0};
	struct orm_guard *g = guard_of(
		&w, (struct orm_guard_options){.contexts = 1U << ORM_GUARD_DOUBLE});

	(void)state;
	assert_false(orm_guard_value(g, 5, "x' OR 1=1--", 11, NULL));
	assert_true(orm_guard_value(g, 5, "x\" OR 1=1--", 11, NULL));
	orm_guard_free(g);
}

static unsigned query(struct orm_guard *g, uint64_t client)
{
	return orm_guard_count(g, client, &(struct orm_guard_use){.queries = 1});
}

/* 10 a second and a burst of 2 s: twenty at once are free, then ten a second. */
static void queries(void **state)
{
	struct world w = {.now_ns = 5000 * MS};
	struct orm_guard *g = guard_of(&w, (struct orm_guard_options){.queries = 10});
	struct orm_guard_counters c;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(query(g, 1), 0);
	assert_int_equal(query(g, 1), 1U << ORM_RATE_queries);
	assert_int_equal(w.reports, 1);
	assert_int_equal(w.last.signal, ORM_SIGNAL_FLOOD);
	assert_int_equal(w.last.rates, 1U << ORM_RATE_queries);
	assert_string_equal(w.why, "above its rate of queries a second");
	assert_int_equal(query(g, 2), 0); /* nobody else suffers */
	assert_int_equal(query(g, 0), 0); /* nobody at all */
	/* Told once in repeat_ms, although it goes on. */
	for (unsigned i = 0; i < 5; i++)
		assert_int_not_equal(query(g, 1), 0);
	assert_int_equal(w.reports, 1);
	w.now_ns += 999 * MS;
	for (unsigned i = 0; i < 30; i++)
		query(g, 1);
	assert_int_equal(w.reports, 1);
	w.now_ns += MS;
	assert_int_not_equal(query(g, 1), 0);
	assert_int_equal(w.reports, 2);
	/* Forgiven after two bursts, whatever it did. */
	orm_guard_count(g, 1, &(struct orm_guard_use){.queries = UINT32_MAX});
	w.now_ns += 4000 * MS;
	assert_int_equal(query(g, 1), 0);
	orm_guard_counters(g, &c);
	assert_int_equal(c.floods, 2);
	assert_int_equal(c.counted, 21 + 1 + 5 + 30 + 1 + 1 + 1);
	orm_guard_free(g);
}

/* At exactly the rate nobody is ever above it. */
static void steady(void **state)
{
	struct world w = {.now_ns = 1};
	struct orm_guard *g = guard_of(&w, (struct orm_guard_options){.queries = 1000});

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		assert_int_equal(query(g, 9), 0);
		w.now_ns += MS;
	}
	assert_int_equal(w.reports, 0);
	orm_guard_free(g);
}

static void errors_and_rows(void **state)
{
	struct world w = {.now_ns = 5000 * MS};
	struct orm_guard *g = guard_of(
		&w, (struct orm_guard_options){.queries = -1, .errors = 1, .rows = 1000});

	(void)state;
	assert_int_equal(orm_guard_count(g, 1, &(struct orm_guard_use){.queries = 1000000}), 0);
	assert_int_equal(orm_guard_count(g, 1, &(struct orm_guard_use){.rows = 2000}), 0);
	assert_int_equal(orm_guard_count(g, 1, &(struct orm_guard_use){.rows = UINT64_MAX}),
			 1U << ORM_RATE_rows);
	assert_int_equal(orm_guard_count(g, 2, &(struct orm_guard_use){.errors = 2}), 0);
	assert_int_equal(orm_guard_count(g, 2, &(struct orm_guard_use){.errors = 1, .rows = 9000}),
			 1U << ORM_RATE_errors | 1U << ORM_RATE_rows);
	assert_string_equal(w.why, "above its rate of errors a second, rows a second");
	orm_guard_free(g);
}

/* The same shape again is free within its second. */
static void shapes(void **state)
{
	struct world w = {.now_ns = 5000 * MS};
	struct orm_guard *g = guard_of(
		&w, (struct orm_guard_options){.queries = -1, .shapes = 10, .burst_ms = 1000});
	unsigned over = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		over |= orm_guard_count(g, 1, &(struct orm_guard_use){.shape = 1 + i % 5});
	assert_int_equal(over, 0);
	for (unsigned i = 0; i < 60; i++)
		over |= orm_guard_count(g, 2, &(struct orm_guard_use){.shape = 100 + i});
	assert_int_equal(over, 1U << ORM_RATE_shapes);
	/* Five distinct ones each second are below ten a second. */
	over = 0;
	for (unsigned i = 0; i < 100; i++) {
		over |= orm_guard_count(g, 3, &(struct orm_guard_use){.shape = i});
		w.now_ns += 200 * MS;
	}
	assert_int_equal(over, 0);
	orm_guard_free(g);
}

/* The table keeps the clients that were counted last. */
static void eviction(void **state)
{
	struct world w = {.now_ns = 5000 * MS};
	struct orm_guard *g = guard_of(
		&w, (struct orm_guard_options){.queries = 1, .burst_ms = 1000, .clients = 3});
	struct orm_guard_counters c;

	(void)state;
	query(g, 1);
	assert_int_not_equal(query(g, 1), 0);
	query(g, 2);
	query(g, 3);
	assert_int_not_equal(query(g, 1), 0); /* still known, and the newest now */
	query(g, 4);			      /* 2 leaves */
	assert_int_not_equal(query(g, 1), 0);
	assert_int_not_equal(query(g, 3), 0);
	assert_int_equal(query(g, 2), 0); /* forgotten; 4 leaves */
	orm_guard_counters(g, &c);
	assert_int_equal(c.clients_evicted, 2);
	for (uint64_t i = 10; i < 5000; i++)
		assert_int_equal(query(g, i), 0);
	orm_guard_counters(g, &c);
	assert_int_equal(c.clients_evicted, 2 + 4990);
	orm_guard_free(g);
}

struct crowd {
	struct orm_guard *g;
	unsigned seed;
};

static void *be_many(void *data)
{
	const struct crowd *crowd = data;

	for (unsigned i = 0; i < 20000; i++) {
		uint64_t client = 1 + (i * 7 + crowd->seed) % 900;

		orm_guard_count(crowd->g, client,
				&(struct orm_guard_use){.queries = 1, .shape = i, .rows = 10});
		orm_guard_value(crowd->g, client, i % 100 ? "O'Brien" : "' OR 1=1--",
				i % 100 ? 7 : 10, NULL);
	}
	return NULL;
}

static void threads(void **state)
{
	struct orm_guard *g = orm_guard_new(&(struct orm_guard_options){.clients = 500});
	struct orm_guard_counters c;
	pthread_t thread[4];
	struct crowd crowd[4];

	(void)state;
	assert_non_null(g);
	for (unsigned i = 0; i < 4; i++) {
		crowd[i] = (struct crowd){g, i};
		assert_int_equal(pthread_create(&thread[i], NULL, be_many, &crowd[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	orm_guard_counters(g, &c);
	assert_int_equal(c.counted, 80000);
	assert_int_equal(c.values, 80000);
	assert_int_equal(c.injections, 800);
	orm_guard_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options),
		cmocka_unit_test(values),
		cmocka_unit_test(only_asked_contexts),
		cmocka_unit_test(queries),
		cmocka_unit_test(steady),
		cmocka_unit_test(errors_and_rows),
		cmocka_unit_test(shapes),
		cmocka_unit_test(eviction),
		cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
