/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing. A connection is used by one thread at a time, so SQLite is opened without
 * its own mutex; only lite_cancel() comes from elsewhere, and sqlite3_interrupt() may.
 *
 * Databases in memory live in the memdb VFS: connections to one name share one database with file
 * locks, so that readers see what was committed and wait for the writer as for another process's.
 * It is gone with its last connection. (The shared cache would answer SQLITE_LOCKED, for which no
 * busy handler is asked.)
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/drivers/sqlite/lite.h>

#define MEMORY ":memory:"
#define BOUND_MAX ((size_t)1 << 30) /* what SQLite holds in one value, about */

/* A URI of the memdb VFS for ":memory:17". malloc'ed. */
static char *memory_name(const char *address)
{
	size_t size = strlen(address) * 3 + 64, len;
	char *name = malloc(size);

	if (!name)
		return NULL;
	len = (size_t)snprintf(name, size, "file:/strazh-orm");
	for (const char *c = address; *c; c++)
		len += (size_t)snprintf(name + len, size - len,
					isalnum((unsigned char)*c) ? "%c" : "%%%02x",
					(unsigned char)*c);
	snprintf(name + len, size - len, "?vfs=memdb");
	return name;
}

/*
 * The file of an address: "///var/x.db" (an URL's) is "/var/x.db". A relative one begins with "./",
 * lest SQLite takes "file:..." for a URI.
 */
static char *file_name(const char *address)
{
	char *name;

	if (!strncmp(address, "///", 3))
		address += 2;
	if (asprintf(&name, "%s%s", *address == '/' ? "" : "./", address) < 0)
		return NULL;
	return name;
}

static int open_file(struct orm_conn *conn, const char *address, struct orm_error *err)
{
	int flags = conn->writer && !conn->read_only ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
						     : SQLITE_OPEN_READONLY;
	own_free char *name = conn->memory ? memory_name(address) : file_name(address);
	int rc;

	if (!name)
		return orm_fail(err, -ENOMEM, "out of memory while opening '%s'", conn->path);
	flags |= SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (conn->memory ? SQLITE_OPEN_URI : 0);
	rc = sqlite3_open_v2(name, &conn->db, flags, NULL);
	if (rc != SQLITE_OK)
		return lite_fail(conn, rc, "cannot open", err);
	/* SQLite opens for reading what it may not write, and says nothing. */
	if (flags & SQLITE_OPEN_READWRITE && sqlite3_db_readonly(conn->db, "main") == 1)
		return lite_refuse(err, ORM_E_READ_ONLY, "25006",
				   "cannot open: the file of '%s' may not be written by this user",
				   conn->path);
	return 0;
}

static void set_fields(struct orm_conn *conn, const char *address, const struct orm_options *o,
		       enum orm_role role)
{
	conn->head.driver = &orm_driver_sqlite;
	conn->writer = role == ORM_WRITER;
	conn->read_only = o->read_only > 0;
	snprintf(conn->server, sizeof(conn->server), "SQLite %.20s", sqlite3_libversion());
	conn->memory = !strncmp(address, MEMORY, strlen(MEMORY));
	conn->sync = LITE_UNKNOWN;
	conn->busy_timeout_ms = MAX(o->busy_timeout_ms, 0);
	conn->query_timeout_ms = o->query_timeout_ms;
	conn->cache.max = (uint32_t)MIN(MAX(o->statements, 1), 1 << 20);
	arena_init(&conn->bound, BOUND_MAX);
	arena_init(&conn->fetched, (size_t)MAX(o->result_bytes_max, 1));
}

int lite_open(const char *address, const struct orm_options *options, enum orm_role role,
	      struct orm_conn **ret_conn, struct orm_error *err)
{
	struct orm_options o = lite_options(options);
	struct orm_conn *conn;
	int r = lite_options_check(&o, err);

	if (r)
		return r;
	if (!*address)
		return lite_refuse(err, ORM_E_VALUE, "22023", "the URL names no database file");
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return orm_fail(err, -ENOMEM, "out of memory while opening '%s'", address);
	set_fields(conn, address, &o, role);
	conn->path = strdup(strncmp(address, "///", 3) ? address : address + 2);
	r = conn->path ? open_file(conn, address, err)
		       : orm_fail(err, -ENOMEM, "out of memory while opening '%s'", address);
	if (!r) {
		lite_limits_set(conn);
		r = lite_configure(conn, &o, err);
	}
	if (r) {
		lite_close(conn);
		return r;
	}
	*ret_conn = conn;
	return 0;
}

void lite_close(struct orm_conn *conn)
{
	if (!conn)
		return;
	lite_finish(conn);
	orm_meter_leave(&conn->head.tally);
	lite_cache_deinit(&conn->cache);
	sqlite3_finalize(conn->begin);
	sqlite3_finalize(conn->begin_now);
	sqlite3_finalize(conn->commit);
	sqlite3_finalize(conn->undo);
	sqlite3_finalize(conn->json_type);
	sqlite3_close(conn->db);
	arena_deinit(&conn->bound);
	arena_deinit(&conn->fetched);
	free(conn->path);
	free(conn);
}

static const char *server(struct orm_conn *conn)
{
	return conn->server;
}

const struct orm_driver orm_driver_sqlite = {
	.dialect = ORM_SQLITE,
	.open = lite_open,
	.close = lite_close,
	.server = server,
	.check = lite_check,
	.begin = lite_begin,
	.commit = lite_commit,
	.rollback = lite_rollback,
	.script = lite_script,
	.start = lite_start,
	.step = lite_step,
	.columns = lite_columns,
	.name = lite_name,
	.value = lite_value,
	.fill = lite_fill,
	.changed = lite_changed,
	.finish = lite_finish,
	.load = lite_load,
	.insert = lite_insert,
	.writer_open = lite_writer_open,
	.writer_close = lite_writer_close,
	.write = lite_write,
	.lease = lite_lease,
	.give_back = lite_give_back,
	.cancel = lite_cancel,
	.explain = lite_explain,
};
