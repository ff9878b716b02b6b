/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table is one list of columns. From it come the C struct, the descriptor, the DDL for both
 * databases, binding, fetching, and JSON:
 *
 *	#define IP_BAN(X)                                       \
 *		X(i64, id, BIGINT, PK | AUTO)                   \
 *		X(str, cidr, CIDR, NN | UNIQUE)                 \
 *		X(f64, score, DOUBLE, NN)                       \
 *		X(i64, until_ms, TIMESTAMP_MS, 0)
 *	ORM_TABLE(ip_ban, IP_BAN)
 *
 * declares `struct ip_ban` and the function `ip_ban_table()`, in a header or a source file. Indexes
 * and all that concerns more than one column come as a second list, K(kind, name, a, b), of texts:
 *
 *	#define IP_BAN_KEYS(K)                                                  \
 *		K(INDEX, ip_ban_by_until, "until_ms, score", "")                \
 *		K(UNIQUE, ip_ban_pair, "cidr, score", "")                       \
 *		K(CHECK, ip_ban_range, "score >= 0 AND score <= 1", "")         \
 *		K(FOREIGN, owner_id, "owner", "id CASCADE")                     \
 *		K(DEFAULT, score, "0.5", "")                                    \
 *		K(MANY, events, "ban_event", "ban_id = id")                     \
 *		K(ONE, owner, "owner", "id = owner_id")
 *	ORM_TABLE_KEYS(ip_ban, IP_BAN, IP_BAN_KEYS)
 *
 * FOREIGN: column, table, its column and what happens on delete (CASCADE, RESTRICT, SET NULL).
 * MANY and ONE are relations for relation.h: other table, its column = ours.
 *
 * Limits: 64 columns; names of [A-Za-z_][A-Za-z0-9_]{0,62}, checked when a query is built.
 */
#ifndef STRAZH_ORM_TABLE_H
#define STRAZH_ORM_TABLE_H

#include <strazh/orm/types.h>

#pragma GCC visibility push(default)

#define ORM_COLUMNS_MAX 64
#define ORM_NAME_MAX 63

enum orm_column_flag {
	ORM_PK = 1,	  /* (part of) the primary key; implies NN */
	ORM_AUTO = 2,	  /* the database numbers it; left out of inserts when it is 0 */
	ORM_NN = 4,	  /* NOT NULL */
	ORM_UNIQUE = 8,	  /* alone */
	ORM_INDEX = 16,	  /* alone, not unique */
	ORM_SECRET = 32,  /* in no JSON, no log, no mask but ORM_MASK_ALL */
	ORM_ROLE_1 = 64,  /* needs role 1 or higher to be seen; without: role 0 */
	ORM_ROLE_2 = 128, /* needs role 2 */
	ORM_ROLE_3 = 256, /* needs role 3 */
};

struct orm_column {
	const char *name;
	uint8_t type; /* enum orm_type */
	uint8_t kind; /* enum orm_kind of the field */
	uint8_t size; /* bytes of the field */
	uint16_t flags;
	uint32_t offset; /* of the field in the struct */
};

enum orm_key_kind {
	ORM_KEY_INDEX,
	ORM_KEY_UNIQUE,
	ORM_KEY_CHECK,
	ORM_KEY_FOREIGN,
	ORM_KEY_DEFAULT,
	ORM_KEY_MANY,
	ORM_KEY_ONE,
};

struct orm_key {
	uint8_t kind; /* enum orm_key_kind */
	const char *name;
	const char *a;
	const char *b;
};

/* Immutable, and known by its address. The struct begins with uint64_t orm_null. */
struct orm_table {
	const char *name;
	const struct orm_column *columns;
	const struct orm_key *keys;
	uint16_t count; /* columns */
	uint16_t key_count;
	uint32_t size; /* of the struct */
};

/* Bit of the column in orm_null and in masks. */
#define ORM_BIT(table, column) (1ULL << offsetof(struct table##_index_, column))
#define ORM_MASK_ALL UINT64_MAX
/* The columns that somebody of this role (0 to 3) may see; never one that is SECRET. */
uint64_t orm_table_mask(const struct orm_table *table, unsigned role);
/* Index of the column with this name, or -1. */
int orm_table_find(const struct orm_table *table, const char *name, size_t len);
/* 0, or ORM_E_QUERY with *ret_why: a bad name, a type that the field cannot hold, no columns. */
struct orm_error;
int orm_table_check(const struct orm_table *table, struct orm_error *ret_error) ORM_MUST_CHECK;

