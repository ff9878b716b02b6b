/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * For tests of the PostgreSQL driver through its table of functions, on a real server: ORM_TEST_PG
 * is the URL of one that may be written. Each test has two connections and an empty table `thing`.
 */
#ifndef TESTS_ORM_KIT_PG_RIG_H
#define TESTS_ORM_KIT_PG_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <orm/drivers/driver.h>

#define PG (&orm_driver_pg)

#define THING(X)                                                                                   \
	X(i64, id, BIGINT, PK)                                                                     \
	X(i16, small, SMALLINT, 0)                                                                 \
	X(f32, half, REAL, 0)                                                                      \
	X(str, price, NUMERIC, 0)                                                                  \
	X(str, name, TEXT, NN)                                                                     \
	X(bytes, raw, BYTES, 0)                                                                    \
	X(i64, at_ms, TIMESTAMP_MS, 0)                                                             \
	X(uuid, tag, UUID, 0)                                                                      \
	X(str, ip, INET, 0)                                                                        \
	X(str, doc, JSONB, 0)                                                                      \
	X(i64s, list, BIGINTS, 0)                                                                  \
	X(strs, words, TEXTS, 0)                                                                   \
	X(b, yes, BOOLEAN, 0)
ORM_TABLE(thing, THING)

struct rig {
	const char *url;
	struct orm_conn *conn, *other;
	struct orm_error err;
};
extern struct rig rig;

struct orm_conn *rig_connect_with(const struct orm_options *options);
struct orm_conn *rig_connect(void);
void rig_script(struct orm_conn *c, const char *sql);
struct orm_stmt rig_statement(const char *sql, uint8_t flags, uint16_t params);
struct orm_stmt rig_raw(const char *sql, uint16_t params);
int rig_run(struct orm_conn *c, const struct orm_stmt *stmt, const struct orm_value *values);
void rig_run_ok(struct orm_conn *c, const char *sql);
int rig_run_sql(struct orm_conn *c, const char *sql);
struct orm_value rig_value(struct orm_conn *c, const struct orm_stmt *stmt,
			   const struct orm_value *values);
int64_t rig_number(struct orm_conn *c, const char *sql);
const char *rig_text(struct orm_conn *c, const char *sql);
int64_t rig_now_ms(void);
int rig_set_up(void **state);
int rig_tear_down(void **state);
/* Skips with a reason when there is no server. */
int rig_main(const char *name, const struct CMUnitTest *tests, size_t count);

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

#endif
