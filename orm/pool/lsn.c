/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL. The insert position covers commits that are not flushed yet (synchronous_commit off).
 * At the end of a page an idle primary shows the position behind the next page's head, a standby
 * that has replayed all the page's beginning. No record ends just behind a head, so the beginning
 * is meant by both.
 */
#include <orm/base/fault.h>
#include <orm/pool/lsn.h>

/* SizeOfXLogShortPHD, and SizeOfXLogLongPHD at the beginning of a segment. */
#define PAGE_HEAD 24
#define SEGMENT_HEAD 40

static const char SQL[] =
	"SELECT pg_is_in_recovery(),"
	" (CASE WHEN pg_is_in_recovery()"
	" THEN coalesce(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0'), 0)"
	" ELSE pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') END)::bigint,"
	" (CASE WHEN pg_is_in_recovery() THEN 0"
	" ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint"
	" END)::bigint,"
	" current_setting('wal_block_size')::bigint,"
	" pg_size_bytes(current_setting('wal_segment_size'))";

static const uint8_t types[] = {ORM_T_BOOLEAN, ORM_T_BIGINT, ORM_T_BIGINT, ORM_T_BIGINT,
				ORM_T_BIGINT};
/* Its id is of this process's last ones, which no rendered statement gets. */
static const struct orm_stmt stmt = {
	.sql = SQL,
	.sql_len = sizeof(SQL) - 1,
	.id = UINT64_MAX,
	.flags = ORM_STMT_ROWS,
	.columns = ARRAY_LEN(types),
	.column_type = types,
};

static uint64_t begin_of(uint64_t at, uint64_t page, uint64_t segment)
{
	if (at % segment == SEGMENT_HEAD)
		return at - SEGMENT_HEAD;
	return at % page == PAGE_HEAD ? at - PAGE_HEAD : at;
}

static int read_row(struct orm_conn *conn, const struct orm_driver *driver, struct orm_lsn *lsn,
		    struct orm_error *err)
{
	struct orm_value value[ARRAY_LEN(types)];
	int64_t number[ARRAY_LEN(types)];

	for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
		int r = driver->value(conn, i, &value[i], err);

		if (r)
			return r;
		number[i] = value[i].kind == ORM_K_BOOL ? value[i].b : value[i].i;
		if (value[i].kind != (i ? ORM_K_I64 : ORM_K_BOOL) || number[i] < (i > 2))
			return orm_fail(err, ORM_E_SQL, "the server does not say where its log is");
	}
	lsn->in_recovery = number[0];
	lsn->at = begin_of((uint64_t)number[1], (uint64_t)number[3], (uint64_t)number[4]);
	lsn->timeline = (uint32_t)number[2];
	return 0;
}

static int ask_pg(struct orm_conn *conn, struct orm_lsn *ret_lsn, struct orm_error *err)
{
	const struct orm_driver *driver = ((const struct orm_conn_head *)conn)->driver;
	struct orm_lsn lsn = {0};
	int r = driver->start(conn, &stmt, NULL, err);

	if (!r) {
		r = driver->step(conn, err);
		if (!r)
			r = read_row(conn, driver, &lsn, err);
		else if (r == ORM_E_END)
			r = orm_fail(err, ORM_E_SQL, "the server does not say where its log is");
	}
	driver->finish(conn);
	if (!r)
		*ret_lsn = lsn;
	return r;
}

const struct orm_lsn_source orm_lsn_pg = {.ask = ask_pg};
