// SPDX-License-Identifier: AGPL-3.0-or-later
/* Which statements are known to give one row at most (ORM_STMT_ONE). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <strazh/orm.h>

#include <orm/run/exec.h>

#define PART(X)                                                                                    \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(str, code, TEXT, NN | UNIQUE)                                                            \
	X(i64, box, BIGINT, NN)                                                                    \
	X(i64, place, BIGINT, NN)
#define PART_KEYS(K) K(UNIQUE, part_spot, "box, place", "")
ORM_TABLE_KEYS(part, PART, PART_KEYS)

static struct orm *db;
static struct orm_session *s;

static int begin(void **state)
{
	(void)state;
	return orm_open("sqlite::memory:", NULL, &db, NULL) || orm_session_open(db, &s);
}

static int end(void **state)
{
	(void)state;
	orm_session_close(s);
	orm_close(db);
	return 0;
}

/* Frees the query. */
static bool is_one(struct orm_query *q)
{
	struct orm_shape *shape;

	if (exec_shape(s, q, &shape))
		fail_msg("%s", orm_error(s)->text);
	orm_query_free(q);
	return shape->stmt.flags & ORM_STMT_ONE;
}

static struct orm_query *where(struct orm_expr condition)
{
	struct orm_query *q = orm_select(s, T(part));

	orm_where(q, condition);
	return q;
}

static void by_key(void **state)
{
	struct orm_query *q;

	(void)state;
	assert_true(is_one(where(orm_eq(C(part, id), 1))));
	assert_true(is_one(where(orm_eq(C(part, code), "x"))));
	assert_true(is_one(where(orm_and(orm_eq(C(part, box), 1), orm_eq(C(part, place), 2)))));
	q = where(orm_eq(C(part, box), 1));
	orm_where(q, orm_eq(C(part, place), 2));
	orm_for_update(q);
	assert_true(is_one(q));
}

static void by_less(void **state)
{
	struct orm_query *q;

	(void)state;
	assert_false(is_one(orm_select(s, T(part))));
	assert_false(is_one(where(orm_eq(C(part, box), 1))));
	assert_false(is_one(where(orm_ne(C(part, id), 1))));
	assert_false(is_one(where(orm_eq(C(part, id), C(part, box)))));
	assert_false(is_one(where(orm_or(orm_eq(C(part, id), 1), orm_eq(C(part, id), 2)))));
	q = where(orm_eq(C(part, id), 1));
	orm_join_as(q, ORM_CROSS, T(part), "other", ORM_NO_ON);
	assert_false(is_one(q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_key),
		cmocka_unit_test(by_less),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, begin, end);
}
