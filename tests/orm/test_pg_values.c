/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Sizes and values at their ends, and that the server agrees with our formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tests/orm/kit/pg_rig.h>

#define PARAMS_MAX 65535U

static void big_values(void **state)
{
	enum { SIZE = 32 << 20 };
	struct orm_stmt stmt = rig_statement("SELECT $1", ORM_STMT_ROWS, 1);
	static const uint8_t bytes[] = {ORM_T_BYTES};
	char *big = malloc(SIZE);
	struct orm_value v = {.kind = ORM_K_BYTES, .p = big, .len = SIZE}, back;
	struct orm_conn *small = rig_connect_with(
		&(struct orm_options){.result_bytes_max = 1 << 20});

	(void)state;
	assert_non_null(big);
	memset(big, 0xa5, SIZE);
	stmt.param_type = bytes;
	assert_int_equal(PG->start(rig.conn, &stmt, &v, &rig.err), 0);
	assert_int_equal(PG->step(rig.conn, &rig.err), 0);
	assert_int_equal(PG->value(rig.conn, 0, &back, &rig.err), 0);
	assert_int_equal(back.len, SIZE);
	assert_memory_equal(back.p, big, SIZE);
	PG->finish(rig.conn);
	assert_int_equal(PG->start(small, &stmt, &v, &rig.err), 0);
	assert_int_equal(PG->step(small, &rig.err), ORM_E_TOO_BIG);
	PG->finish(small);
	assert_int_equal(rig_number(small, "SELECT 5"), 5);
	PG->close(small);
	free(big);
}

static void many_params(void **state)
{
	char *sql = malloc(PARAMS_MAX * 12), *at = sql;
	struct orm_value *values = calloc(PARAMS_MAX, sizeof(*values));
	uint8_t *types = malloc(PARAMS_MAX);
	struct orm_stmt stmt;

	(void)state;
	assert_true(sql && values && types);
	at += snprintf(at, 64, "SELECT count(*) FROM (VALUES ($1)");
	values[0] = orm_value_i64(0);
	for (unsigned i = 1; i < PARAMS_MAX; i++) {
		values[i] = orm_value_i64(i);
		at += snprintf(at, 16, ",($%u)", i + 1);
	}
	snprintf(at, 32, ") v(x) WHERE x >= 0");
	memset(types, ORM_T_BIGINT, PARAMS_MAX);
	stmt = rig_statement(sql, ORM_STMT_ROWS, PARAMS_MAX);
	stmt.param_type = types;
	assert_int_equal(rig_value(rig.conn, &stmt, values).i, PARAMS_MAX);
	assert_int_equal(rig_value(rig.conn, &stmt, values).i, PARAMS_MAX);
	free(sql);
	free(values);
	free(types);
}

static void values_are_refused(void **state)
{
	struct orm_stmt stmt = rig_raw("SELECT $1::text", 1),
			typed = rig_statement("SELECT $1", ORM_STMT_ROWS, 1);
	struct orm_value nul = orm_value_text_len("a\0b", 3), v;
	static const uint8_t text[] = {ORM_T_TEXT};

	(void)state;
	typed.param_type = text;
	assert_int_equal(PG->start(rig.conn, &stmt, &nul, &rig.err), ORM_E_VALUE);
	assert_int_equal(PG->start(rig.conn, &typed, &nul, &rig.err), ORM_E_VALUE);
	assert_non_null(strstr(rig.err.text, "parameter 1"));
	v = orm_value_text("\xff\xfe");
	assert_int_equal(rig_run(rig.conn, &typed, &v), ORM_E_VALUE);
	assert_string_equal(rig.err.sqlstate, "22021");
	/* What is stored has no counterpart: the column and its type are named. */
	stmt = rig_statement("SELECT 1 AS a, '1 day'::interval AS span", ORM_STMT_ROWS, 0);
	assert_int_equal(PG->start(rig.conn, &stmt, NULL, &rig.err), 0);
	assert_int_equal(PG->step(rig.conn, &rig.err), 0);
	assert_int_equal(PG->value(rig.conn, 1, &v, &rig.err), ORM_E_VALUE);
	assert_non_null(strstr(rig.err.text, "'span' (type 1186)"));
	assert_string_equal(rig.err.column, "span");
	assert_int_equal(PG->value(rig.conn, 0, &v, &rig.err), 0);
	assert_int_equal(PG->value(rig.conn, 2, &v, &rig.err), ORM_E_STATE);
	PG->finish(rig.conn);
	/* As a raw statement it is text. */
	assert_string_equal(rig_text(rig.conn, "SELECT '1 day'::interval"), "1 day");
	assert_string_equal(rig_text(rig.conn, "SELECT DATE '0044-03-15 BC'"), "0044-03-15 BC");
	assert_int_equal(rig_run_sql(rig.conn, "COPY thing TO STDOUT"), ORM_E_QUERY);
}

/* Every way numbers are written agrees with the server. */
static void decimals_agree(void **state)
{
	static const char *const texts[] = {"0",
					    "-0.00",
					    "1e20",
					    "1.5e3",
					    "-12.5e-7",
					    "NaN",
					    "99999999999999999999.99999",
					    "0.0000000000000000001",
					    "10000.0001",
					    "-Infinity",
					    "123456789012345678e-3"};
	struct orm_stmt stmt = rig_statement("SELECT $1::numeric = $2::text::numeric AND"
					     " $1::text = $2::text::numeric::text",
					     ORM_STMT_ROWS, 2);
	static const uint8_t types[] = {ORM_T_NUMERIC, ORM_T_TEXT};

	(void)state;
	stmt.param_type = types;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct orm_value v[2] = {orm_value_text(texts[i]), orm_value_text(texts[i])};

		if (!rig_value(rig.conn, &stmt, v).b)
			fail_msg("%s", texts[i]);
	}
}

/* 3,000 addresses that the server made up are read and written as it does. */
static void addresses_agree(void **state)
{
	struct orm_stmt stmt = rig_statement(
		"SELECT a, a::text, host(a), $1::inet FROM (SELECT set_masklen((CASE WHEN i % 3 = 0"
		" THEN i * 7919 || '.' || '' ELSE '' END || CASE WHEN i % 3 = 0 THEN '' ELSE"
		" replace(to_hex(i % 7) || ':' || to_hex(i % 5) || '::' || to_hex(i % 3) || ':' ||"
		" to_hex(i % 2) || ':' || to_hex(i), '', '') END)::inet, i % 33) a"
		" FROM generate_series(1, 3000) i WHERE i % 3 <> 0) x",
		ORM_STMT_ROWS, 1);
	static const uint8_t types[] = {ORM_T_INET};
	struct orm_value given = orm_value_text("::1"), a, b;
	unsigned rows = 0;

	(void)state;
	stmt.param_type = types;
	assert_int_equal(PG->start(rig.conn, &stmt, &given, &rig.err), 0);
	while (!PG->step(rig.conn, &rig.err)) {
		assert_int_equal(PG->value(rig.conn, 0, &a, &rig.err), 0);
		assert_int_equal(PG->value(rig.conn, 1, &b, &rig.err), 0);
		assert_int_equal(a.len, b.len);
		assert_memory_equal(a.p, b.p, a.len);
		rows++;
	}
	PG->finish(rig.conn);
	assert_int_equal(rows, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(big_values),     TEST(many_params),     TEST(values_are_refused),
		TEST(decimals_agree), TEST(addresses_agree),
	};

	return rig_main("tests", tests, ARRAY_LEN(tests));
}
