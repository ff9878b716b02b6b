/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is refused, and the reason that is given; caps; what a stranger's text cannot become. */
#include <errno.h>

#include "render_kit.h"

static struct orm_query *where_ban(struct orm_expr e)
{
	struct orm_query *q = orm_select(S, T(ban));

	orm_columns(q, C(ban, id));
	orm_where(q, e);
	return q;
}

static struct orm_query *columns_ban(struct orm_expr e)
{
	struct orm_query *q = orm_select(S, T(ban));

	orm_columns_n(q, &e, 1);
	return q;
}

static void types_meet(void **state)
{
	(void)state;
	kit_refused(where_ban(orm_eq(C(ban, cidr), 5)),
		    "a value of type BIGINT where CIDR is wanted");
	kit_refused(where_ban(orm_eq(C(ban, n), C(ban, uid))), "INTEGER = UUID: there is no such");
	kit_refused(where_ban(orm_eq(C(ban, n), ORM_NULL_VALUE)), "with NULL is never true");
	kit_refused(where_ban(C(ban, n)), "WHERE: a condition is wanted, not INTEGER");
	kit_refused(where_ban(orm_not(C(ban, n))), "a condition is wanted");
	kit_refused(where_ban(orm_like(C(ban, n), "x")),
		    "a value of type TEXT where INTEGER is wanted");
	kit_refused(where_ban(orm_in(C(ban, n), ((struct orm_f64s){0}))), "INTEGER IN DOUBLES");
	kit_refused(columns_ban(orm_add(C(ban, n), V("x"))), "a value of type TEXT where INTEGER");
	kit_refused(columns_ban(orm_mod(C(ban, score), V(2))), "DOUBLE mod DOUBLE");
	kit_refused(columns_ban(orm_coalesce(C(ban, n), C(ban, rate))), "have no common type");
	kit_refused(columns_ban(orm_cast(ORM_T_BIGINT, C(ban, score))),
		    "no cast of DOUBLE to BIGINT");
	kit_refused(columns_ban(orm_cast(ORM_T_NONE, C(ban, n))), "there is no type number 0");
	kit_refused(columns_ban(orm_sum(C(ban, cidr))), "SUM of CIDR: there is no such function");
	kit_refused(columns_ban(orm_case(V(1), V(2))),
		    "CASE wants condition, value, ..., otherwise");
	kit_expect(
		where_ban(orm_lt(C(ban, price), C(ban, price))), "!no such operator in SQLite",
		"SELECT \"ban\".\"id\" FROM \"ban\" WHERE (\"ban\".\"price\" < \"ban\".\"price\")");
	/* An address and a network of one address are equal in PostgreSQL, two texts in SQLite. */
	kit_expect(
		where_ban(orm_eq(C(ban, host), C(ban, cidr))), "!no such operator in SQLite",
		"SELECT \"ban\".\"id\" FROM \"ban\" WHERE (\"ban\".\"host\" = \"ban\".\"cidr\")");
}

static void places(void **state)
{
	struct orm_query *q = columns_ban(orm_count_all());

	(void)state;
	orm_where(q, orm_gt(orm_count_all(), 1));
	kit_refused(q, "the aggregate COUNT has no place here");
	kit_refused(columns_ban(orm_sum(orm_sum(C(ban, n)))), "has no place here");
	kit_refused(columns_ban(orm_rank()), "RANK needs OVER");
	kit_refused(columns_ban(orm_filter(orm_lower(V("x")), orm_is_null(C(ban, n)))),
		    "FILTER is for aggregates");
	kit_refused(columns_ban(orm_over(orm_count_distinct(C(ban, n)), orm_no_partition(),
					 orm_no_order())),
		    "DISTINCT inside a window function");
	kit_refused(columns_ban(ORM_EXCLUDED(ban, n)), "known in its ON CONFLICT only");
	kit_refused(columns_ban(C(usr, id)), "'usr' is not in this query");
	kit_refused(columns_ban(orm_of("t", "x")), "'t' is not in this query");
	q = columns_ban(C(ban, n));
	orm_group_by(q, C(ban, cidr));
	kit_refused(q, "ban.n is neither in GROUP BY nor inside an aggregate");
	/* Half of a key that is named twice is no key. */
	q = orm_select(S, T(pair));
	orm_columns(q, C(pair, note));
	orm_group_by(q, C(pair, a), C(pair, a));
	kit_refused(q, "pair.note is neither in GROUP BY");
	q = columns_ban(C(ban, id));
	orm_having(q, orm_gt(C(ban, id), 1));
	kit_refused(q, "HAVING without GROUP BY or an aggregate");
	q = columns_ban(C(ban, id));
	orm_order_by(q, V(1));
	kit_refused(q, "ORDER BY a value");
	q = columns_ban(C(ban, id));
	orm_order_by(q, orm_output("nowhere"));
	kit_refused(q, "there is no output column 'nowhere'");
	/* '1' in parentheses would be the first column in PostgreSQL. */
	q = columns_ban(C(ban, id));
	orm_order_by(q, orm_sql_literal(ORM_T_INTEGER, "1"));
	kit_refused(q, "ORDER BY a value");
	q = columns_ban(C(ban, id));
	orm_limit(q, 1);
	orm_limit(q, 2);
	kit_refused(q, "LIMIT twice");
}

