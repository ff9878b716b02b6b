/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The queue against a plain list of messages, with a pool that runs out at each chunk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include <user/session/queue.h>

#define LIST_MAX 512

struct model {
	uint32_t lens[LIST_MAX];
	uint8_t marks[LIST_MAX];
	bool held[LIST_MAX];
	unsigned first, count;
};

static uint8_t bytes[PH_MESSAGE_MAX];
static uint8_t taken[PH_MESSAGE_HEAD + PH_MESSAGE_MAX];
static unsigned released;
static uint64_t seed = 88172645463325252ULL;

static uint32_t draw(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20) % below;
}

static void release(void *owner)
{
	assert_ptr_equal(owner, &released);
	released++;
}

static uint32_t draw_len(void)
{
	switch (draw(8)) {
	case 0:
		return draw(PH_MESSAGE_MAX - 255);
	case 1:
		return 4050 + draw(50);
	default:
		return draw(200);
	}
}

static int put(struct queue *q, struct chunk_pool *pool, uint32_t len, uint8_t mark, bool hold)
{
	const uint8_t head[PH_MESSAGE_HEAD] = {mark, 1, 2, 3, 4, 5, 6, (uint8_t)len};
	struct held held = {.payload = bytes + mark, .release = release, .owner = &released};

	return queue_put(q, pool, head, bytes + mark, len, hold ? &held : NULL);
}

static void check_first(struct queue *q, struct chunk_pool *pool, const struct model *m)
{
	unsigned at = m->first % LIST_MAX;
	unsigned before = released;

	assert_int_equal(queue_first_len(q), m->lens[at] + PH_MESSAGE_HEAD);
	queue_take(q, pool, taken);
	assert_int_equal(taken[0], m->marks[at]);
	assert_int_equal(taken[7], (uint8_t)m->lens[at]);
	assert_memory_equal(taken + PH_MESSAGE_HEAD, bytes + m->marks[at], m->lens[at]);
	assert_int_equal(released - before, m->held[at]);
}

static void as_a_list(void **state)
{
	struct queue q = {0};
	struct model m = {0};
	struct chunk_pool pool;

	(void)state;
	chunk_pool_init(&pool, 600, 8);
	for (unsigned i = 0; i < 100000; i++) {
		if (m.count < LIST_MAX && draw(20) < (i / 1000 % 2 ? 9U : 11U)) {
			uint32_t len = draw_len();
			unsigned at = (m.first + m.count) % LIST_MAX;
			size_t chunks = pool.taken;
			int r;

			m.lens[at] = len;
			m.marks[at] = (uint8_t)i;
			m.held[at] = draw(4) == 0;
			r = put(&q, &pool, len, (uint8_t)i, m.held[at]);
			if (r) {
				assert_int_equal(r, -ENOMEM);
				assert_int_equal(pool.taken, chunks);
				assert_true(chunks > 500);
				continue;
			}
			m.count++;
		} else if (m.count) {
			check_first(&q, &pool, &m);
			m.first++;
			m.count--;
		}
		assert_int_equal(q.count, m.count);
		assert_int_equal(!q.first, !m.count);
		assert_true(pool.spares <= 8);
	}
	assert_true(released > 1000);
	queue_clear(&q, &pool);
	assert_int_equal(pool.taken, 0);
	chunk_pool_deinit(&pool);
}

/* Whichever chunk is not there, the queue is as it was. */
static void each_chunk_missing(void **state)
{
	(void)state;
	for (size_t max = 0; max < 20; max++) {
		struct queue q = {0};
		struct model m = {.lens = {100}, .marks = {9}};
		struct chunk_pool pool;
		int r;

		chunk_pool_init(&pool, 1, 4);
		assert_int_equal(put(&q, &pool, 100, 9, false), 0);
		pool.taken_max = 1 + max;
		r = put(&q, &pool, PH_MESSAGE_MAX - 255, 3, false);
		assert_int_equal(r, max < 15 ? -ENOMEM : 0);
		assert_int_equal(pool.taken, max < 15 ? 1 : 16);
		check_first(&q, &pool, &m);
		assert_int_equal(queue_empty(&q), max < 15);
		queue_clear(&q, &pool);
		assert_int_equal(pool.taken, 0);
		chunk_pool_deinit(&pool);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_a_list),
		cmocka_unit_test(each_chunk_missing),
	};

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 >> 2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
