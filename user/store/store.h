/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The memory of strazh: SQLite or PostgreSQL, by URL (strazh/orm/db.h). Maps and caches can
 * be made from it again.
 *
 * Writes go through one thread of the store's, which takes what has gathered and writes it in one
 * transaction (group commit); so a caller that may not wait never does. An act (rows.h) is
 * acknowledged when it would survive a power cut, and not before. While the database is away, acts
 * wait in a bounded backlog and are tried again with growing pauses; what was written and what was
 * not is never in doubt, not even when the answer to a commit was lost: it is written once.
 *
 * Sources are written behind: of each the newest state, in batches, on close and on store_flush().
 *
 * Thread-safe, but for store_collect() and store_close(): those are the owner's. Errors: 0; -errno;
 * or an enum store_condition.
 */
#ifndef STRAZH_USER_STORE_STORE_H
#define STRAZH_USER_STORE_STORE_H

#include <user/store/rows.h>

/* X(NAME, text) */
#define STORE_CONDITIONS(X)                                                                        \
	X(OK, "done")                                                                              \
	X(DOWN, "the database does not answer")                                                    \
	X(FULL, "the backlog is full; it was not taken")                                           \
	X(LATE, "not written in time; it will not be")                                             \
	X(UNKNOWN, "it may have been written: the answer was lost")                                \
	X(REFUSED, "the database refuses the value")                                               \
	X(BROKEN, "what is stored is not as it should be")                                         \
	X(MALFORMED, "the file to import is wrong")                                                \
	X(NOT_EMPTY, "the target has rows already")                                                \
	X(ABSENT, "there is none")
#define STORE_CONDITION_ENUM_(name, text) STORE_##name,
enum store_condition { STORE_CONDITIONS(STORE_CONDITION_ENUM_) STORE_CONDITION_COUNT };
const char *store_condition_text(int condition);

/* Details for a person; every ret_fault may be NULL. */
struct store_fault {
	int class; /* of the ORM, or 0 */
	char text[512];
};

/* X(type, name, default, text); 0 is the default, -1 never (of ages and retain_every_ms). */
#define STORE_OPTIONS(X)                                                                           \
	X(uint32_t, backlog_max, 16384, "acts taken and not given back")                           \
	X(uint32_t, sources_max, 16384, "sources that wait to be written")                         \
	X(uint32_t, group_max, 1024, "acts of one transaction")                                    \
	X(int64_t, sources_every_ms, 1000, "a source waits so long at most")                       \
	X(int64_t, retry_min_ms, 100, "first pause after a failure; doubles")                      \
	X(int64_t, retry_max_ms, 5000, "longest pause")                                            \
	X(int64_t, close_ms, 5000, "store_close() tries so long to write what is left")            \
	X(int64_t, retain_every_ms, 600000, "what is too old is looked for so often")              \
	X(int64_t, bans_keep_ms, 604800000, "bans that are over: a clock may have been wrong")     \
	X(int64_t, sources_keep_ms, 7776000000, "sources, from when they were last seen")          \
	X(int64_t, alerts_keep_ms, 31536000000, "alerts that are closed")                          \
	X(int64_t, audit_keep_ms, 63072000000, "audit records")                                    \
	X(bool, may_start_down, false, "open also when the database is away")
#define STORE_OPTION_FIELD_(type, name, value, text) type name;
struct store_options {
	STORE_OPTIONS(STORE_OPTION_FIELD_)
};

struct store;

/*
 * Connect, migrate, and begin to write. options NULL: the defaults. STORE_DOWN with *ret_fault;
 * with may_start_down only when the URL itself is wrong.
 */
int store_open(const char *url, const struct store_options *options, struct store **ret_store,
	       struct store_fault *ret_fault) must_check;
/*
 * Writes what waits, as long as close_ms allows (a try that has begun is waited for), then gives
 * every act back to its callback: 0, or STORE_LATE or STORE_UNKNOWN. Sources that could not be
 * written are lost; *ret_lost (may be NULL) says how many. NULL is fine.
 */
void store_close(struct store *store, uint32_t *ret_lost);
/*
 * The first half of it: the writer ends, in its own time, while something else is waited for. What
 * is submitted afterwards is not written. NULL is fine.
 */
void store_stop(struct store *store);

/* ---- acts ---- */

/* 0: durable. STORE_REFUSED; of store_close() also STORE_LATE, STORE_UNKNOWN. */
typedef void (*store_done)(void *data, int result);

