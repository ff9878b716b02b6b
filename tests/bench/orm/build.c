// SPDX-License-Identifier: AGPL-3.0-or-later
/* Building a query of three joins and five conditions, its shape known. */
#include <tests/bench/orm/bench.h>

#define BENCH_OWNER(X)                                                                             \
	X(i64, id, BIGINT, PK | AUTO) X(str, name, TEXT, NN) X(i64, ban_id, BIGINT, NN)
#define BENCH_EVENT(X)                                                                             \
	X(i64, id, BIGINT, PK | AUTO) X(i64, ban_id, BIGINT, NN) X(i64, at_ms, TIMESTAMP_MS, NN)
ORM_TABLE(bench_owner, BENCH_OWNER)
ORM_TABLE(bench_event, BENCH_EVENT)

#define TURNS 20000U
#define BUDGET_NS 1000

static struct orm_query *build(struct orm_session *s, int64_t n)
{
	struct orm_query *q = orm_select(s, T(bench_ban));

	orm_join(q, ORM_INNER, T(bench_owner), orm_eq(C(bench_owner, ban_id), C(bench_ban, id)));
	orm_join(q, ORM_LEFT, T(bench_event), orm_eq(C(bench_event, ban_id), C(bench_ban, id)));
	orm_join_as(q, ORM_LEFT, T(bench_ban), "other",
		    orm_eq(C_AS("other", bench_ban, cidr), C(bench_ban, cidr)));
	orm_where(q, orm_and(orm_gt(C(bench_ban, score), 0.5), orm_eq(C(bench_owner, name), "x"),
			     orm_lt(C(bench_event, at_ms), n), orm_ne(C(bench_ban, id), n),
			     orm_is_not_null(C(bench_ban, until_ms))));
	orm_order_by(q, orm_desc(C(bench_ban, score)));
	orm_limit(q, 10);
	return q;
}

void bench_build(void)
{
	struct orm *db = open_db("sqlite::memory:", NULL);
	struct orm_session *s = open_session(db);
	struct samples build_ns = {0};
	unsigned long allocations = 0;

	pin(0);
	for (unsigned round = 0; round < 15; round++) {
		unsigned long before = count_allocations();
		double begin = cpu_s();

		for (unsigned i = 0; i < TURNS; i++) {
			struct orm_query *q = build(s, i);

			if (!orm_sql(s, q))
				die("refused: %s", orm_error(s)->text);
			orm_query_free(q);
		}
		samples_add(&build_ns, (cpu_s() - begin) / TURNS * 1e9);
		allocations = count_allocations() - before;
	}
	report_budget("orm.build_ns", samples_at(&build_ns, 50), "ns", BUDGET_NS, &build_ns);
	report("orm.build_allocs", (double)allocations / TURNS, "mallocs", NULL, 0, NULL);
	orm_session_close(s);
	orm_close(db);
}