static void names(void **state)
{
	struct orm_query *in = orm_select(S, T(usr)), *q;

	(void)state;
	q = columns_ban(orm_named(T(ban), "id\" = 1 OR \"1"));
	kit_refused(q, "table 'ban' has no column 'id\" = 1 OR \"1'");
	kit_refused(columns_ban(orm_named(T(ban), NULL)), "has no column ''");
	kit_refused(orm_select_as(S, T(ban), "a b"), "alias 'a b' is no name");
	kit_refused(orm_select_as(S, T(ban), ""), "is no name");
	kit_refused(orm_select_cte(S, "x;drop table usr"), "is no name");
	kit_refused(columns_ban((struct orm_expr){.op = ORM_OP_OUTPUT, .name = "\""}),
		    "is no name");
	kit_refused(orm_select_cte(S, "t"), "there is no CTE 't' before this place");
	q = orm_select(S, T(ban));
	orm_join(q, ORM_CROSS, T(ban), ORM_NO_ON);
	kit_refused(q, "'ban' is in FROM twice; give it an alias");
	/* SQLite does not look at the case of a name: both would be the first. */
	q = orm_select_as(S, T(ban), "x");
	orm_join_as(q, ORM_CROSS, T(ban), "X", ORM_NO_ON);
	kit_refused(q, "'X' is in FROM twice");
	orm_columns(in, C(usr, id), orm_as(C(usr, boss_id), "ID"));
	kit_refused(orm_select_query(S, in, "t"), "'t' has two columns 'ID'");
	orm_query_free(in);
	in = orm_select(S, T(usr));
	orm_columns(in, orm_count_all());
	kit_refused(orm_select_query(S, in, "t"), "column 1 of 't' has no name; use orm_as()");
	orm_query_free(in);
	/* Wherever the name of the table is said, the CTE would be meant. */
	in = orm_select(S, T(pair));
	q = orm_select(S, T(usr));
	orm_with(q, "USR", in);
	kit_refused(q, "'usr' is a table and a CTE");
	q = columns_ban(C(ban, id));
	orm_with(q, "t", in);
	orm_with(q, "T", in);
	orm_query_free(in);
	kit_refused(q, "two CTEs 't'");
}

static void inner_queries(void **state)
{
	struct orm_query *in = orm_select(S, T(usr)), *q = NULL;

	(void)state;
	kit_refused(columns_ban(orm_scalar(in)), "must have one column, not 4");
	orm_columns(in, orm_sum(C(ban, n)));
	/* SQL gives that sum to the outer query. */
	kit_refused(columns_ban(orm_scalar(in)), "SUM of columns of the outer query alone");
	orm_query_free(in);
	in = orm_update(S, T(usr));
	kit_refused(columns_ban(orm_scalar(in)), "an inner query must be a SELECT");
	orm_query_free(in);
	kit_refused(columns_ban(orm_scalar(q)), "no query given");
	in = orm_select(S, T(usr));
	orm_columns(in, C(usr, id));
	orm_order_by(in, C(ban, n));
	kit_expect(where_ban(orm_exists(in)),
		   "!ORDER BY a column of the outer query: not in SQLite",
		   "SELECT \"ban\".\"id\" FROM \"ban\" WHERE EXISTS (SELECT \"usr\".\"id\" FROM "
		   "\"usr\" ORDER BY \"ban\".\"n\")");
	orm_query_free(in);
	in = where_ban(orm_eq(C(ban, n), 1));
	orm_columns(in, C(ban, id));
	kit_refused(where_ban(orm_exists(in)), "orm_columns() twice");
	orm_query_free(in);
	in = columns_ban(C(ban, score));
	q = columns_ban(C(ban, n));
	orm_set_operation(q, ORM_UNION, in);
	kit_refused(q, "column 1 of a set operation: INTEGER and DOUBLE; cast one");
	q = columns_ban(C(ban, score));
	orm_limit(in, 1);
	orm_set_operation(q, ORM_UNION, in);
	orm_query_free(in);
	kit_refused(q, "in the second query of a set operation");
}

