/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Rows of every type in and out of PostgreSQL, by INSERT and by COPY. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <orm/drivers/pg/bulk.h>
#include <tests/orm/kit/pg_rig.h>

/* A row with everything goes in by COPY and by INSERT, and comes out the same both ways. */
static const int64_t list[] = {1, -2, INT64_MAX};
static const char *const words[] = {"a", "", "q\"u\\o,te"};
static const struct thing full = {
	.id = 7,
	.small = -3,
	.half = 1.5F,
	.price = "-12345678901234567890.0001200",
	.name = "\xd1\x81\xd1\x82\xd1\x80\xd0\xb0\xd0\xb6",
	.raw = {"\0\x01\xff", 3},
	.at_ms = -1,
	.tag = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
	.ip = "2001:db8::/32",
	.doc = "{\"a\": [1, 2]}",
	.list = {list, 3},
	.words = {words, 3},
	.yes = true,
};

static void assert_full(struct orm_conn *c, unsigned at, const struct orm_value *v)
{
	struct orm_value want = orm_row_get(thing_table(), at, &full);

	(void)c;
	assert_int_equal(v->kind, want.kind);
	switch ((enum orm_kind)v->kind) {
	case ORM_K_BOOL:
		assert_int_equal(v->b, want.b);
		break;
	case ORM_K_I64:
		assert_int_equal(v->i, want.i);
		break;
	case ORM_K_F64:
		assert_true(v->f == want.f);
		break;
	case ORM_K_TEXT:
	case ORM_K_BYTES:
	case ORM_K_UUID:
		assert_int_equal(v->len, want.len);
		assert_memory_equal(v->p, want.p, v->len);
		break;
	case ORM_K_I64S:
		assert_int_equal(v->len, want.len);
		assert_memory_equal(v->p, want.p, v->len * 8);
		break;
	case ORM_K_TEXTS:
		assert_int_equal(v->len, want.len);
		for (size_t i = 0; i < v->len; i++)
			assert_string_equal(((const char *const *)v->p)[i],
					    ((const char *const *)want.p)[i]);
		break;
	case ORM_K_NULL:
	case ORM_K_F64S:
		fail();
	}
}

static void assert_row(const char *sql, uint8_t flags, const uint8_t *types)
{
	struct orm_stmt stmt = rig_statement(sql, flags, 0);
	const struct orm_table *t = thing_table();

	stmt.columns = t->count;
	stmt.column_type = types;
	if (PG->start(rig.conn, &stmt, NULL, &rig.err))
		fail_msg("%s", rig.err.text);
	assert_int_equal(PG->columns(rig.conn), t->count);
	assert_int_equal(PG->step(rig.conn, &rig.err), 0);
	for (unsigned i = 0; i < t->count; i++) {
		struct orm_value v;

		assert_string_equal(PG->name(rig.conn, i), t->columns[i].name);
		if (PG->value(rig.conn, i, &v, &rig.err))
			fail_msg("%s", rig.err.text);
		assert_full(rig.conn, i, &v);
	}
	assert_int_equal(PG->step(rig.conn, &rig.err), ORM_E_END);
	PG->finish(rig.conn);
}

static void assert_stored_as_given(void)
{
	uint8_t types[ORM_COLUMNS_MAX];
	const struct orm_table *t = thing_table();

	for (unsigned i = 0; i < t->count; i++)
		types[i] = t->columns[i].type;
	assert_row("SELECT * FROM thing", ORM_STMT_ROWS, types);
	assert_row("SELECT id, small, half, price::text, name, raw, at_ms, tag, ip, doc, list,"
		   " words, yes FROM thing",
		   ORM_STMT_ROWS, types);
	assert_row("SELECT * FROM thing", ORM_STMT_ROWS, NULL);
	assert_row("SELECT * FROM thing", ORM_STMT_ROWS | ORM_STMT_RAW, NULL);
}

