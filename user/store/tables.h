/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What is persisted, as tables of the ORM (strazh/orm/table.h). Inside this room only: everybody
 * else speaks of rows.h. The database gets them by migrations.c; a test holds both against each
 * other, so a change here is a new migration there.
 *
 * Times are of the wall, in ms: what is stored must mean the same after a boot. A NULL until_ms is
 * for ever. A prefix is CIDR on both databases, so that a person can ask for it in SQL.
 */
#ifndef STRAZH_USER_STORE_TABLES_H
#define STRAZH_USER_STORE_TABLES_H

#include <strazh/orm.h>

/* A table's function is global and weak, of the table's name: a function of another room with the
 * name ban_table() would silently take its place. So they are called something of this room's. */
#define ban_table store_ban_table
#define allowed_table store_allowed_table
#define source_table store_source_table
#define address_list_table store_address_list_table
#define feed_table store_feed_table
#define alert_table store_alert_table
#define setting_table store_setting_table
#define audit_table store_audit_table
#define audit_head_table store_audit_head_table
#define store_writer_table store_store_writer_table

#define STORE_BAN(X)                                                                               \
	X(str, cidr, CIDR, PK)                                                                     \
	X(i64, since_ms, TIMESTAMP_MS, NN)                                                         \
	X(i64, until_ms, TIMESTAMP_MS, 0)                                                          \
	X(i32, offences, INTEGER, NN)                                                              \
	X(str, origin, TEXT, PK) X(str, actor, TEXT, NN) X(str, cause, TEXT, NN)
#define STORE_BAN_KEYS(K) K(INDEX, ban_by_until, "until_ms", "")
ORM_TABLE_KEYS(ban, STORE_BAN, STORE_BAN_KEYS)

#define STORE_ALLOWED(X)                                                                           \
	X(str, cidr, CIDR, PK)                                                                     \
	X(i64, since_ms, TIMESTAMP_MS, NN)                                                         \
	X(i64, until_ms, TIMESTAMP_MS, 0)                                                          \
	X(str, origin, TEXT, NN) X(str, actor, TEXT, NN) X(str, cause, TEXT, NN)
ORM_TABLE(allowed, STORE_ALLOWED)

/* `evidence` is a list of numbers that mean something to their owner alone; score and pressure are
 * what they came to at scored_ms. */
#define STORE_SOURCE(X)                                                                            \
	X(str, cidr, CIDR, PK)                                                                     \
	X(f64s, evidence, DOUBLES, NN)                                                             \
	X(f64, pressure, DOUBLE, NN)                                                               \
	X(f64, good, DOUBLE, NN)                                                                   \
	X(i64, trust_until_ms, TIMESTAMP_MS, 0)                                                    \
	X(i64, scored_ms, TIMESTAMP_MS, NN)                                                        \
	X(i64, first_ms, TIMESTAMP_MS, NN)                                                         \
	X(i64, last_ms, TIMESTAMP_MS, NN)                                                          \
	X(i32, offences, INTEGER, NN)                                                              \
	X(i64, banned_until_ms, TIMESTAMP_MS, 0)                                                   \
	X(f64, score, DOUBLE, NN)                                                                  \
	X(i32, ban_over_h, INTEGER, NN)                                                            \
	X(i32, good_ago_d, INTEGER, NN)                                                            \
	X(i32, share, INTEGER, NN)                                                                 \
	X(i32, days, INTEGER, NN)                                                                  \
	X(i32, sessions, INTEGER, NN)                                                              \
	X(i32, proven, INTEGER, NN)
#define STORE_SOURCE_KEYS(K) K(INDEX, source_by_last, "last_ms", "")
ORM_TABLE_KEYS(source, STORE_SOURCE, STORE_SOURCE_KEYS)

#define STORE_LIST(X)                                                                              \
	X(str, name, TEXT, PK)                                                                     \
	X(str, origin, TEXT, NN)                                                                   \
	X(f64, weight, DOUBLE, NN)                                                                 \
	X(str, etag, TEXT, NN)                                                                     \
	X(i64, loaded_ms, TIMESTAMP_MS, 0)                                                         \
	X(i64, entries, BIGINT, NN)
ORM_TABLE(address_list, STORE_LIST)