/* A field of the row as a value, and back. Borrowed from the row; into the row by reference. */
struct orm_value orm_row_get(const struct orm_table *table, unsigned column, const void *row);

/* ---- what the lists expand to ---- */

typedef bool orm_c_b;
typedef int16_t orm_c_i16;
typedef int32_t orm_c_i32;
typedef int64_t orm_c_i64;
typedef float orm_c_f32;
typedef double orm_c_f64;
typedef const char *orm_c_str;
typedef struct orm_bytes orm_c_bytes;
typedef struct orm_uuid orm_c_uuid;
typedef struct orm_i64s orm_c_i64s;
typedef struct orm_f64s orm_c_f64s;
typedef struct orm_strs orm_c_strs;

enum {
	ORM_KIND_b = ORM_K_BOOL,
	ORM_KIND_i16 = ORM_K_I64,
	ORM_KIND_i32 = ORM_K_I64,
	ORM_KIND_i64 = ORM_K_I64,
	ORM_KIND_f32 = ORM_K_F64,
	ORM_KIND_f64 = ORM_K_F64,
	ORM_KIND_str = ORM_K_TEXT,
	ORM_KIND_bytes = ORM_K_BYTES,
	ORM_KIND_uuid = ORM_K_UUID,
	ORM_KIND_i64s = ORM_K_I64S,
	ORM_KIND_f64s = ORM_K_F64S,
	ORM_KIND_strs = ORM_K_TEXTS,
};

#define ORM_FIELD_(ctype, name, type, flags) orm_c_##ctype name;
#define ORM_INDEX_(ctype, name, type, flags) char name;
#define ORM_COLUMN_(ctype, name, type, flags)                                                      \
	{#name,                                                                                    \
	 ORM_T_##type,                                                                             \
	 ORM_KIND_##ctype,                                                                         \
	 sizeof(orm_c_##ctype),                                                                    \
	 flags,                                                                                    \
	 offsetof(orm_self_, name)},
#define ORM_KEY_(kind, name, a, b) {ORM_KEY_##kind, #name, a, b},
#define ORM_NO_KEYS_(K)

/* The flags have short names inside the list only. The function is one in the whole program. */
#define ORM_TABLE_KEYS(table, LIST, KEYS)                                                          \
	struct table {                                                                             \
		uint64_t orm_null; /* bit i: column i is NULL */                                   \
		LIST(ORM_FIELD_)                                                                   \
	};                                                                                         \
	struct table##_index_ {                                                                    \
		LIST(ORM_INDEX_)                                                                   \
	};                                                                                         \
	const struct orm_table *table##_table(void);                                               \
	__attribute__((weak, const)) const struct orm_table *table##_table(void)                   \
	{                                                                                          \
		enum {                                                                             \
			PK = ORM_PK,                                                               \
			AUTO = ORM_AUTO,                                                           \
			NN = ORM_NN,                                                               \
			UNIQUE = ORM_UNIQUE,                                                       \
			INDEX = ORM_INDEX,                                                         \
			SECRET = ORM_SECRET,                                                       \
			ROLE_1 = ORM_ROLE_1,                                                       \
			ROLE_2 = ORM_ROLE_2,                                                       \
			ROLE_3 = ORM_ROLE_3                                                        \
		};                                                                                 \
		typedef struct table orm_self_;                                                    \
		static const struct orm_column columns[] = {LIST(ORM_COLUMN_)};                    \
		static const struct orm_key keys[] = {KEYS(ORM_KEY_){0, NULL, NULL, NULL}};        \
		static const struct orm_table self = {                                             \
			#table,                                                                    \
			columns,                                                                   \
			keys,                                                                      \
			sizeof(columns) / sizeof(columns[0]),                                      \
			sizeof(keys) / sizeof(keys[0]) - 1,                                        \
			sizeof(struct table),                                                      \
		};                                                                                 \
		(void)PK, (void)AUTO, (void)NN, (void)UNIQUE, (void)INDEX, (void)SECRET;           \
		(void)ROLE_1, (void)ROLE_2, (void)ROLE_3;                                          \
		return &self;                                                                      \
	}
#define ORM_TABLE(table, LIST) ORM_TABLE_KEYS(table, LIST, ORM_NO_KEYS_)
/* A result that is no table: the same list, used only to fetch into. */
#define ORM_ROW(row, LIST) ORM_TABLE(row, LIST)
#ifndef ORM_NO_SHORT_NAMES
/* The descriptor of a table. */
#define T(table) table##_table()
#endif

#pragma GCC visibility pop

#endif