static void inserts_every_type(void **state)
{
	const struct orm_table *t = thing_table();
	struct orm_value values[ORM_COLUMNS_MAX];
	uint8_t types[ORM_COLUMNS_MAX];
	struct orm_stmt stmt = rig_statement("INSERT INTO thing VALUES"
					     " ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)",
					     ORM_STMT_WRITES, 13);

	(void)state;
	for (unsigned i = 0; i < t->count; i++) {
		values[i] = orm_row_get(t, i, &full);
		types[i] = t->columns[i].type;
	}
	stmt.param_type = types;
	if (rig_run(rig.conn, &stmt, values))
		fail_msg("%s", rig.err.text);
	assert_int_equal(PG->changed(rig.conn), 1);
	PG->finish(rig.conn);
	assert_stored_as_given();
	/* The same statement with every NULL that may be. */
	for (unsigned i = 1; i < t->count; i++)
		values[i] = orm_value_null();
	values[0].i = 8;
	values[4] = orm_value_text("x");
	assert_int_equal(rig_run(rig.conn, &stmt, values), 0);
	PG->finish(rig.conn);
	assert_int_equal(rig_number(rig.conn,
				    "SELECT count(*) FROM thing WHERE num_nulls(small, half,"
				    " price, raw, at_ms, tag, ip, doc, list, words, yes)=11"),
			 1);
}

struct feed {
	const struct thing *rows;
	size_t count, at;
	int fails; /* with this, instead of an end */
};

static int next_thing(void *data, const void **ret_row)
{
	struct feed *feed = data;

	if (feed->at == feed->count)
		return feed->fails ? feed->fails : ORM_E_END;
	*ret_row = &feed->rows[feed->at++];
	return 0;
}

static int load(struct feed *feed, uint64_t mask, uint64_t *ret_rows)
{
	struct orm_source source = {
		.table = thing_table(), .mask = mask, .next = next_thing, .data = feed};

	return PG->load(rig.conn, &source, ret_rows, &rig.err);
}

static void loads_every_type(void **state)
{
	struct feed feed = {&full, 1, 0, 0};
	uint64_t rows = 0;

	(void)state;
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	if (load(&feed, ORM_MASK_ALL, &rows))
		fail_msg("%s", rig.err.text);
	assert_int_equal(rows, 1);
	assert_int_equal(PG->commit(rig.conn, &rig.err), 0);
	assert_stored_as_given();
}

static void names_the_row_that_failed(void **state)
{
	struct thing rows[5];
	struct feed feed = {rows, 5, 0, 0};
	uint64_t n = 99;

	(void)state;
	for (int i = 0; i < 5; i++)
		rows[i] = (struct thing){.id = i, .name = i == 3 ? "bad" : "good"};
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	assert_int_equal(load(&feed, 1 | ORM_BIT(thing, name), &n), ORM_E_CHECK);
	assert_int_equal(rig.err.row, 3);
	assert_string_equal(rig.err.constraint, "thing_name_check");
	PG->rollback(rig.conn);
	/* A duplicate is found when a whole batch is written: the row is named all the same. */
	rows[3].name = "good";
	rows[4].id = 2;
	feed.at = 0;
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	assert_int_equal(load(&feed, 1 | ORM_BIT(thing, name), &n), ORM_E_UNIQUE);
	assert_int_equal(rig.err.row, 4);
	assert_string_equal(rig.err.constraint, "thing_pkey");
	PG->rollback(rig.conn);
	assert_int_equal(n, 99);
	/* What no column can hold is refused here, before the server sees it. */
	rows[4] = (struct thing){.id = 4, .name = "good", .ip = "1.2.3"};
	feed.at = 0;
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	assert_int_equal(load(&feed, 1 | ORM_BIT(thing, name) | ORM_BIT(thing, ip), &n),
			 ORM_E_VALUE);
	assert_int_equal(rig.err.row, 4);
	assert_string_equal(rig.err.column, "ip");
	PG->rollback(rig.conn);
	assert_int_equal(rig_number(rig.conn, "SELECT count(*) FROM thing"), 0);
}

