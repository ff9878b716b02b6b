/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The cache of shapes: same words, same statement; bounded; safe for many threads. */
#include <pthread.h>

#include <orm/render/shape.h>

#include "render_kit.h"

enum { THREADS = 4, ROUNDS = 4000, SHAPES = 48, KEPT = 16 };

/* The shape is in `shape` alone; the value is not part of it. */
static struct orm_query *query(struct orm_session *s, unsigned shape, int64_t value)
{
	struct orm_query *q = orm_select(s, T(usr));

	orm_columns(q, C(usr, id));
	for (unsigned i = 0; i <= shape; i++)
		orm_where(q, orm_gt(C(usr, id), value + (int64_t)i));
	return q;
}

static struct orm_shape *get(struct shape_cache *cache, struct orm_query *q,
			     enum orm_dialect dialect)
{
	struct orm_shape *shape = NULL;
	char fault[192];

	assert_int_equal(shape_get(cache, q, dialect, &shape, fault), 0);
	orm_query_free(q);
	return shape;
}

static struct shape_cache *new_cache(unsigned max)
{
	struct shape_cache *cache = NULL;

	assert_int_equal(shape_cache_new(max, &cache), 0);
	return cache;
}

static void same_words_are_one_shape(void **state)
{
	struct shape_cache *cache = new_cache(8);
	struct orm_shape *a = get(cache, query(S, 0, 1), ORM_SQLITE);
	struct orm_shape *b = get(cache, query(S, 0, 77), ORM_SQLITE);
	struct orm_shape *c = get(cache, query(S, 1, 1), ORM_SQLITE);
	struct shape_stats stats;

	(void)state;
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	assert_int_not_equal(a->stmt.id, c->stmt.id);
	assert_string_equal(a->stmt.sql, "SELECT \"usr\".\"id\" FROM \"usr\" WHERE "
					 "(\"usr\".\"id\" > ?1)");
	assert_int_equal(a->stmt.sql_len, strlen(a->stmt.sql));
	assert_int_equal(a->n_tables, 1);
	assert_ptr_equal(a->tables[0], T(usr));
	assert_string_equal(a->names[0], "id");
	shape_read(cache, &stats);
	assert_int_equal(stats.hits, 1);
	assert_int_equal(stats.misses, 2);
	assert_int_equal(stats.kept, 2);
	shape_put(cache, a);
	shape_put(cache, b);
	shape_put(cache, c);
	shape_put(cache, NULL);
	shape_cache_free(cache);
}

static void the_least_recent_goes(void **state)
{
	struct shape_cache *cache = new_cache(4);
	struct orm_shape *held = get(cache, query(S, 0, 1), ORM_POSTGRESQL), *again;
	uint64_t id = held->stmt.id;
	struct shape_stats stats;

	(void)state;
	for (unsigned i = 1; i < 20; i++) {
		shape_put(cache, get(cache, query(S, i, 1), ORM_POSTGRESQL));
		/* Asked for again and again, this one stays. */
		again = get(cache, query(S, 0, 1), ORM_POSTGRESQL);
		assert_ptr_equal(again, held);
		shape_put(cache, again);
		shape_read(cache, &stats);
		assert_true(stats.kept <= 4);
	}
	for (unsigned i = 1; i < 20; i++)
		shape_put(cache, get(cache, query(S, i, 1), ORM_POSTGRESQL));
	shape_read(cache, &stats);
	assert_int_equal(stats.kept, 4);
	assert_true(stats.evicted >= 16);
	/* Gone from the cache, alive in our hand; a new one has another id. */
	assert_int_equal(held->stmt.id, id);
	again = get(cache, query(S, 0, 1), ORM_POSTGRESQL);
	assert_ptr_not_equal(again, held);
	assert_int_not_equal(again->stmt.id, id);
	assert_string_equal(again->stmt.sql, held->stmt.sql);
	shape_put(cache, held);
	shape_put(cache, again);
	shape_cache_free(cache);
}

static void some_are_not_kept(void **state)
{
	struct shape_cache *cache = new_cache(4), *none = new_cache(0);
	struct orm_query *q = orm_select(S, T(usr));
	struct orm_shape *shape = NULL;
	struct shape_stats stats;
	char fault[192] = "";

	(void)state;
	orm_where(q, C(usr, id));
	assert_int_equal(shape_get(cache, q, ORM_SQLITE, &shape, fault), ORM_E_QUERY);
	assert_non_null(strstr(fault, "a condition is wanted"));
	assert_null(shape);
	orm_query_free(q);
	shape = get(cache, query(S, 400, 1), ORM_SQLITE);
	assert_true(shape->stmt.flags & ORM_STMT_ONCE);
	shape_put(cache, shape);
	shape_read(cache, &stats);
	assert_int_equal(stats.kept, 0);
	shape = get(none, query(S, 1, 1), ORM_SQLITE);
	assert_false(shape->stmt.flags & ORM_STMT_ONCE);
	shape_put(none, shape);
	shape_read(none, &stats);
	assert_int_equal(stats.kept, 0);
	shape_cache_free(cache);
	shape_cache_free(none);
}

/* ---- threads ---- */

struct worker {
	pthread_t thread;
	struct shape_cache *cache;
	unsigned seed;
	uint64_t wrong;
	uint64_t ids[SHAPES]; /* the last one seen of each shape */
};

static void free_all(struct orm_session *s)
{
	while (s->free) {
		struct orm_query *next = s->free->next;

		query_delete(s->free);
		s->free = next;
	}
}

static void *work(void *data)
{
	struct worker *w = data;
	struct orm_session session = {0};
	uint64_t rng = w->seed;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct orm_shape *shape = NULL;
		char fault[192];
		unsigned which;
		struct orm_query *q;

		rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
		which = (unsigned)(rng >> 33) % SHAPES;
		q = query(&session, which, (int64_t)i);
		if (shape_get(w->cache, q, ORM_SQLITE, &shape, fault)) {
			w->wrong++;
		} else {
			w->wrong += shape->stmt.params != which + 1 || !shape->stmt.id;
			w->ids[which] = shape->stmt.id;
			shape_put(w->cache, shape);
		}
		orm_query_free(q);
	}
	free_all(&session);
	return NULL;
}

static void threads_share_it(void **state)
{
	struct worker workers[THREADS];
	struct shape_cache *cache = new_cache(KEPT);
	struct shape_stats stats;

	(void)state;
	memset(workers, 0, sizeof(workers));
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].cache = cache;
		workers[i].seed = i + 1;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	shape_read(cache, &stats);
	assert_int_equal(stats.kept, KEPT);
	assert_int_equal(stats.hits + stats.misses, THREADS * ROUNDS);
	/* One id is one text, whoever was given it. */
	for (unsigned a = 0; a < THREADS * SHAPES; a++) {
		uint64_t id = workers[a / SHAPES].ids[a % SHAPES];

		assert_int_equal(workers[a / SHAPES].wrong, 0);
		for (unsigned b = 0; id && b < a; b++) {
			if (workers[b / SHAPES].ids[b % SHAPES] == id)
				assert_int_equal(a % SHAPES, b % SHAPES);
		}
	}
	shape_cache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_words_are_one_shape),
		cmocka_unit_test(the_least_recent_goes),
		cmocka_unit_test(some_are_not_kept),
		cmocka_unit_test(threads_share_it),
	};

	return cmocka_run_group_tests(tests, NULL, kit_teardown);
}
