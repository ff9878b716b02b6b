/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas on the heap, and how they are made: a draft of a table is filled, its texts being in the
 * schema's arena, and then added, which lays out its struct as the compiler would and checks it.
 */
#ifndef STRAZH_ORM_BUILDER_H
#define STRAZH_ORM_BUILDER_H

#include <strazh/orm/schema.h>

#include <orm/base/arena.h>
#include <orm/table/keys.h>

#define SCHEMA_BYTES_MAX (64U << 20)

struct schema_table {
	struct orm_table t;
	/* Of a table of SQLite that must be built anew: why that cannot be done, or NULL; and the
	 * statements that make again what goes away with it (triggers, indexes no list can say). */
	const char *odd;
	const char *extra;
	bool inner_unique; /* has one without an index to drop, inside its CREATE TABLE */
};

struct orm_schema {
	struct arena arena;
	struct schema_table *tables; /* malloc'ed */
	size_t count;
	size_t room;
	const char **notes; /* malloc'ed */
	size_t note_count;
	size_t note_room;
};

struct draft {
	const char *name;
	struct orm_column columns[ORM_COLUMNS_MAX + 1]; /* offset is not set */
	unsigned count;
	struct orm_key *keys; /* malloc'ed */
	unsigned key_count;
	unsigned key_room;
	const char *odd;
	const char *extra;
	bool inner_unique;
};

struct orm_schema *schema_new(void) must_check;
static inline void schema_release_(struct orm_schema **schema)
{
	orm_schema_free(*schema);
}
#define own_schema cleanup_with(schema_release_)

/* A copy in the schema's arena, or NULL (schema_no_room() says which). */
const char *schema_text(struct orm_schema *schema, const char *text, size_t len) must_check;
int schema_no_room(const struct orm_schema *schema, struct orm_error *err);

void draft_release_(struct draft *draft);
#define own_draft cleanup_with(draft_release_)
/* Forget what is in it, but keep its memory. */
void draft_begin(struct draft *draft, const char *name);
/* 0, -ENOMEM, or ORM_E_QUERY: too many keys. */
int draft_key(struct draft *draft, const struct orm_key *key, struct orm_error *err) must_check;
/* Checks it, also that its name is new. */
int schema_add(struct orm_schema *schema, const struct draft *draft,
	       struct orm_error *err) must_check;
/* Ends with the sorting of tables by name. */
void schema_sort(struct orm_schema *schema);
int schema_note(struct orm_schema *schema, struct orm_error *err, const char *format,
		...) must_check printf_like(3, 4);

/* The C types of table.h. */
struct ctype {
	const char *name;
	uint8_t kind;
	uint8_t size;
};
const struct ctype *ctype_find(struct orm_word name);
/* Of a column as it is; NULL when no C type is like that. */
const struct ctype *ctype_of(const struct orm_column *column);
/* The one that types.h gives to this SQL type. */
const struct ctype *ctype_for(enum orm_type type);
/* Names of all of them, or of all SQL types, for messages; `to` is cut at its end. */
void ctype_names(char *to, size_t size);
void type_names(char *to, size_t size);

/* A column's name that is a word of C, or orm_null, can be in no list. */
bool name_fits_c(const char *name);

#endif
