/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prepared statements of one connection. A hash of chains over an array, and one list by time of
 * use through the same array; links are index + 1, 0 is none. The array doubles until it has
 * `max` places, then the longest unused statement gives its place away. Only one statement of a
 * connection runs at a time and it is the newest, so the oldest is never in use, unless max is 1:
 * then it was finished before the next start.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <orm/base/fault.h>
#include <orm/drivers/sqlite/lite.h>

#define FIRST_ROOM 8U

struct lite_kept {
	sqlite3_stmt *sql;
	uint64_t id;
	uint32_t next; /* of the hash chain */
	uint32_t newer;
	uint32_t older;
};

static uint32_t *head_of(struct lite_cache *c, uint64_t id)
{
	return &c->heads[(uint32_t)((id * 0x9e3779b97f4a7c15U) >> 32) & (c->room - 1)];
}

static void unlink_use(struct lite_cache *c, uint32_t at)
{
	struct lite_kept *k = &c->kept[at - 1];

	*(k->newer ? &c->kept[k->newer - 1].older : &c->newest) = k->older;
	*(k->older ? &c->kept[k->older - 1].newer : &c->oldest) = k->newer;
}

static void link_newest(struct lite_cache *c, uint32_t at)
{
	struct lite_kept *k = &c->kept[at - 1];

	k->newer = 0;
	k->older = c->newest;
	*(c->newest ? &c->kept[c->newest - 1].newer : &c->oldest) = at;
	c->newest = at;
}

static void link_hash(struct lite_cache *c, uint32_t at)
{
	uint32_t *head = head_of(c, c->kept[at - 1].id);

	c->kept[at - 1].next = *head;
	*head = at;
}

static void unlink_hash(struct lite_cache *c, uint32_t at)
{
	uint32_t *link = head_of(c, c->kept[at - 1].id);

	while (*link != at)
		link = &c->kept[*link - 1].next;
	*link = c->kept[at - 1].next;
}

static int grow(struct lite_cache *c)
{
	uint32_t room = c->room ? c->room * 2 : FIRST_ROOM;
	struct lite_kept *kept = realloc(c->kept, room * sizeof(*kept));
	uint32_t *heads;

	if (!kept)
		return -ENOMEM;
	c->kept = kept;
	heads = calloc(room, sizeof(*heads));
	if (!heads)
		return -ENOMEM;
	free(c->heads);
	c->heads = heads;
	c->room = room;
	for (uint32_t at = 1; at <= c->count; at++)
		link_hash(c, at);
	return 0;
}

/* A place for one statement more: a new one, or the oldest's. 0: no memory. */
static uint32_t take_place(struct orm_conn *conn)
{
	struct lite_cache *c = &conn->cache;
	uint32_t at = c->oldest;

	if (c->count < c->max) {
		if (c->count == c->room && grow(c))
			return 0;
		return ++c->count;
	}
	unlink_use(c, at);
	unlink_hash(c, at);
	sqlite3_finalize(c->kept[at - 1].sql);
	orm_tally_add(&conn->head.tally, ORM_M_prepare_drops, 1);
	return at;
}

/* Whether nothing but blanks and comments follows a statement. */
static bool is_last(struct orm_conn *conn, const char *tail)
{
	sqlite3_stmt *more = NULL;
	int rc;

	if (!*tail)
		return true;
	rc = sqlite3_prepare_v2(conn->db, tail, -1, &more, NULL);
	sqlite3_finalize(more);
	return rc == SQLITE_OK && !more;
}

int lite_prepare(struct orm_conn *conn, const char *sql, size_t len, unsigned flags,
		 sqlite3_stmt **ret_sql, struct orm_error *err)
{
	sqlite3_stmt *made = NULL;
	const char *tail;
	bool last;
	int rc;

	if (len >= INT32_MAX)
		return lite_refuse(err, ORM_E_TOO_BIG, "54000", "a statement of %zu bytes", len);
	conn->no_control = true;
	/* With the NUL counted SQLite need not copy the text. */
	rc = sqlite3_prepare_v3(conn->db, sql, (int)len + 1, flags, &made, &tail);
	last = rc != SQLITE_OK || is_last(conn, tail);
	conn->no_control = false;
	if (rc != SQLITE_OK)
		return lite_fail(conn, rc, "cannot prepare the statement", err);
	if (!made)
		return lite_refuse(err, ORM_E_QUERY, "42601", "there is no statement in the text");
	if (!last) {
		sqlite3_finalize(made);
		return lite_refuse(err, ORM_E_QUERY, "42601",
				   "more than one statement: the rest begins with '%.40s'", tail);
	}
	*ret_sql = made;
	return 0;
}

int lite_cache_get(struct orm_conn *conn, const struct orm_stmt *stmt, sqlite3_stmt **ret_sql,
		   struct orm_error *err)
{
	struct lite_cache *c = &conn->cache;
	uint32_t at = c->newest;
	sqlite3_stmt *sql;
	int r;

	if (at && c->kept[at - 1].id != stmt->id) {
		at = *head_of(c, stmt->id);
		while (at && c->kept[at - 1].id != stmt->id)
			at = c->kept[at - 1].next;
		if (at) {
			unlink_use(c, at);
			link_newest(c, at);
		}
	}
	if (at) {
		orm_tally_add(&conn->head.tally, ORM_M_prepare_hits, 1);
		*ret_sql = c->kept[at - 1].sql;
		return 0;
	}
	r = lite_prepare(conn, stmt->sql, stmt->sql_len, SQLITE_PREPARE_PERSISTENT, &sql, err);
	if (r)
		return r;
	orm_tally_add(&conn->head.tally, ORM_M_prepares, 1);
	at = take_place(conn);
	if (!at) {
		sqlite3_finalize(sql);
		return orm_fail(err, -ENOMEM, "out of memory for a prepared statement");
	}
	c->kept[at - 1] = (struct lite_kept){.sql = sql, .id = stmt->id};
	link_hash(c, at);
	link_newest(c, at);
	*ret_sql = sql;
	return 0;
}

void lite_cache_deinit(struct lite_cache *cache)
{
	for (uint32_t i = 0; i < cache->count; i++)
		sqlite3_finalize(cache->kept[i].sql);
	free(cache->kept);
	free(cache->heads);
	*cache = (struct lite_cache){.max = cache->max};
}
