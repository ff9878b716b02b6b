/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL over libpq. In reading order: conn.c opens, bind.c encodes (codec.h), send.c sends,
 * run.c takes results, tx.c is all that concerns transactions, load.c is COPY,
 * insert.c many rows by INSERT; wait.c is where
 * every one of them waits, and blame.c what they say when it fails.
 */
#include <orm/drivers/pg/bulk.h>
#include <orm/drivers/pg/conn.h>

const struct orm_driver orm_driver_pg = {
	.dialect = ORM_POSTGRESQL,
	.open = pg_open,
	.close = pg_close,
	.server = pg_server,
	.check = pg_check,
	.begin = pg_begin,
	.commit = pg_commit,
	.rollback = pg_rollback,
	.script = pg_script,
	.start = pg_start,
	.step = pg_step,
	.columns = pg_columns,
	.name = pg_name,
	.value = pg_value,
	.fill = pg_fill,
	.changed = pg_changed,
	.finish = pg_finish,
	.load = pg_load,
	.insert = pg_insert,
	.cancel = pg_cancel,
	.explain = pg_explain,
};
