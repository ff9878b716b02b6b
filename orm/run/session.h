/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Databases and sessions from inside. A database is shared by threads; a session is one thread's.
 *
 * Where a statement runs: inside a transaction on its connection; a write outside on SQLite in the
 * writer's group, on PostgreSQL on a pooled connection; a read on a pooled reader.
 */
#ifndef STRAZH_ORM_SESSION_IMPL_H
#define STRAZH_ORM_SESSION_IMPL_H

#include <strazh/orm/relation.h>
#include <strazh/orm/session.h>
#include <strazh/orm/tx.h>

#include <orm/base/arena.h>
#include <orm/base/meter.h>
#include <orm/cache/cache.h>
#include <orm/drivers/driver.h>
#include <orm/pool/keeper.h>
#include <orm/pool/pool.h>
#include <orm/pool/route.h>
#include <orm/query/query.h>
#include <orm/render/shape.h>
#include <orm/watch/slow.h>

struct orm {
	const struct orm_driver *driver;
	struct orm_options options;
	const char *address;
	struct arena texts;	   /* address and options */
	struct orm_route *route;   /* PostgreSQL: the primary and its replicas */
	bool replicated;	   /* it has replicas */
	struct orm_pool *readers;  /* SQLite: readers ... */
	struct orm_writer *writer; /* ... and who writes; NULL when it is open for reading only */
	struct orm_cache *cache;   /* of results; NULL: none */
	struct orm_slow slow;
	struct shape_cache *shapes;
	struct orm_meter *meter;
	struct record *record;	 /* NULL: nothing is recorded */
	struct orm_guard *guard; /* the caller's; NULL: none */
	struct orm_keeper keeper;
	bool kept; /* the keeper runs */
	char server[64];
	unsigned sessions;	/* open ones; relaxed */
	uint64_t sessions_ever; /* relaxed */
};

#define SESSION_SHAPES 16U
#define SESSION_WROTE 16U

/* The connection that a session holds. */
struct lane {
	struct orm_conn *conn;	   /* NULL: none */
	struct orm_pooled *pooled; /* NULL: the writer's, leased */
	struct orm_routed routed;  /* PostgreSQL: where `pooled` is from */
};

struct orm_session {
	struct orm *db;
	uint64_t number; /* of this database's sessions, from 1 */
	struct orm_error error;
	struct orm_query *free; /* singly linked by next */
	struct orm_query *lent; /* doubly linked */
	unsigned n_free;
	struct lane lane; /* of the transaction */
	bool in_tx;
	bool tx_writes;
	bool tx_failed;		    /* PostgreSQL refuses all until rollback */
	struct orm_cursor *cursor;  /* the one that is open */
	struct orm_result *results; /* doubly linked by next */
	/* Tables that the transaction wrote, by their names: a schema may go before it ends. */
	char wrote[SESSION_WROTE][ORM_NAME_MAX + 1];
	unsigned n_wrote;
	bool wrote_any;	      /* or more, or not known which */
	struct orm_seen seen; /* what reads from replicas must show */
	enum orm_promise promise;
	uint64_t client;
	uint32_t reads; /* so far */
	enum orm_lazy lazy;
	struct arena first;	    /* texts of orm_first() */
	struct orm_rowset returned; /* of grouped writes */
	/* Shapes used lately, by hash, each with a reference: found without the cache's lock. */
	struct orm_shape *memo[SESSION_SHAPES];
	unsigned memo_last; /* index of the one used last */
	struct orm_tally tally;
};

/* A query from the session's store, or query_no_memory(). */
struct orm_query *session_query(struct orm_session *s);
/* Fill s->error; returns class. */
int session_fail(struct orm_session *s, int class, const char *format, ...) printf_like(3, 4);
bool session_is_durable(const struct orm_session *s);

/* Results live no longer than their session. */
void session_adopt(struct orm_session *s, struct orm_result *result);
void session_disown(struct orm_result *result);
/* Take its statement away from an open cursor, as the end of a transaction does. */
void cursor_end(struct orm_cursor *c);

/*
 * Outside of a transaction. A connection on which another session's text has left something is
 * closed instead. least_ns: what was committed before must be seen; 0: nothing.
 */
int lane_take(struct orm_session *s, bool writes, uint64_t least_ns,
	      struct lane *ret_lane) must_check;
/* This ran on it, or was tried: what it may leave behind. */
void lane_note(const struct orm_session *s, struct lane *lane, const struct orm_shape *shape);
/* `class` of the last call on it. True: another server is the primary now. */
bool lane_give(struct orm_session *s, struct lane *lane, int class);

#endif