static void joins(void **state)
{
	struct orm_query *q = orm_select(S, T(ban));

	(void)state;
	orm_join(q, ORM_INNER, T(usr), ORM_NO_ON);
	kit_refused(q, "this join needs a condition");
	q = orm_select(S, T(ban));
	orm_join(q, ORM_CROSS, T(usr), orm_eq(1, 1));
	kit_refused(q, "a CROSS join has no condition");
	q = orm_select(S, T(ban));
	orm_join(q, ORM_FULL, T(usr), orm_gt(C(usr, id), C(ban, usr_id)));
	kit_refused(q, "FULL JOIN takes equalities of two columns");
	q = orm_select(S, T(ban));
	orm_join(q, ORM_LEFT, T(usr), orm_eq(C(usr, id), C(ban, usr_id)));
	orm_for_update(q);
	kit_refused(q, "FOR UPDATE is for plain rows of tables");
}

static void changes(void **state)
{
	struct orm_expr names[] = {C(usr, name)};
	struct orm_query *q = orm_update(S, T(usr)), *in;

	(void)state;
	orm_set(q, C(usr, admin), true);
	kit_refused(q, "if that is meant: orm_every_row()");
	kit_refused(orm_delete(S, T(usr)), "changes every row of 'usr'");
	q = orm_update(S, T(usr));
	orm_set(q, C(usr, name), ORM_NULL_VALUE);
	orm_every_row(q);
	kit_refused(q, "usr.name cannot be NULL");
	q = orm_insert(S, T(usr));
	orm_set(q, C(usr, admin), true);
	kit_refused(q, "usr.name is NOT NULL, has no default, and gets no value");
	q = orm_insert(S, T(usr));
	orm_set(q, C(usr, name), "x");
	orm_on_conflict_update(q, C(usr, admin));
	orm_do_set(q, C(usr, admin), V(true));
	kit_refused(q, "no unique key of exactly these columns");
	q = orm_insert(S, T(usr));
	orm_set(q, C(usr, name), "x");
	orm_do_set(q, C(usr, name), V("y"));
	kit_refused(q, "orm_do_set() without ON CONFLICT");
	q = orm_update(S, T(usr));
	orm_set(q, C(usr, name), "x");
	orm_set(q, C(usr, name), "y");
	orm_every_row(q);
	kit_refused(q, "usr.name is named twice");
	q = orm_delete(S, T(usr));
	orm_set(q, C(usr, name), "x");
	orm_every_row(q);
	kit_refused(q, "a DELETE has no SET");
	in = orm_select(S, T(usr));
	q = orm_insert(S, T(usr));
	orm_insert_from(q, names, 1, in);
	orm_query_free(in);
	kit_refused(q, "1 columns are filled by a query of 4");
}

/* ---- caps, and the first fault ---- */

static void first_fault_stays(void **state)
{
	struct orm_query *q = orm_select_as(S, T(ban), "a b"), *outer;

	(void)state;
	assert_string_equal(orm_query_fault(q), "alias 'a b' is no name of "
						"[A-Za-z_][A-Za-z0-9_]{0,62}");
	orm_columns(q, orm_named(T(ban), "absent"));
	orm_limit(q, UINT64_MAX);
	assert_non_null(strstr(orm_query_fault(q), "alias 'a b'"));
	outer = where_ban(orm_exists(q));
	assert_non_null(strstr(orm_query_fault(outer), "in the inner query: alias 'a b'"));
	orm_query_free(outer);
	orm_query_free(q);
	q = orm_select(S, T(ban));
	assert_null(orm_query_fault(q));
	orm_limit(q, UINT64_MAX);
	kit_refused(q, "an unsigned number above");
	q = orm_select(S, T(ban));
	orm_where(q, ((struct orm_expr){.op = ORM_OP_EQ, .n = 1, .of = ORM_LIST_(V(1))}));
	kit_refused(q, "operator 11 with 1 operands");
	q = orm_insert(S, T(ban));
	orm_row(orm_select(S, T(ban)), NULL);
	kit_refused(q, "NOT NULL, has no default");
	orm_query_free(S->lent);
}