#define STORE_FEED(X)                                                                              \
	X(str, name, TEXT, PK)                                                                     \
	X(str, url, TEXT, NN)                                                                      \
	X(f64, weight, DOUBLE, NN)                                                                 \
	X(i64, every_s, BIGINT, NN)                                                                \
	X(i64, expiry_s, BIGINT, NN)                                                               \
	X(str, etag, TEXT, NN)                                                                     \
	X(i64, tried_ms, TIMESTAMP_MS, 0)                                                          \
	X(i64, loaded_ms, TIMESTAMP_MS, 0)                                                         \
	X(i32, failures, INTEGER, NN)                                                              \
	X(i64, entries, BIGINT, NN)                                                                \
	X(str, fault, TEXT, NN)
ORM_TABLE(feed, STORE_FEED)

#define STORE_ALERT(X)                                                                             \
	X(str, kind, TEXT, PK)                                                                     \
	X(str, subject, TEXT, PK)                                                                  \
	X(i64, opened_ms, TIMESTAMP_MS, PK)                                                        \
	X(i64, closed_ms, TIMESTAMP_MS, 0)                                                         \
	X(i32, severity, INTEGER, NN)                                                              \
	X(str, what, TEXT, NN)
#define STORE_ALERT_KEYS(K) K(INDEX, alert_by_closed, "closed_ms", "")
ORM_TABLE_KEYS(alert, STORE_ALERT, STORE_ALERT_KEYS)

#define STORE_SETTING(X)                                                                           \
	X(str, name, TEXT, PK)                                                                     \
	X(str, value, TEXT, NN)                                                                    \
	X(str, actor, TEXT, NN)                                                                    \
	X(i64, set_ms, TIMESTAMP_MS, NN)
ORM_TABLE(setting, STORE_SETTING)

#define STORE_AUDIT(X)                                                                             \
	X(i64, seq, BIGINT, PK)                                                                    \
	X(i64, at_ms, TIMESTAMP_MS, NN)                                                            \
	X(str, actor, TEXT, NN)                                                                    \
	X(str, action, TEXT, NN)                                                                   \
	X(str, subject, TEXT, NN)                                                                  \
	X(str, cause, TEXT, NN)                                                                    \
	X(str, detail, TEXT, NN)                                                                   \
	X(bytes, hash, BYTES, NN)
#define STORE_AUDIT_KEYS(K)                                                                        \
	K(INDEX, audit_by_at, "at_ms", "") K(INDEX, audit_by_subject, "subject, seq", "")
ORM_TABLE_KEYS(audit, STORE_AUDIT, STORE_AUDIT_KEYS)

/* One row, id 1: the last record, and the last one that retention took away. Its lock is what
 * orders the writers of the chain, also those of several processes. */
#define STORE_AUDIT_HEAD(X)                                                                        \
	X(i32, id, INTEGER, PK)                                                                    \
	X(i64, seq, BIGINT, NN)                                                                    \
	X(bytes, hash, BYTES, NN)                                                                  \
	X(i64, cut_seq, BIGINT, NN)                                                                \
	X(bytes, cut_hash, BYTES, NN)
ORM_TABLE(audit_head, STORE_AUDIT_HEAD)

/* A process that writes, and the number of its last group: written in the group's transaction, so
 * that it can be asked for when the answer to a commit was lost. */
#define STORE_WRITER(X)                                                                            \
	X(str, id, TEXT, PK) X(i64, batch, BIGINT, NN) X(i64, at_ms, TIMESTAMP_MS, NN)
ORM_TABLE(store_writer, STORE_WRITER)

/* In the order in which they are exported: X(struct, columns of the key). What a reader holds of
 * store_writer is of no use to anybody else. */
#define STORE_TABLES(X)                                                                            \
	X(ban, "cidr, origin")                                                                     \
	X(allowed, "cidr")                                                                         \
	X(source, "cidr")                                                                          \
	X(address_list, "name")                                                                    \
	X(feed, "name")                                                                            \
	X(alert, "kind, subject, opened_ms")                                                       \
	X(setting, "name")                                                                         \
	X(audit, "seq")                                                                            \
	X(audit_head, "id")
#define STORE_TABLE_COUNT 9U

struct store_table {
	const struct orm_table *table;
	const char *key;
};
/* i below STORE_TABLE_COUNT. */
struct store_table store_table_at(unsigned i);

struct orm_session;
/* Make or bring up to date what the database has. As migrate.h says. */
int store_migrate(struct orm_session *s) ORM_MUST_CHECK;

#endif
