/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Migrations: numbered steps of SQL, each applied once, in order, in a transaction together with
 * its row in the table orm_migration(version, name, checksum, applied_ms, took_ms).
 *
 * In a folder:
 *	0001_users.up.sql               0001_users.down.sql
 *	0002_by_name.up.postgresql.sql  0002_by_name.up.sqlite.sql    where the databases differ
 * or in the program, as an array of struct orm_migration_step. Versions begin at 1 and have no
 * gaps. Lines of the SQL that begin with `-- orm: ` are told to the runner:
 *	-- orm: no transaction          for CREATE INDEX CONCURRENTLY and the like: one statement
 *	-- orm: foreign keys off        SQLite: while the step runs; they are checked before its
 * commit
 *
 * What was applied is compared by SHA-256: a step that was changed afterwards is refused, and so
 * are a gap, a step that is gone, and one that comes before a step that was applied.
 *
 * Several processes may run this at once: each step is applied by one of them. PostgreSQL: an
 * advisory lock, waited for at most a minute (a pooler in transaction mode is in its way); SQLite:
 * BEGIN IMMEDIATE and a second look.
 *
 * Errors: ORM_E_SCHEMA when the steps do not fit the database, the SQL's own, ORM_E_LOCKED.
 */
#ifndef STRAZH_ORM_MIGRATE_H
#define STRAZH_ORM_MIGRATE_H

#include <strazh/orm/session.h>

#pragma GCC visibility push(default)

#define ORM_MIGRATIONS_MAX 9999U
#define ORM_MIGRATION_BYTES_MAX (16U << 20) /* of one file */

struct orm_migration_step {
	uint32_t version;
	const char *name; /* [A-Za-z0-9_-]{1,63} */
	const char *up;	  /* for both databases */
	const char *down; /* NULL: there is no way back */
	/* Instead of these on one of them; NULL: as above. */
	const char *up_sqlite;
	const char *down_sqlite;
	const char *up_postgresql;
	const char *down_postgresql;
};

struct orm_migrations;

/* Of a folder. ORM_E_SCHEMA with the file that is wrong, -errno when it cannot be read. */
int orm_migrations_read(const char *folder, enum orm_dialect dialect,
			struct orm_migrations **ret_migrations,
			struct orm_error *ret_error) ORM_MUST_CHECK;
/* Of an array, copied. */
int orm_migrations_of(const struct orm_migration_step *steps, size_t n, enum orm_dialect dialect,
		      struct orm_migrations **ret_migrations,
		      struct orm_error *ret_error) ORM_MUST_CHECK;
void orm_migrations_free(struct orm_migrations *migrations);
/* The highest version; 0: there are none. */
uint32_t orm_migrations_last(const struct orm_migrations *migrations);

/* Up to `version`, or all of them: 0. *ret_done (may be NULL): how many were applied by this call.
 */
int orm_migrate_up(struct orm_session *s, const struct orm_migrations *migrations, uint32_t version,
		   size_t *ret_done) ORM_MUST_CHECK;
/* Undo the last one; or all above `version`, when that is not ORM_MIGRATE_ONE. */
#define ORM_MIGRATE_ONE UINT32_MAX
int orm_migrate_down(struct orm_session *s, const struct orm_migrations *migrations,
		     uint32_t version, size_t *ret_done) ORM_MUST_CHECK;
/* For the start of a program: all of the array, up. */
int orm_migrate(struct orm_session *s, const struct orm_migration_step *steps,
		size_t n) ORM_MUST_CHECK;

enum orm_migrate_state {
	ORM_MIGRATE_PENDING,
	ORM_MIGRATE_APPLIED,
	ORM_MIGRATE_CHANGED,	/* applied, and not what the step is now */
	ORM_MIGRATE_GONE,	/* applied, and there is no such step */
	ORM_MIGRATE_UNFINISHED, /* no transaction, and it was begun */
};
struct orm_migrate_status {
	uint32_t version;
	enum orm_migrate_state state;
	char name[64];
	int64_t applied_ms; /* 0: it was not */
	int64_t took_ms;
};
/* By version; *ret_list is free()d by the caller. Changes nothing, not even orm_migration. */
int orm_migrate_status(struct orm_session *s, const struct orm_migrations *migrations,
		       struct orm_migrate_status **ret_list, size_t *ret_count) ORM_MUST_CHECK;
const char *orm_migrate_state_name(enum orm_migrate_state state); /* "pending" */

#pragma GCC visibility pop

#endif