static void stops_a_load(void **state)
{
	struct thing rows[2] = {{.id = 1, .name = "a"}, {.id = 2, .name = "b"}};
	struct feed feed = {rows, 2, 0, ORM_E_LAZY};
	uint64_t n = 0;

	(void)state;
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	assert_int_equal(load(&feed, 1 | ORM_BIT(thing, name), &n), ORM_E_LAZY);
	assert_int_equal(rig.err.row, 2);
	PG->rollback(rig.conn);
	feed = (struct feed){rows, 2, 0, 0};
	assert_int_equal(PG->begin(rig.conn, NULL, false, &rig.err), 0);
	assert_int_equal(load(&feed, 0, &n), ORM_E_QUERY);
	assert_int_equal(load(&feed, 1 | ORM_BIT(thing, name), &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(PG->commit(rig.conn, &rig.err), 0);
	assert_int_equal(rig_number(rig.conn, "SELECT count(*) FROM thing"), 2);
}

struct endless {
	struct thing row;
	uint64_t given;
};

static int next_same(void *data, const void **ret_row)
{
	struct endless *e = data;

	*ret_row = &e->row;
	return e->given++ < 50000000 ? 0 : ORM_E_END;
}

/* The second row is a duplicate: 50 million more are not read to learn it. */
static void stops_early(void **state)
{
	struct endless endless = {.row = {.id = 1, .name = "a name of some length"}};
	struct orm_source source = {.table = thing_table(),
				    .mask = 1 | ORM_BIT(thing, name),
				    .next = next_same,
				    .data = &endless};
	uint64_t n = 0;

	(void)state;
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	assert_int_equal(PG->load(rig.conn, &source, &n, &rig.err), ORM_E_UNIQUE);
	assert_int_equal(rig.err.row, 1);
	assert_true(endless.given < 1000000);
	PG->rollback(rig.conn);
	assert_int_equal(rig_number(rig.conn, "SELECT 1"), 1);
}

struct batch {
	struct orm_value values[2];
	int64_t at, count, twice; /* this one has the id of the one before */
	int fails;		  /* with this, instead of an end */
	int64_t wrong;		  /* this one has a name that no text may be */
};

static int next_values(void *data, const struct orm_value **ret_values)
{
	struct batch *b = data;

	if (b->at == b->count)
		return b->fails ? b->fails : ORM_E_END;
	b->values[0] = orm_value_i64(b->at == b->twice ? b->at - 1 : b->at);
	b->values[1] = b->at == b->wrong ? orm_value_text_len("\0", 1) : orm_value_text("name");
	b->at++;
	*ret_values = b->values;
	return 0;
}

static int run_batch(const struct orm_stmt *stmt, struct batch batch, uint64_t *ret_changed)
{
	return pg_run_many(rig.conn, stmt, next_values, &batch, ret_changed, &rig.err);
}

static void batches(void **state)
{
	static const uint8_t types[] = {ORM_T_BIGINT, ORM_T_TEXT};
	static const char count[] = "SELECT count(*) FROM thing";
	struct orm_stmt stmt = rig_statement("INSERT INTO thing (id, name) VALUES ($1, $2)",
					     ORM_STMT_WRITES, 2);
	struct batch good = {.count = 5000, .twice = -1, .wrong = -1}, bad = good;
	uint64_t n = 99;

	(void)state;
	stmt.param_type = types;
	bad.twice = 3333;
	/* Twice: the statement is prepared in the pipeline, or was before. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(run_batch(&stmt, bad, &n), ORM_E_UNIQUE);
		assert_int_equal(rig.err.row, 3333);
		assert_string_equal(rig.err.constraint, "thing_pkey");
		assert_int_equal(rig_number(rig.conn, count), 0);
	}
	bad = good;
	bad.wrong = 4000;
	assert_int_equal(run_batch(&stmt, bad, &n), ORM_E_VALUE);
	assert_int_equal(rig.err.row, 4000);
	assert_int_equal(rig_number(rig.conn, count), 0);
	bad = good;
	bad.fails = ORM_E_LAZY;
	assert_int_equal(run_batch(&stmt, bad, &n), ORM_E_LAZY);
	assert_int_equal(rig_number(rig.conn, count), 0);
	assert_int_equal(n, 99);
	bad.fails = bad.count = 0;
	assert_int_equal(run_batch(&stmt, bad, &n), 0);
	assert_int_equal(n, 0);
	/* In a transaction of the caller. */
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	assert_int_equal(run_batch(&stmt, good, &n), 0);
	assert_int_equal(n, 5000);
	PG->rollback(rig.conn);
	assert_int_equal(rig_number(rig.conn, count), 0);
	assert_int_equal(run_batch(&stmt, good, &n), 0);
	assert_int_equal(rig_number(rig.conn, count), 5000);
	stmt = rig_statement("INSERT INTO nosuch VALUES ($1, $2)", ORM_STMT_WRITES, 2);
	stmt.param_type = types;
	assert_int_equal(run_batch(&stmt, good, &n), ORM_E_SCHEMA);
	assert_int_equal(rig.err.row, 0);
	assert_int_equal(rig_number(rig.conn, count), 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(inserts_every_type), TEST(loads_every_type), TEST(names_the_row_that_failed),
		TEST(stops_a_load),	  TEST(stops_early),	  TEST(batches),
	};

	return rig_main("tests", tests, ARRAY_LEN(tests));
}
