/* SPDX-License-Identifier: Apache-2.0 */
/* Calls, aggregates, windows, CASE and casts, as expressions (expr.h). */
#ifndef STRAZH_ORM_FUNC_H
#define STRAZH_ORM_FUNC_H

#include <strazh/orm/expr.h>

#define ORM_CALL_0_(f) ((struct orm_expr){.op = ORM_OP_CALL, .func = (f)})
#define ORM_CALL_1_(f, a)                                                                          \
	((struct orm_expr){.op = ORM_OP_CALL, .func = (f), .n = 1, .of = ORM_ARGS_1_(a)})
#define ORM_CALL_2_(f, a, b)                                                                       \
	((struct orm_expr){.op = ORM_OP_CALL, .func = (f), .n = 2, .of = ORM_ARGS_2_(a, b)})
#define ORM_CALL_3_(f, a, b, c)                                                                    \
	((struct orm_expr){.op = ORM_OP_CALL, .func = (f), .n = 3, .of = ORM_ARGS_3_(a, b, c)})

#define orm_count_all() ORM_CALL_0_(ORM_F_COUNT)
#define orm_count(a) ORM_CALL_1_(ORM_F_COUNT, a)
#define orm_count_distinct(a) ORM_CALL_1_(ORM_F_COUNT, ORM_UNARY_(ORM_OP_DISTINCT, a))
#define orm_sum(a) ORM_CALL_1_(ORM_F_SUM, a)
#define orm_avg(a) ORM_CALL_1_(ORM_F_AVG, a)
#define orm_min(a) ORM_CALL_1_(ORM_F_MIN, a)
#define orm_max(a) ORM_CALL_1_(ORM_F_MAX, a)
/* aggregate FILTER (WHERE condition) */
#define orm_filter(aggregate, condition) ORM_BINARY_(ORM_OP_FILTER, aggregate, condition)

#define orm_lower(a) ORM_CALL_1_(ORM_F_LOWER, a)
#define orm_upper(a) ORM_CALL_1_(ORM_F_UPPER, a)
#define orm_length(a) ORM_CALL_1_(ORM_F_LENGTH, a)
#define orm_trim(a) ORM_CALL_1_(ORM_F_TRIM, a)
#define orm_substr(a, from, len) ORM_CALL_3_(ORM_F_SUBSTR, a, from, len)
#define orm_replace(a, what, with) ORM_CALL_3_(ORM_F_REPLACE, a, what, with)
#define orm_abs(a) ORM_CALL_1_(ORM_F_ABS, a)
#define orm_round(a) ORM_CALL_1_(ORM_F_ROUND, a)
#define orm_coalesce(...)                                                                          \
	((struct orm_expr){.op = ORM_OP_CALL,                                                      \
			   .func = ORM_F_COALESCE,                                                 \
			   .n = ORM_LIST_LEN_(__VA_ARGS__),                                        \
			   .of = ORM_LIST_(__VA_ARGS__)})
#define orm_nullif(a, b) ORM_CALL_2_(ORM_F_NULLIF, a, b)
#define orm_now_ms() ORM_CALL_0_(ORM_F_NOW_MS)

#define orm_json_text(a, key) ORM_CALL_2_(ORM_F_JSON_TEXT, a, key)
#define orm_json_has(a, key) ORM_CALL_2_(ORM_F_JSON_HAS, a, key)
#define orm_array_has(a, element) ORM_CALL_2_(ORM_F_ARRAY_HAS, a, element)
#define orm_array_len(a) ORM_CALL_1_(ORM_F_ARRAY_LEN, a)
#define orm_net_has(network, address) ORM_CALL_2_(ORM_F_NET_HAS, network, address)
#define orm_text_match(a, words) ORM_CALL_2_(ORM_F_TEXT_MATCH, a, words)
#define orm_vector_l2(a, b) ORM_CALL_2_(ORM_F_VECTOR_L2, a, b)
#define orm_vector_cosine(a, b) ORM_CALL_2_(ORM_F_VECTOR_COSINE, a, b)

/* ---- windows: orm_over(orm_rank(), orm_partition(C(t, a)), orm_order(orm_desc(C(t, b)))) ---- */

#define orm_row_number() ORM_CALL_0_(ORM_F_ROW_NUMBER)
#define orm_rank() ORM_CALL_0_(ORM_F_RANK)
#define orm_dense_rank() ORM_CALL_0_(ORM_F_DENSE_RANK)
#define orm_ntile(n) ORM_CALL_1_(ORM_F_NTILE, n)
#define orm_lag(a) ORM_CALL_1_(ORM_F_LAG, a)
#define orm_lead(a) ORM_CALL_1_(ORM_F_LEAD, a)
#define orm_first_value(a) ORM_CALL_1_(ORM_F_FIRST_VALUE, a)
#define orm_last_value(a) ORM_CALL_1_(ORM_F_LAST_VALUE, a)
#define orm_partition(...) ORM_NARY_(ORM_OP_PARTITION, __VA_ARGS__)
#define orm_no_partition() ((struct orm_expr){.op = ORM_OP_PARTITION})
#define orm_order(...) ORM_NARY_(ORM_OP_ORDER, __VA_ARGS__)
#define orm_no_order() ((struct orm_expr){.op = ORM_OP_ORDER})
#define orm_over(call, partition, order)                                                           \
	((struct orm_expr){.op = ORM_OP_OVER, .n = 3, .of = ORM_ARGS_3_(call, partition, order)})

/* orm_case(condition, value, condition, value, ..., otherwise): an odd number of expressions. */
#define orm_case(...) ORM_NARY_(ORM_OP_CASE, __VA_ARGS__)
#define orm_cast(to, a)                                                                            \
	((struct orm_expr){.op = ORM_OP_CAST, .func = (to), .n = 1, .of = ORM_ARGS_1_(a)})

#endif
