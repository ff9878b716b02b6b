/* SPDX-License-Identifier: Apache-2.0 */
/* The operators and functions that an expression (expr.h) can be made of. */
#ifndef STRAZH_ORM_OP_H
#define STRAZH_ORM_OP_H

enum orm_op {
	ORM_OP_NONE,
	ORM_OP_COLUMN,
	ORM_OP_NAMED,	      /* a column by name, to be looked up */
	ORM_OP_SOURCE_COLUMN, /* of a CTE or derived table */
	ORM_OP_OUTPUT,
	ORM_OP_EXCLUDED,
	ORM_OP_ALL,
	ORM_OP_VALUE,
	ORM_OP_BAD_VALUE, /* an unsigned number above INT64_MAX */
	ORM_OP_LITERAL,
	ORM_OP_QUERY,
	ORM_OP_EQ,
	ORM_OP_NE,
	ORM_OP_LT,
	ORM_OP_LE,
	ORM_OP_GT,
	ORM_OP_GE,
	ORM_OP_LIKE,
	ORM_OP_ILIKE,
	ORM_OP_BETWEEN,
	ORM_OP_IN,
	ORM_OP_IN_QUERY,
	ORM_OP_EXISTS,
	ORM_OP_IS_NULL,
	ORM_OP_IS_NOT_NULL,
	ORM_OP_NOT,
	ORM_OP_AND,
	ORM_OP_OR,
	ORM_OP_ADD,
	ORM_OP_SUB,
	ORM_OP_MUL,
	ORM_OP_DIV,
	ORM_OP_MOD,
	ORM_OP_CONCAT,
	ORM_OP_CALL,	 /* func over operands */
	ORM_OP_DISTINCT, /* the operand of an aggregate */
	ORM_OP_FILTER,	 /* aggregate, condition */
	ORM_OP_OVER,	 /* call, ORM_OP_PARTITION, ORM_OP_ORDER */
	ORM_OP_PARTITION,
	ORM_OP_ORDER,
	ORM_OP_CASE, /* condition, value, condition, value, ..., else */
	ORM_OP_CAST, /* to the type in func */
	ORM_OP_AS,
	ORM_OP_ASC,
	ORM_OP_DESC,
	ORM_OP_COUNT,
};

/*
 * X(NAME, pg, sqlite, least, most, group): `group` is 's' a function of one row, 'a' an aggregate
 * (also a window function), 'w' a window function only. "" where a database has none.
 */
#define ORM_FUNCS(X)                                                                               \
	X(COUNT, "count", "count", 0, 1, 'a')                                                      \
	X(SUM, "sum", "sum", 1, 1, 'a')                                                            \
	X(AVG, "avg", "avg", 1, 1, 'a')                                                            \
	X(MIN, "min", "min", 1, 1, 'a')                                                            \
	X(MAX, "max", "max", 1, 1, 'a')                                                            \
	X(LOWER, "lower", "lower", 1, 1, 's')                                                      \
	X(UPPER, "upper", "upper", 1, 1, 's')                                                      \
	X(LENGTH, "length", "length", 1, 1, 's')                                                   \
	X(TRIM, "btrim", "trim", 1, 1, 's')                                                        \
	X(SUBSTR, "substr", "substr", 2, 3, 's')                                                   \
	X(REPLACE, "replace", "replace", 3, 3, 's')                                                \
	X(ABS, "abs", "abs", 1, 1, 's')                                                            \
	X(ROUND, "round", "round", 1, 1, 's')                                                      \
	X(COALESCE, "coalesce", "coalesce", 2, 16, 's')                                            \
	X(NULLIF, "nullif", "nullif", 2, 2, 's')                                                   \
	X(ROW_NUMBER, "row_number", "row_number", 0, 0, 'w')                                       \
	X(RANK, "rank", "rank", 0, 0, 'w')                                                         \
	X(DENSE_RANK, "dense_rank", "dense_rank", 0, 0, 'w')                                       \
	X(NTILE, "ntile", "ntile", 1, 1, 'w')                                                      \
	X(LAG, "lag", "lag", 1, 1, 'w')                                                            \
	X(LEAD, "lead", "lead", 1, 1, 'w')                                                         \
	X(FIRST_VALUE, "first_value", "first_value", 1, 1, 'w')                                    \
	X(LAST_VALUE, "last_value", "last_value", 1, 1, 'w')                                       \
	X(NOW_MS, "", "", 0, 0, 's')	/* TIMESTAMP_MS */                                         \
	X(JSON_TEXT, "", "", 2, 2, 's') /* member of a JSON object as text; key is a value */      \
	X(JSON_HAS, "", "", 2, 2, 's')	/* has the JSON object this member? */                     \
	X(ARRAY_HAS, "", "", 2, 2, 's') /* is the value in the array column? */                    \
	X(ARRAY_LEN, "", "", 1, 1, 's')                                                            \
	X(NET_HAS, "", "", 2, 2, 's')	 /* does the CIDR contain the INET? PostgreSQL */          \
	X(TEXT_MATCH, "", "", 2, 2, 's') /* full text: words of a search. PostgreSQL */            \
	X(VECTOR_L2, "", "", 2, 2, 's')	 /* distance; pgvector */                                  \
	X(VECTOR_COSINE, "", "", 2, 2, 's')

#define ORM_FUNC_ENUM_(name, pg, sqlite, least, most, group) ORM_F_##name,
enum orm_func { ORM_FUNCS(ORM_FUNC_ENUM_) ORM_F_COUNT_ };

#endif
