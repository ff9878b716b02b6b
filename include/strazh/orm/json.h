/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows as JSON objects, a member a column:
 *
 *	column                        JSON
 *	b                             true, false
 *	i16 i32 i64 (TIMESTAMP_MS)    an integer, exact to 64 bits
 *	f32 f64                       a number with the digits that bring the same value back
 *	str                           a string; NUMERIC too, so that no digit is lost
 *	JSON JSONB                    the document itself, not a string
 *	bytes                         a string, base64 with padding (RFC 4648)
 *	uuid                          a string of 36 characters, lower case
 *	arrays                        an array
 *	NULL                          null
 *
 * A column that is SECRET is never written, whatever the mask. NaN and infinite numbers are in no
 * JSON: ORM_E_VALUE. A JSON document `null` reads back as the NULL of SQL.
 *
 * What is read may come from a stranger: text of at most ORM_JSON_TEXT_MAX bytes,
 * ORM_JSON_DEPTH_MAX levels, and no more values than some 256 MiB hold, counted before anything is
 * built.
 */
#ifndef STRAZH_ORM_JSON_H
#define STRAZH_ORM_JSON_H

#include <strazh/orm/error.h>
#include <strazh/orm/table.h>

#pragma GCC visibility push(default)

#define ORM_JSON_TEXT_MAX (64U << 20)
#define ORM_JSON_DEPTH_MAX 64U

/* One row as an object; *ret_text is free()d by the caller. `mask`: orm_table_mask(table, role). */
int orm_json_row(const struct orm_table *table, const void *row, uint64_t mask, char **ret_text,
		 struct orm_error *ret_error) ORM_MUST_CHECK;
/* `count` rows, an array of the table's struct, as an array of objects. */
int orm_json_rows(const struct orm_table *table, const void *rows, size_t count, uint64_t mask,
		  char **ret_text, struct orm_error *ret_error) ORM_MUST_CHECK;

/* Rows that were read, and all that their fields point to. */
struct orm_json;

enum orm_json_flag {
	ORM_JSON_PARTIAL = 1, /* NN columns may be missing: for an update of what was given */
};

/*
 * Read an object, or an array of objects. Strict: a member that is no column of `mask`, comes
 * twice, or is of another type is refused; so is a column that is NN and missing, unless the
 * database fills it (AUTO, K(DEFAULT, ...)). ORM_E_VALUE with the member in ret_error->column and
 * the object, from 0, in ret_error->row; or ORM_E_TOO_BIG.
 */
int orm_json_read(const struct orm_table *table, const char *text, size_t len, uint64_t mask,
		  unsigned flags, struct orm_json **ret_json,
		  struct orm_error *ret_error) ORM_MUST_CHECK;
void orm_json_free(struct orm_json *json);
size_t orm_json_count(const struct orm_json *json);
/* The structs, one after the other; until orm_json_free(). */
const void *orm_json_structs(const struct orm_json *json);
/* Columns that object `row` had: the others are NULL, and best left out (orm_row_masked()). */
uint64_t orm_json_given(const struct orm_json *json, size_t row);

#pragma GCC visibility pop

#endif
