/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions: conditions, select lists, orders. They are plain values on the caller's stack, good
 * until the end of the block; a builder (query.h) copies what it is given before it returns.
 *
 *	orm_where(q, orm_and(orm_ge(C(ip_ban, score), V(0.7)),
 *			     orm_or(orm_is_null(C(ip_ban, until_ms)),
 *				    orm_gt(C(ip_ban, until_ms), V(now_ms)))));
 *
 * C(table, column) is checked by the compiler. V(x) becomes a bound parameter, never SQL text. An
 * operand may also be a plain C value: orm_eq(C(t, id), 5) is orm_eq(C(t, id), V(5)). No text that
 * a program reads from elsewhere can become a name: orm_named() is looked up and refused when
 * absent, orm_sql_literal() takes string literals only.
 */
#ifndef STRAZH_ORM_EXPR_H
#define STRAZH_ORM_EXPR_H

#include <strazh/orm/op.h>
#include <strazh/orm/table.h>
#include <strazh/orm/types.h>

#pragma GCC visibility push(default)

struct orm_query;

struct orm_expr {
	uint8_t op;	 /* enum orm_op */
	uint8_t func;	 /* enum orm_func, of a call */
	uint16_t column; /* index in the table, of a column */
	uint32_t n;	 /* operands */
	const void *of;	 /* operands, table, or query */
	union {
		struct orm_value value;
		const char *name; /* alias of a column's table, name, or literal */
	};
};

#define ORM_EXPR_DEPTH_MAX 64

/* ---- leaves ---- */