static void deep_and_long(void **state)
{
	static struct orm_expr deep[ORM_EXPR_DEPTH_MAX + 2];
	struct orm_query *q, *in;

	(void)state;
	deep[0] = C(usr, admin);
	for (unsigned i = 1; i < ARRAY_LEN(deep); i++)
		deep[i] = (struct orm_expr){.op = ORM_OP_NOT, .n = 1, .of = &deep[i - 1]};
	q = orm_select(S, T(usr));
	orm_where(q, deep[ORM_EXPR_DEPTH_MAX - 1]);
	assert_null(orm_query_fault(q));
	orm_where(q, deep[ORM_EXPR_DEPTH_MAX]);
	assert_int_equal(q->class, ORM_E_TOO_BIG);
	kit_refused(q, "nested deeper than 64");
	q = orm_select(S, T(usr));
	for (unsigned i = 0; i < ORM_QUERY_WORDS_MAX && !orm_query_fault(q); i++)
		orm_where(q, orm_is_null(C(usr, admin)));
	assert_int_equal(q->class, ORM_E_TOO_BIG);
	kit_refused(q, "more than 65536 words");
	q = orm_raw(S, "SELECT 1");
	for (unsigned i = 0; i <= ORM_QUERY_VALUES_MAX && !orm_query_fault(q); i++)
		orm_param(q, 1);
	assert_int_equal(q->class, ORM_E_TOO_BIG);
	kit_refused(q, "more than 32766 values");
	in = orm_select(S, T(usr));
	orm_columns(in, C(usr, id));
	for (unsigned i = 0; i < NESTING_MAX; i++) {
		q = orm_select_query(S, in, "t");
		orm_query_free(in);
		in = q;
	}
	kit_refused(q, "queries nested deeper than 12");
}

static void many(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
					    "j", "k", "l", "m", "n", "o", "p", "q", "r",
					    "s", "t", "u", "v", "w", "x", "y"};
	struct orm_query *q = orm_select(S, T(usr)), *in;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		orm_join_as(q, ORM_CROSS, T(usr), names[i], ORM_NO_ON);
	kit_refused(q, "more than 24 tables in one FROM");
	in = orm_select(S, T(usr));
	q = orm_select(S, T(pair));
	for (unsigned i = 0; i < CTES_MAX + 1; i++)
		orm_with(q, names[i], in);
	orm_query_free(in);
	kit_refused(q, "more than 16 CTEs");
	q = orm_select(S, T(usr));
	orm_columns(q, C(usr, id));
	for (unsigned i = 0; i < GROUPS_MAX + 1; i++)
		orm_group_by(q, C(usr, id));
	kit_refused(q, "more than 32 items in GROUP BY");
	/* Each round of rounding is written four times over. */
	{
		struct orm_expr round[16] = {C(ban, score)};

		for (unsigned i = 1; i < 16; i++)
			round[i] = (struct orm_expr){.op = ORM_OP_CALL,
						     .func = ORM_F_ROUND,
						     .n = 1,
						     .of = &round[i - 1]};
		q = columns_ban(round[15]);
		assert_int_equal(q->class, 0);
		in = q;
	}
	{
		char *text = kit_text(in, ORM_POSTGRESQL);

		assert_non_null(strstr(text, "!the SQL text is longer than"));
		free(text);
		orm_query_free(in);
	}
}

/* Every size of the arena up to the one that suffices: refused for want of memory, no half text. */
static void memory_ends(void **state)
{
	struct orm_query *q = columns_ban(orm_round(C(ban, score)));
	struct orm_query *other = columns_ban(C(ban, score));
	bool enough = false;

	(void)state;
	orm_set_operation(q, ORM_UNION, other);
	orm_order_by(q, orm_desc(C(ban, score)));
	orm_query_free(other);
	for (size_t max = 0; max < 1U << 20; max += 256) {
		struct rendered out = {0};
		struct arena arena;
		char fault[192] = "";
		int r;

		arena_init(&arena, max);
		r = render_query(q->words, q->n, q->n_values, ORM_POSTGRESQL, &arena, &out, fault);
		arena_deinit(&arena);
		/* Enough for the text, whose fault is another: ordered by what is no output. */
		if (r == ORM_E_QUERY) {
			enough = true;
			break;
		}
		assert_int_equal(r, -ENOMEM);
		assert_string_equal(fault, "out of memory");
		assert_null(out.stmt.sql);
	}
	assert_true(enough);
	orm_query_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_meet),
		cmocka_unit_test(places),
		cmocka_unit_test(names),
		cmocka_unit_test(inner_queries),
		cmocka_unit_test(joins),
		cmocka_unit_test(changes),
		cmocka_unit_test(first_fault_stays),
		cmocka_unit_test(deep_and_long),
		cmocka_unit_test(many),
		cmocka_unit_test(memory_ends),
	};

	return cmocka_run_group_tests(tests, NULL, kit_teardown);
}
