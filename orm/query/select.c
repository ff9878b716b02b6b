/* SPDX-License-Identifier: Apache-2.0 */
/* The SELECT builder: each call is one clause of words. */
#include <strazh/orm/error.h>

#include <orm/query/query.h>
#include <orm/run/session.h>

static struct orm_query *begin(struct orm_session *s)
{
	struct orm_query *q = session_query(s);

	query_open(q, CL_SELECT, 0);
	query_close(q);
	return q;
}

static void put_from(struct orm_query *q, const struct orm_table *from, const char *alias)
{
	query_open(q, CL_FROM, alias ? 1 : 0);
	query_pointer(q, from);
	if (alias)
		query_name(q, alias, "alias");
	query_close(q);
}

struct orm_query *orm_select(struct orm_session *s, const struct orm_table *from)
{
	struct orm_query *q = begin(s);

	put_from(q, from, NULL);
	return q;
}

struct orm_query *orm_select_as(struct orm_session *s, const struct orm_table *from,
				const char *alias)
{
	struct orm_query *q = begin(s);

	put_from(q, from, alias ? alias : "");
	return q;
}

struct orm_query *orm_select_query(struct orm_session *s, const struct orm_query *from,
				   const char *alias)
{
	struct orm_query *q = begin(s);

	query_open(q, CL_FROM_QUERY, 0);
	query_name(q, alias, "alias");
	query_sub(q, from);
	query_close(q);
	return q;
}

struct orm_query *orm_select_cte(struct orm_session *s, const char *name)
{
	struct orm_query *q = begin(s);

	query_open(q, CL_FROM_CTE, 0);
	query_name(q, name, "CTE");
	query_close(q);
	return q;
}

struct orm_query *orm_select_nothing(struct orm_session *s)
{
	return begin(s);
}

static void put_list(struct orm_query *q, enum clause clause, const struct orm_expr *list, size_t n)
{
	query_open(q, clause, 0);
	query_exprs(q, list, n);
	query_close(q);
}

static void put_one(struct orm_query *q, enum clause clause, const struct orm_expr *e)
{
	query_open(q, clause, 0);
	query_expr(q, e);
	query_close(q);
}

static void put_flag(struct orm_query *q, enum clause clause, unsigned flag)
{
	query_open(q, clause, flag);
	query_close(q);
}

void orm_columns_n(struct orm_query *q, const struct orm_expr *list, size_t n)
{
	put_list(q, CL_COLUMNS, list, n);
}

void orm_distinct(struct orm_query *q)
{
	put_flag(q, CL_DISTINCT, 0);
}

/* CROSS and NATURAL forbid a condition, the others need one. */
static bool condition_fits(struct orm_query *q, enum orm_join_kind kind, const struct orm_expr *on)
{
	bool wanted = kind != ORM_CROSS && kind != ORM_NATURAL;

	if ((unsigned)kind > ORM_NATURAL)
		query_fault(q, ORM_E_QUERY, "there is no join of kind %u", (unsigned)kind);
	else if (wanted && on->op == ORM_OP_NONE)
		query_fault(q, ORM_E_QUERY, "this join needs a condition");
	else if (!wanted && on->op != ORM_OP_NONE)
		query_fault(q, ORM_E_QUERY, "a %s join has no condition",
			    kind == ORM_CROSS ? "CROSS" : "NATURAL");
	return wanted;
}

void orm_join_as(struct orm_query *q, enum orm_join_kind kind, const struct orm_table *table,
		 const char *alias, struct orm_expr on)
{
	bool wanted = condition_fits(q, kind, &on);

	query_open(q, CL_JOIN, kind | (alias ? JOIN_ALIAS : 0));
	query_pointer(q, table);
	if (alias)
		query_name(q, alias, "alias");
	if (wanted)
		query_expr(q, &on);
	query_close(q);
}

void orm_join(struct orm_query *q, enum orm_join_kind kind, const struct orm_table *table,
	      struct orm_expr on)
{
	orm_join_as(q, kind, table, NULL, on);
}

void orm_join_query(struct orm_query *q, enum orm_join_kind kind, const struct orm_query *sub,
		    const char *alias, struct orm_expr on)
{
	bool wanted = condition_fits(q, kind, &on);

	query_open(q, CL_JOIN_QUERY, kind);
	query_name(q, alias, "alias");
	query_sub(q, sub);
	if (wanted)
		query_expr(q, &on);
	query_close(q);
}

void orm_join_cte(struct orm_query *q, enum orm_join_kind kind, const char *name,
		  struct orm_expr on)
{
	bool wanted = condition_fits(q, kind, &on);

	query_open(q, CL_JOIN_CTE, kind);
	query_name(q, name, "CTE");
	if (wanted)
		query_expr(q, &on);
	query_close(q);
}

void orm_where(struct orm_query *q, struct orm_expr condition)
{
	put_one(q, CL_WHERE, &condition);
}

void orm_group_by_n(struct orm_query *q, const struct orm_expr *list, size_t n)
{
	put_list(q, CL_GROUP, list, n);
}

void orm_having(struct orm_query *q, struct orm_expr condition)
{
	put_one(q, CL_HAVING, &condition);
}

void orm_order_by_n(struct orm_query *q, const struct orm_expr *list, size_t n)
{
	put_list(q, CL_ORDER, list, n);
}

static void put_rows(struct orm_query *q, enum clause clause, uint64_t rows)
{
	struct orm_expr e = orm_expr_u64_(rows);

	put_one(q, clause, &e);
}

void orm_limit(struct orm_query *q, uint64_t rows)
{
	put_rows(q, CL_LIMIT, rows);
}

void orm_offset(struct orm_query *q, uint64_t rows)
{
	put_rows(q, CL_OFFSET, rows);
}

void orm_for_update(struct orm_query *q)
{
	put_flag(q, CL_FOR_UPDATE, 0);
}

void orm_set_operation(struct orm_query *q, enum orm_set_kind kind, const struct orm_query *other)
{
	if ((unsigned)kind > ORM_EXCEPT)
		query_fault(q, ORM_E_QUERY, "there is no set operation %u", (unsigned)kind);
	query_open(q, CL_SET_OPERATION, kind);
	query_sub(q, other);
	query_close(q);
}

static void put_with(struct orm_query *q, const char *name, const struct orm_query *sub,
		     unsigned recursive)
{
	query_open(q, CL_WITH, recursive);
	query_name(q, name, "CTE");
	query_sub(q, sub);
	query_close(q);
}

void orm_with(struct orm_query *q, const char *name, const struct orm_query *sub)
{
	put_with(q, name, sub, 0);
}

void orm_with_recursive(struct orm_query *q, const char *name, const struct orm_query *sub)
{
	put_with(q, name, sub, 1);
}