#define ORM_C(table, col)                                                                          \
	((struct orm_expr){.op = ORM_OP_COLUMN,                                                    \
			   .column = offsetof(struct table##_index_, col),                         \
			   .of = table##_table()})
/* Of the table that was joined under this alias. */
#define ORM_C_AS(alias, table, col)                                                                \
	((struct orm_expr){.op = ORM_OP_COLUMN,                                                    \
			   .column = offsetof(struct table##_index_, col),                         \
			   .of = table##_table(),                                                  \
			   .name = "" alias ""})
/* The value that the INSERT wanted to write, in orm_do_set(). */
#define ORM_EXCLUDED(table, col)                                                                   \
	((struct orm_expr){.op = ORM_OP_EXCLUDED,                                                  \
			   .column = offsetof(struct table##_index_, col),                         \
			   .of = table##_table()})
/* Every column of the table, in select lists and RETURNING. */
#define orm_all_of(table) ((struct orm_expr){.op = ORM_OP_ALL, .of = table##_table()})
#define orm_all_of_as(alias, table)                                                                \
	((struct orm_expr){.op = ORM_OP_ALL, .of = table##_table(), .name = "" alias ""})

/* A column by its name at run time; the builder refuses a name that the table does not have. */
struct orm_expr orm_named(const struct orm_table *table, const char *column);
/* A column of a CTE or derived table. */
#define orm_of(source, column)                                                                     \
	((struct orm_expr){.op = ORM_OP_SOURCE_COLUMN, .of = "" source "", .name = "" column ""})
/* An output column by its alias, in ORDER BY: orm_order_by(q, orm_desc(orm_output("total"))). */
#define orm_output(alias) ((struct orm_expr){.op = ORM_OP_OUTPUT, .name = "" alias ""})
/* SQL that the programmer wrote, a string literal; its type is `type` (enum orm_type). */
#define orm_sql_literal(type, text)                                                                \
	((struct orm_expr){.op = ORM_OP_LITERAL, .func = type, .name = "" text ""})

static inline struct orm_expr orm_expr_value_(struct orm_value value)
{
	return (struct orm_expr){.op = ORM_OP_VALUE, .value = value};
}
static inline struct orm_expr orm_expr_self_(struct orm_expr e)
{
	return e;
}
static inline struct orm_expr orm_expr_bool_(bool b)
{
	return orm_expr_value_(orm_value_bool(b));
}
static inline struct orm_expr orm_expr_i64_(int64_t i)
{
	return orm_expr_value_(orm_value_i64(i));
}
/* What does not fit a BIGINT is refused by the builder. */
struct orm_expr orm_expr_u64_(uint64_t u);
static inline struct orm_expr orm_expr_f64_(double f)
{
	return orm_expr_value_(orm_value_f64(f));
}
static inline struct orm_expr orm_expr_text_(const char *text)
{
	return orm_expr_value_(orm_value_text(text));
}
static inline struct orm_expr orm_expr_bytes_(struct orm_bytes b)
{
	return orm_expr_value_(orm_value_bytes(b));
}
static inline struct orm_expr orm_expr_uuid_(const struct orm_uuid *u)
{
	return orm_expr_value_(orm_value_uuid(u));
}
static inline struct orm_expr orm_expr_i64s_(struct orm_i64s a)
{
	return orm_expr_value_(orm_value_i64s(a));
}
static inline struct orm_expr orm_expr_f64s_(struct orm_f64s a)
{
	return orm_expr_value_(orm_value_f64s(a));
}
static inline struct orm_expr orm_expr_strs_(struct orm_strs a)
{
	return orm_expr_value_(orm_value_texts(a));
}

/* clang-format off */
/* Anything as an operand. UUIDs by pointer. */
#define ORM_X(x) _Generic((x),                                                                     \
	struct orm_expr: orm_expr_self_, struct orm_value: orm_expr_value_,                        \
	bool: orm_expr_bool_, char: orm_expr_i64_, signed char: orm_expr_i64_,                     \
	unsigned char: orm_expr_i64_, short: orm_expr_i64_, unsigned short: orm_expr_i64_,         \
	int: orm_expr_i64_, unsigned: orm_expr_i64_, long: orm_expr_i64_,                          \
	long long: orm_expr_i64_, unsigned long: orm_expr_u64_, unsigned long long: orm_expr_u64_, \
	float: orm_expr_f64_, double: orm_expr_f64_,                                               \
	char *: orm_expr_text_, const char *: orm_expr_text_,                                      \
	struct orm_bytes: orm_expr_bytes_,                                                         \
	struct orm_uuid *: orm_expr_uuid_, const struct orm_uuid *: orm_expr_uuid_,                \
	struct orm_i64s: orm_expr_i64s_, struct orm_f64s: orm_expr_f64s_,                          \
	struct orm_strs: orm_expr_strs_)(x)
/* clang-format on */
#define ORM_NULL_VALUE orm_expr_value_(orm_value_null())

/* ---- operators ---- */

#define ORM_ARGS_1_(a) ((const struct orm_expr[]){ORM_X(a)})
#define ORM_ARGS_2_(a, b) ((const struct orm_expr[]){ORM_X(a), ORM_X(b)})
#define ORM_ARGS_3_(a, b, c) ((const struct orm_expr[]){ORM_X(a), ORM_X(b), ORM_X(c)})
#define ORM_UNARY_(o, a) ((struct orm_expr){.op = (o), .n = 1, .of = ORM_ARGS_1_(a)})
#define ORM_BINARY_(o, a, b) ((struct orm_expr){.op = (o), .n = 2, .of = ORM_ARGS_2_(a, b)})
/* Lists are of struct orm_expr: C(), V(), or an operator. */
#define ORM_LIST_(...) ((const struct orm_expr[]){__VA_ARGS__})
#define ORM_LIST_LEN_(...) (sizeof(ORM_LIST_(__VA_ARGS__)) / sizeof(struct orm_expr))
#define ORM_NARY_(o, ...)                                                                          \
	((struct orm_expr){                                                                        \
		.op = (o), .n = ORM_LIST_LEN_(__VA_ARGS__), .of = ORM_LIST_(__VA_ARGS__)})

#define orm_eq(a, b) ORM_BINARY_(ORM_OP_EQ, a, b)
#define orm_ne(a, b) ORM_BINARY_(ORM_OP_NE, a, b)
#define orm_lt(a, b) ORM_BINARY_(ORM_OP_LT, a, b)
#define orm_le(a, b) ORM_BINARY_(ORM_OP_LE, a, b)
#define orm_gt(a, b) ORM_BINARY_(ORM_OP_GT, a, b)
#define orm_ge(a, b) ORM_BINARY_(ORM_OP_GE, a, b)
#define orm_like(a, pattern) ORM_BINARY_(ORM_OP_LIKE, a, pattern)
#define orm_ilike(a, pattern) ORM_BINARY_(ORM_OP_ILIKE, a, pattern)
#define orm_between(a, low, high)                                                                  \
	((struct orm_expr){.op = ORM_OP_BETWEEN, .n = 3, .of = ORM_ARGS_3_(a, low, high)})
/* `list` is an array value: struct orm_i64s, orm_f64s or orm_strs; one parameter whatever its size.
 */
#define orm_in(a, list) ORM_BINARY_(ORM_OP_IN, a, list)
#define orm_in_query(a, query)                                                                     \
	ORM_BINARY_(ORM_OP_IN_QUERY, a, ((struct orm_expr){.op = ORM_OP_QUERY, .of = (query)}))
#define orm_exists(query)                                                                          \
	ORM_UNARY_(ORM_OP_EXISTS, ((struct orm_expr){.op = ORM_OP_QUERY, .of = (query)}))
/* A query of one column and at most one row, as a value. */
#define orm_scalar(query) ((struct orm_expr){.op = ORM_OP_QUERY, .of = (query)})
#define orm_is_null(a) ORM_UNARY_(ORM_OP_IS_NULL, a)
#define orm_is_not_null(a) ORM_UNARY_(ORM_OP_IS_NOT_NULL, a)
#define orm_not(a) ORM_UNARY_(ORM_OP_NOT, a)
#define orm_and(...) ORM_NARY_(ORM_OP_AND, __VA_ARGS__)
#define orm_or(...) ORM_NARY_(ORM_OP_OR, __VA_ARGS__)
#define orm_add(a, b) ORM_BINARY_(ORM_OP_ADD, a, b)
#define orm_sub(a, b) ORM_BINARY_(ORM_OP_SUB, a, b)
#define orm_mul(a, b) ORM_BINARY_(ORM_OP_MUL, a, b)
#define orm_div(a, b) ORM_BINARY_(ORM_OP_DIV, a, b)
#define orm_mod(a, b) ORM_BINARY_(ORM_OP_MOD, a, b)
#define orm_concat(a, b) ORM_BINARY_(ORM_OP_CONCAT, a, b)

#define orm_as(a, alias)                                                                           \
	((struct orm_expr){.op = ORM_OP_AS, .n = 1, .of = ORM_ARGS_1_(a), .name = "" alias ""})
#define orm_asc(a) ORM_UNARY_(ORM_OP_ASC, a)
#define orm_desc(a) ORM_UNARY_(ORM_OP_DESC, a)

#pragma GCC visibility pop

#endif
