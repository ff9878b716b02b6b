/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Which statements given as text are taken for writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>

#include <orm/render/rawtext.h>

static void reads(void **state)
{
	static const char *const texts[] = {
		"SELECT 1",
		" (select a from t) union select b from t",
		"/* DELETE */ SELECT 1 -- INTO\n",
		"-- UPDATE\nVALUES (1)",
		"SELECT 1 -- UPDATE\r\nFROM t /* / * */",
		"WITH x AS (SELECT 'go, delete it, into ''t''') SELECT \"update\" FROM x",
		"SELECT replace(a, 'x', 'y'), updated, into_ FROM t WHERE id = $1",
		"EXPLAIN ANALYZE SELECT 1",
		"SHOW search_path",
		"TABLE t",
		"SELECT '", /* refused by any database */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (raw_writes(texts[i], strlen(texts[i])))
			fail_msg("taken for a write: %s", texts[i]);
	}
}

static void writes(void **state)
{
	static const char *const texts[] = {
		"",
		"/* SELECT",
		"BEGIN",
		"SELECTED",
		"INSERT INTO t VALUES (1)",
		"WITH x AS (SELECT 1)INSERT INTO t SELECT * FROM x",
		"with x as (select 1)\fdelete from t",
		"WITH x AS (SELECT 1)/**/UPDATE t SET a = 1",
		"WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x",
		"WITH x AS (SELECT 1) MERGE INTO t USING x ON true WHEN MATCHED THEN DO NOTHING",
		"EXPLAIN ANALYZE DELETE FROM t",
		"SELECT a INTO u FROM t",
		"SELECT a FROM t FOR UPDATE",
		/* quotes that are none */
		"WITH x AS (SELECT $$'$$) DELETE FROM t",
		"WITH x AS (SELECT E'\\'') DELETE FROM t WHERE a = ''",
		"WITH x AS (SELECT 1 AS [it's]) DELETE FROM t WHERE a = ''",
		"WITH x AS (SELECT 1 AS `\"`) DELETE FROM t WHERE a = \"b\"",
		/* comments that are none, or end elsewhere: passed over, they hid what was behind
		 */
		"WITH x AS (SELECT $$--$$), y AS (DELETE FROM t RETURNING a) SELECT a FROM y",
		"WITH x AS (/* /* */ ' */ DELETE FROM t RETURNING a /* ' */) SELECT a FROM x",
		"WITH x AS (/* /* */ -- */ DELETE FROM t RETURNING a) SELECT a FROM x",
		"/* /* */ SELECT */ DROP TABLE t",
		"/* /*/ SELECT 1 */ */ DROP TABLE t",
		"SELECT 1 -- \r INTO u",
		"-- SELECT 1\rDROP TABLE t",
		"WITH x AS (SELECT 1) -- \r '\nDELETE FROM t -- '",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (!raw_writes(texts[i], strlen(texts[i])))
			fail_msg("taken for a read: %s", texts[i]);
	}
}

static void stays(void **state)
{
	static const char *const texts[] = {
		"SET a = 1",
		"/* */set session a to 1",
		"SET",
		"SET ROLE r",
		"RESET ALL",
		"LISTEN a",
		"PREPARE a AS SELECT 1",
		"DO $$ $$",
		"CREATE TEMP TABLE a(b int)",
		"CREATE LOCAL TEMPORARY VIEW a AS SELECT 1",
		"SELECT a INTO TEMP b FROM c",
		"SELECT set_config('a', 'b', false)",
		"select PG_ADVISORY_LOCK(1)",
		"PRAGMA cache_size = 7",
		"/* /* */ SELECT */ SET a = 1",
		"-- SELECT\rSET a = 1",
	};
	static const char *const goes[] = {
		"",
		"SELECT 1",
		"SET LOCAL a = 1",
		"set transaction isolation level serializable",
		"SET CONSTRAINTS ALL DEFERRED",
		"UPDATE t SET a = 1",
		"ALTER TABLE t ALTER a SET DEFAULT 1",
		"CREATE TABLE t(a int REFERENCES u ON DELETE SET NULL)",
		"(SELECT 1) UNION SELECT 2",
		"BEGIN",
		"SELECT pg_advisory_xact_lock(1)",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (!raw_stays(texts[i], strlen(texts[i])))
			fail_msg("said to go: %s", texts[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(goes); i++) {
		if (raw_stays(goes[i], strlen(goes[i])))
			fail_msg("said to stay: %s", goes[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(writes),
		cmocka_unit_test(stays),
	};

	return cmocka_run_group_tests_name("orm_rawtext", tests, NULL, NULL);
}
