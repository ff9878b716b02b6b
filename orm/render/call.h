/* SPDX-License-Identifier: Apache-2.0 */
/* Calls from inside: functions, aggregates, windows, CASE, CAST, and what looks into a value. */
#ifndef STRAZH_ORM_RENDER_CALL_H
#define STRAZH_ORM_RENDER_CALL_H

#include <orm/render/render.h>

#define ARGS_MAX 16U

struct typed render_call(struct render *r, struct scope *s, struct words *w);
struct typed render_over(struct render *r, struct scope *s, struct words *w);
struct typed render_filter(struct render *r, struct scope *s, struct words *w);
struct typed render_case(struct render *r, struct scope *s, struct words *w);
struct typed render_cast(struct render *r, struct scope *s, struct words *w);
/* Of calls, the word itself taken. */
struct typed render_json(struct render *r, struct scope *s, struct words *w, enum orm_func f);
struct typed render_array_has(struct render *r, struct scope *s, struct words *w);
struct typed render_array_len(struct render *r, struct scope *s, struct words *w);
/* "there is no such function" of this operand. */
struct typed refuse_call(struct render *r, enum orm_func f, const struct typed *a);
/* One type for all; values without a type take that of the first that has one. */
bool common_type(struct render *r, struct typed *list, uint32_t n, enum orm_type *ret_type);
/* SQLite keeps a whole number what it is, also as a branch of a DOUBLE; then 5 / 2 would be 2. */
bool is_mixed(const struct typed *list, uint32_t n, enum orm_type type);

#endif
