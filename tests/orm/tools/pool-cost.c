/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* pool-cost: nanoseconds of one acquire and release of a pooled connection; best of 9 runs. */
#include <stdio.h>
#include <stdlib.h>

#include <orm/pool/pool.h>

struct conn {
	struct orm_conn_head head;
};

static const struct orm_driver none;

static int open_none(const char *address, const struct orm_options *options, enum orm_role role,
		     struct orm_conn **ret_conn, struct orm_error *err)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	(void)address, (void)options, (void)role, (void)err;
	if (!conn)
		abort();
	conn->head.driver = &none;
	*ret_conn = (struct orm_conn *)conn;
	return 0;
}

static void close_none(struct orm_conn *conn)
{
	free(conn);
}

static const struct orm_driver none = {.open = open_none, .close = close_none};

int main(void)
{
	enum { N = 2000000 };
	struct orm_options options = {.pool_max = 8,
				      .acquire_timeout_ms = 1000,
				      .idle_timeout_ms = 60000,
				      .life_timeout_ms = 3600000,
				      .check_after_ms = 5000,
				      .breaker_failures = 5,
				      .breaker_open_ms = 1000};
	struct orm_pool_config config = {.driver = &none, .address = "none", .options = &options};
	struct orm_pool *pool;
	double best = 1e9;

	if (orm_pool_new(&config, &pool, NULL))
		return 1;
	for (int run = 0; run < 9; run++) {
		uint64_t begin = orm_now_ns(&orm_clock_machine);
		double each;

		for (int i = 0; i < N; i++) {
			struct orm_pooled *p;

			if (orm_pool_acquire(pool, -1, &p, NULL))
				return 1;
			orm_pool_release(pool, p);
		}
		each = (double)(orm_now_ns(&orm_clock_machine) - begin) / N;
		best = each < best ? each : best;
	}
	printf("acquire + release of a pooled connection: %.1f ns\n", best);
	orm_pool_free(pool);
	return 0;
}
