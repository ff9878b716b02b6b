/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations from inside: the steps of one database, sorted, dense, with their checksums. */
#ifndef STRAZH_ORM_MIGRATE_IMPL_H
#define STRAZH_ORM_MIGRATE_IMPL_H

#include <strazh/base/compiler.h>
#include <strazh/orm/migrate.h>
#include <strazh/orm/table.h>

#define SHA256_TEXT 65

struct step_text {
	char *sql; /* NULL: there is none */
	bool no_transaction;
	bool keys_off;
};

struct step {
	uint32_t version;
	char name[ORM_NAME_MAX + 1];
	struct step_text up;
	struct step_text down;
	char checksum[SHA256_TEXT]; /* of up */
	/* While they are read: was this text written for one database? */
	bool up_special;
	bool down_special;
};

struct orm_migrations {
	struct step *steps;
	size_t count;
	size_t room;
};

/* The step with this version, or NULL. */
const struct step *step_find(const struct orm_migrations *m, uint32_t version);
int step_sha256(const char *text, char to[SHA256_TEXT]) must_check;

/* What orm_migration holds. */
#define ORM_MIGRATION(X)                                                                           \
	X(i64, version, BIGINT, PK)                                                                \
	X(str, name, TEXT, NN)                                                                     \
	X(str, checksum, TEXT, NN)                                                                 \
	X(i64, applied_ms, TIMESTAMP_MS, NN)                                                       \
	X(i64, took_ms, BIGINT, NN)
ORM_TABLE(orm_migration, ORM_MIGRATION)
/* took_ms of a step without a transaction that was begun and has not ended. */
#define TOOK_UNFINISHED (-1)

#endif
