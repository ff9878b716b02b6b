/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of columns and values.
 *
 * A column has a C type (what the struct holds) and an SQL type (what the database holds):
 *
 *	C type   holds                         NULL is
 *	b        bool                          the column's bit in orm_null
 *	i16 i32 i64                            the same
 *	f32 f64                                the same
 *	uuid     struct orm_uuid, 16 bytes     the same
 *	str      const char *, UTF-8, NUL at the end; no NUL inside      a NULL pointer
 *	bytes    struct orm_bytes, any bytes                             data NULL
 *	i64s f64s strs   arrays: pointer and count                       v NULL
 *
 * In a row that is fetched. In one that is written the bit makes any column NULL.
 *
 * What an SQL type is in each database:
 *
 *	SQL type      C type        PostgreSQL         SQLite (STRICT tables)
 *	BOOLEAN       b             boolean            INTEGER 0 or 1
 *	SMALLINT      i16           smallint           INTEGER
 *	INTEGER       i32           integer            INTEGER
 *	BIGINT        i64           bigint             INTEGER
 *	REAL          f32           real               REAL
 *	DOUBLE        f64           double precision   REAL
 *	NUMERIC       str           numeric            TEXT, exact; compared for equality only
 *	TEXT          str           text               TEXT
 *	BYTES         bytes         bytea              BLOB
 *	TIMESTAMP_MS  i64           timestamptz        INTEGER, ms since 1970-01-01 UTC
 *	UUID          uuid          uuid               TEXT, 36 characters, lower case
 *	INET CIDR     str           inet cidr          TEXT, as PostgreSQL writes it
 *	JSON JSONB    str           json jsonb         TEXT
 *	BIGINTS       i64s          bigint[]           TEXT, a JSON array
 *	DOUBLES       f64s          double precision[] TEXT, a JSON array
 *	TEXTS         strs          text[]             TEXT, a JSON array
 *	VECTOR        f64s          vector (pgvector)  TEXT, a JSON array
 */
#ifndef STRAZH_ORM_TYPES_H
#define STRAZH_ORM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORM_MUST_CHECK __attribute__((warn_unused_result))

#pragma GCC visibility push(default)

enum orm_type {
	ORM_T_NONE, /* not known: a raw statement's column, an untyped value */
	ORM_T_BOOLEAN,
	ORM_T_SMALLINT,
	ORM_T_INTEGER,
	ORM_T_BIGINT,
	ORM_T_REAL,
	ORM_T_DOUBLE,
	ORM_T_NUMERIC,
	ORM_T_TEXT,
	ORM_T_BYTES,
	ORM_T_TIMESTAMP_MS,
	ORM_T_UUID,
	ORM_T_INET,
	ORM_T_CIDR,
	ORM_T_JSON,
	ORM_T_JSONB,
	ORM_T_BIGINTS,
	ORM_T_DOUBLES,
	ORM_T_TEXTS,
	ORM_T_VECTOR,
	ORM_T_COUNT,
};

/* What a value holds, and what a struct's field is. */
enum orm_kind {
	ORM_K_NULL,
	ORM_K_BOOL,
	ORM_K_I64,
	ORM_K_F64,
	ORM_K_TEXT,
	ORM_K_BYTES,
	ORM_K_UUID,
	ORM_K_I64S,
	ORM_K_F64S,
	ORM_K_TEXTS,
};

struct orm_bytes {
	const void *data;
	size_t len;
};
struct orm_uuid {
	uint8_t b[16];
};
struct orm_i64s {
	const int64_t *v;
	size_t n;
};
struct orm_f64s {
	const double *v;
	size_t n;
};
struct orm_strs {
	const char *const *v; /* none of them NULL */
	size_t n;
};

/*
 * One value, borrowed: what `p` points to is the maker's, and must live until the call that takes
 * the value returns. TEXT need not end in NUL when it is read from here: `len` counts.
 */
struct orm_value {
	uint8_t kind; /* enum orm_kind */
	uint8_t type; /* enum orm_type, or ORM_T_NONE: as the kind suggests */
	union {
		bool b;
		int64_t i;
		double f;
		struct {
			const void *p; /* text, bytes, 16 bytes of a UUID, or array elements */
			size_t len;    /* bytes, or elements of an array */
		};
	};
};

static inline struct orm_value orm_value_null(void)
{
	return (struct orm_value){.kind = ORM_K_NULL};
}
static inline struct orm_value orm_value_bool(bool b)
{
	return (struct orm_value){.kind = ORM_K_BOOL, .b = b};
}
static inline struct orm_value orm_value_i64(int64_t i)
{
	return (struct orm_value){.kind = ORM_K_I64, .i = i};
}
static inline struct orm_value orm_value_f64(double f)
{
	return (struct orm_value){.kind = ORM_K_F64, .f = f};
}
/* NULL is the SQL NULL. */
static inline struct orm_value orm_value_text(const char *text)
{
	return text ? (struct orm_value){.kind = ORM_K_TEXT,
					 .p = text,
					 .len = __builtin_strlen(text)}
		    : orm_value_null();
}
static inline struct orm_value orm_value_text_len(const char *text, size_t len)
{
	return (struct orm_value){.kind = ORM_K_TEXT, .p = text, .len = len};
}
static inline struct orm_value orm_value_bytes(struct orm_bytes bytes)
{
	return bytes.data
		       ? (struct orm_value){.kind = ORM_K_BYTES, .p = bytes.data, .len = bytes.len}
		       : orm_value_null();
}
static inline struct orm_value orm_value_uuid(const struct orm_uuid *uuid)
{
	return (struct orm_value){.kind = ORM_K_UUID, .p = uuid->b, .len = 16};
}
static inline struct orm_value orm_value_i64s(struct orm_i64s a)
{
	return (struct orm_value){.kind = ORM_K_I64S, .p = a.v, .len = a.n};
}
static inline struct orm_value orm_value_f64s(struct orm_f64s a)
{
	return (struct orm_value){.kind = ORM_K_F64S, .p = a.v, .len = a.n};
}
static inline struct orm_value orm_value_texts(struct orm_strs a)
{
	return (struct orm_value){.kind = ORM_K_TEXTS, .p = a.v, .len = a.n};
}

const char *orm_type_name(enum orm_type type); /* "BIGINT" */
/* Of `len` characters of text; ORM_T_NONE when there is no such type. */
enum orm_type orm_type_find(const char *name, size_t len);
enum orm_kind orm_type_kind(enum orm_type type); /* what a value of it is read as */

#pragma GCC visibility pop

#endif
