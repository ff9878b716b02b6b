/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database, opened by URL: its connections, caches and threads. Thread-safe. Work is done through
 * sessions (session.h), one a thread or task.
 *
 *	sqlite:///var/lib/app/app.db      sqlite:relative.db      sqlite::memory:
 *	postgresql://user@host:port/db    (all that libpq takes, also several hosts)
 *
 * Options may be given in the struct or, the same names, as ?name=value of the URL; an option that
 * is 0 or NULL is the default. A URL with an unknown option is refused. What libpq knows
 * (sslmode, connect_timeout, ...) is passed on to it.
 */
#ifndef STRAZH_ORM_DB_H
#define STRAZH_ORM_DB_H

#include <strazh/orm/error.h>
#include <strazh/orm/types.h>

#pragma GCC visibility push(default)

struct orm;

enum orm_dialect { ORM_SQLITE, ORM_POSTGRESQL };

/*
 * X(type, name, default, unit or text). `num` is an int64_t, `text` a const char *. For switches
 * 1 is on and -1 is off (0 is the default, as everywhere here). A number below 0 is refused where
 * the text does not say what it means.
 */
#define ORM_OPTIONS(X)                                                                             \
	/* the pool */                                                                             \
	X(num, pool_min, 0, "connections kept open")                                               \
	X(num, pool_max, 8, "connections at most (SQLite: readers)")                               \
	X(num, acquire_timeout_ms, 5000, "wait for a free connection")                             \
	X(num, idle_timeout_ms, 60000,                                                             \
	  "close a connection above pool_min that was idle so long; -1: never")                    \
	X(num, life_timeout_ms, 3600000,                                                           \
	  "replace a connection of this age, when it is idle; -1: never")                          \
	X(num, check_after_ms, 5000,                                                               \
	  "ask a connection that was idle so long whether it lives; -1: never")                    \
	X(num, connect_timeout_ms, 5000, "for one attempt to connect")                             \
	X(num, query_timeout_ms, 30000, "for one statement; -1: no limit")                         \
	X(num, retries, 3,                                                                         \
	  "of what may be run again: reads, and transactions given as a function; -1: none")       \
	X(num, breaker_failures, 5, "failed connects in a row until the circuit opens")            \
	X(num, breaker_open_ms, 1000, "first pause of an open circuit; doubles up to a minute")    \
	X(text, replicas, "", "URLs for reads, separated by commas; same database")                \
	/* caches */                                                                               \
	X(num, statements, 256, "prepared statements kept by each connection")                     \
	X(num, shapes, 1024, "rendered query shapes kept")                                         \
	X(num, cache_bytes, 0, "result cache: bytes at most; 0 is none")                           \
	X(num, cache_ttl_ms, 1000, "result cache: age at most")                                    \
	/* limits and reports */                                                                   \
	X(num, result_bytes_max, 268435456, "of one result in memory")                             \
	X(num, slow_ms, 0, "tell the slow-query log about statements above it; 0 is never")        \
	X(text, record, "", "append each new statement to this file, for orm-check(1)")            \
	/* PostgreSQL */                                                                           \
	X(text, prepare, "auto", "named statements: auto (not behind a pooler), on, off")          \
	X(text, application_name, "strazh-orm", "shown by pg_stat_activity")                       \
	/* SQLite */                                                                               \
	X(text, journal_mode, "WAL", "PRAGMA")                                                     \
	X(text, synchronous, "NORMAL", "PRAGMA, of relaxed writes; durable ones have FULL")        \
	X(num, cache_size, -64000, "PRAGMA of the writer: pages, or -KiB")                         \
	X(num, reader_cache_size, -8000, "PRAGMA of each reader: pages, or -KiB")                  \
	X(num, mmap_size, 268435456, "PRAGMA, bytes; -1: none")                                    \
	X(text, temp_store, "MEMORY", "PRAGMA")                                                    \
	X(num, busy_timeout_ms, 30000, "PRAGMA: wait for the lock of another process; -1: do not") \
	X(num, foreign_keys, 1, "PRAGMA; -1 is off")                                               \
	X(num, wal_autocheckpoint, 1000, "PRAGMA, pages; -1: never")                               \
	X(num, group_max, 512, "statements of one group commit at most")                           \
	X(num, read_only, -1, "1: open for reading only; nothing is created")                      \
	X(num, durable, 1, "promise of a write that names none; -1: relaxed")

#define ORM_OPTION_num(name) int64_t name;
#define ORM_OPTION_text(name) const char *name;
#define ORM_OPTION_FIELD_(type, name, value, text) ORM_OPTION_##type(name)
struct orm_options {
	ORM_OPTIONS(ORM_OPTION_FIELD_)
};

/*
 * Open. Connects once, so that a wrong URL or password is told here and not later. 0, or as
 * error.h says with *ret_error (may be NULL) filled. Close with orm_close(), after its sessions.
 */
int orm_open(const char *url, const struct orm_options *options, struct orm **ret_db,
	     struct orm_error *ret_error) ORM_MUST_CHECK;
void orm_close(struct orm *db);
/* What orm_open() would say of the URL itself; nothing is connected. 0, or as error.h says. */
int orm_url_check(const char *url, struct orm_error *ret_error) ORM_MUST_CHECK;

/*
 * Let a guard (guard.h) see the texts that are bound and what each client does. The caller's: it
 * must outlive the database. Before the first session.
 */
struct orm_guard;
void orm_use_guard(struct orm *db, struct orm_guard *guard);

enum orm_dialect orm_dialect(const struct orm *db);
/* "SQLite 3.40.1", "PostgreSQL 15.18": the program that answers, as it names itself. */
const char *orm_server(const struct orm *db);

#pragma GCC visibility pop

#endif
