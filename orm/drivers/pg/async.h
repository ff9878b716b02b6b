/* SPDX-License-Identifier: Apache-2.0 */
/* What the public <strazh/orm/async.h> stands on: the same with rendered statements. */
#ifndef STRAZH_ORM_PG_ASYNC_H
#define STRAZH_ORM_PG_ASYNC_H

#include <strazh/base/compiler.h>
#include <strazh/orm/async.h>

#include <orm/drivers/driver.h>

/* `address` and `options` are copied as far as they are needed. queue_max 0: the default. The meter
 * (NULL: none) outlives it. */
int pg_async_open(const char *address, const struct orm_options *options, struct orm_meter *meter,
		  uint32_t queue_max, struct orm_async **ret_async,
		  struct orm_error *err) must_check;
/* The statement must live until it is answered; the values are copied. */
int pg_async_submit(struct orm_async *a, const struct orm_stmt *stmt,
		    const struct orm_value *values, orm_async_done done, void *data,
		    struct orm_error *err) must_check;

#endif
