/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values in the formats of PostgreSQL's wire, both ways. Pure: bytes in, bytes out; the memory of
 * what is made is the caller's arena, what need not be made is borrowed from the input.
 *
 * Functions return 0; ORM_E_VALUE with *ret_why, a few words; ORM_E_TOO_BIG when the arena's cap is
 * reached; or -ENOMEM. The bytes of a server are not trusted: any length may lie.
 */
#ifndef STRAZH_ORM_PG_CODEC_H
#define STRAZH_ORM_PG_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/types.h>

#include <orm/base/arena.h>
#include <orm/base/netaddr.h>

/* One value as it goes out. */
struct pg_cell {
	const char *data; /* NULL: the SQL NULL. Text format ends in NUL. */
	uint32_t len;	  /* binary format only */
	uint32_t oid;	  /* its type; 0: the server infers it */
	bool binary;
};

/* What a cell is for decides where text is good enough. */
enum pg_way {
	PG_PARAM, /* of a statement: has a type and a format of its own */
	PG_FIELD, /* of binary COPY: always binary, its type is the column's */
};

/*
 * `type` is the declared one (enum orm_type) or ORM_T_NONE. An integer goes out as int8 and a
 * number with a fraction as float8 whatever the column's width: PostgreSQL compares across widths,
 * and reports what does not fit an assignment (22003). COPY cannot: its fields are as wide as the
 * column.
 */
int pg_encode(struct arena *arena, const struct orm_value *value, enum orm_type type,
	      enum pg_way way, struct pg_cell *ret_cell, const char **ret_why) must_check;

/*
 * A field that is not NULL: `data` has `len` bytes, and one NUL after them. `want` is the declared
 * type or ORM_T_NONE, then it is as the OID says. Numbers become the kind that is wanted when they
 * fit it exactly (a float may round). Unknown OIDs are refused in binary and TEXT in text format.
 */
int pg_decode(struct arena *arena, uint32_t oid, enum orm_type want, const char *data, size_t len,
	      struct orm_value *ret_value, const char **ret_why) must_check;
int pg_decode_text(struct arena *arena, uint32_t oid, enum orm_type want, const char *data,
		   size_t len, struct orm_value *ret_value, const char **ret_why) must_check;

/* ---- the parts, for each other and for tests ---- */

int pg_no_room(const struct arena *arena, size_t size) must_check; /* which failure it was */

/* Makes the value one of type `want`, when that is exact. */
int pg_convert(struct arena *arena, enum orm_type want, struct orm_value *value,
	       const char **ret_why) must_check;

/* Of a timestamptz on the wire; false: it is infinity. */
bool pg_time_ms(int64_t us, int64_t *ret_ms) must_check;

/* inet.c: 4 + 4 or 4 + 16 bytes; text of at most PG_INET_TEXT_MAX with the NUL. */
#define PG_INET_WIRE_MAX 20
#define PG_INET_TEXT_MAX ORM_NETADDR_TEXT
int pg_inet_parse(const char *text, size_t len, bool cidr, uint8_t ret_wire[PG_INET_WIRE_MAX],
		  size_t *ret_len, const char **ret_why) must_check;
int pg_inet_format(const uint8_t *wire, size_t len, bool cidr, char ret_text[PG_INET_TEXT_MAX],
		   const char **ret_why) must_check;

/* numeric.c */
int pg_numeric_parse(struct arena *arena, const char *text, size_t len, const char **ret_wire,
		     size_t *ret_len, const char **ret_why) must_check;
int pg_numeric_format(struct arena *arena, const char *wire, size_t len, const char **ret_text,
		      size_t *ret_len, const char **ret_why) must_check;

/* textual.c */
int pg_time_parse(const char *text, int64_t *ret_ms) must_check; /* ISO, with or without a zone */
/* "[1,2.5]" of pgvector, also "{1,2.5}"; whole text. */
int pg_numbers_parse(struct arena *arena, const char *text, size_t len, bool integers,
		     struct orm_value *ret_value, const char **ret_why) must_check;

#endif