/*
 * Take an act; never waits. 0, then `done` (may be NULL) is called by store_collect() once.
 * STORE_FULL, -EINVAL, -ENOMEM: not taken. Acts are done in the order in which they were taken.
 */
int store_submit(struct store *store, const struct store_act *act, store_done done,
		 void *data) must_check;
/* Readable when store_collect() has something to do, or the store became degraded or well again. */
int store_fd(const struct store *store);
/* Call the callbacks of what was decided. How many. They may submit. */
unsigned store_collect(struct store *store);
/*
 * For tools: the same, and wait for it. After timeout_ms (0: however long) STORE_LATE, or
 * STORE_UNKNOWN when a commit was on its way and its answer lost: then it may yet be written. While
 * the writer is in the database with it, that is waited for, so that the answer is true: some
 * seconds longer when the database is silent.
 */
int store_do(struct store *store, const struct store_act *act, int64_t timeout_ms) must_check;

/* ---- sources ---- */

/* Remember this state of it. 0; STORE_FULL: dropped, and counted; -EINVAL. Never waits. */
int store_source_put(struct store *store, const struct store_source *source) must_check;
/* All that was taken before is written; or STORE_LATE. */
int store_flush(struct store *store, int64_t timeout_ms) must_check;

/* ---- reading: on a connection of its own, row by row; what is written meanwhile is not seen ----
 */

/* Other than 0 ends the reading, and is returned. It may write to the store. */
typedef int (*store_ban_fn)(void *data, const struct store_ban *ban);
typedef int (*store_allow_fn)(void *data, const struct store_allow *allow);
typedef int (*store_source_fn)(void *data, const struct store_source *source);
typedef int (*store_list_fn)(void *data, const struct store_list *list);
typedef int (*store_feed_fn)(void *data, const struct store_feed *feed);
typedef int (*store_alert_fn)(void *data, const struct store_alert *alert);
typedef int (*store_setting_fn)(void *data, const struct store_setting *setting);

/* Those that hold at now_ms (store_left_ms() says how long), in no order; now_ms 0: all. */
int store_each_ban(struct store *store, int64_t now_ms, store_ban_fn fn, void *data,
		   struct store_fault *ret_fault) must_check;
int store_each_allow(struct store *store, int64_t now_ms, store_allow_fn fn, void *data,
		     struct store_fault *ret_fault) must_check;
/* Those of one origin, over or not: the database picks them, so that others cost little. */
int store_each_ban_of(struct store *store, const char *origin, store_ban_fn fn, void *data,
		      struct store_fault *ret_fault) must_check;
/* The `most` (0: all) that were seen last. */
int store_each_source(struct store *store, uint32_t most, store_source_fn fn, void *data,
		      struct store_fault *ret_fault) must_check;
/* By name. */
int store_each_list(struct store *store, store_list_fn fn, void *data,
		    struct store_fault *ret_fault) must_check;
int store_each_feed(struct store *store, store_feed_fn fn, void *data,
		    struct store_fault *ret_fault) must_check;
int store_each_setting(struct store *store, store_setting_fn fn, void *data,
		       struct store_fault *ret_fault) must_check;
/* The newest first. */
int store_each_alert(struct store *store, bool open_only, store_alert_fn fn, void *data,
		     struct store_fault *ret_fault) must_check;

/*
 * One, by its exact prefix; a ban also by who banned it. STORE_ABSENT; STORE_DOWN. It waits for the
 * database, unless the source waits to be written: then that state is told. The ban's texts go into
 * `texts`.
 */
int store_find_source(struct store *store, const struct prefix *prefix,
		      struct store_source *ret_source, struct store_fault *ret_fault) must_check;
struct store_ban_texts {
	char origin[STORE_NAME_MAX + 1], actor[STORE_NAME_MAX + 1], cause[STORE_TEXT_MAX + 1];
};
int store_find_ban(struct store *store, const struct prefix *prefix, const char *origin,
		   struct store_ban *ret_ban, struct store_ban_texts *texts,
		   struct store_fault *ret_fault) must_check;

/* ---- how it is ---- */

struct store_health {
	bool degraded;
	int64_t since_ms; /* of the wall, when it is degraded */
	struct store_fault why;
	uint64_t failures; /* tries that failed since it is degraded */
	uint32_t backlog, backlog_max;
	uint32_t sources, sources_max;		/* that wait */
	uint64_t written, refused, turned_away; /* acts */
	uint64_t groups;			/* transactions that wrote acts */
	uint64_t sources_written, sources_merged, sources_dropped;
	uint64_t outages, retained; /* rows that retention deleted */
};
void store_health(struct store *store, struct store_health *ret_health);

#endif
