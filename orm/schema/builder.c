/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/render/shape.h>
#include <orm/schema/builder.h>

struct orm_schema *schema_new(void)
{
	struct orm_schema *schema = calloc(1, sizeof(*schema));

	if (schema)
		arena_init(&schema->arena, SCHEMA_BYTES_MAX);
	return schema;
}

void orm_schema_free(struct orm_schema *schema)
{
	if (!schema)
		return;
	shape_tables_gone();
	arena_deinit(&schema->arena);
	free(schema->tables);
	free(schema->notes);
	free(schema);
}

const char *schema_text(struct orm_schema *schema, const char *text, size_t len)
{
	return arena_copy(&schema->arena, text, len);
}

int schema_no_room(const struct orm_schema *schema, struct orm_error *err)
{
	if (schema->arena.total > schema->arena.max / 2)
		return orm_fail(err, ORM_E_TOO_BIG, "the schema is too big");
	return orm_fail(err, -ENOMEM, "no memory for the schema");
}

/* ---- drafts ---- */

void draft_release_(struct draft *draft)
{
	free(draft->keys);
}

void draft_begin(struct draft *draft, const char *name)
{
	draft->name = name;
	draft->count = draft->key_count = 0;
	draft->odd = draft->extra = NULL;
	draft->inner_unique = false;
}

int draft_key(struct draft *draft, const struct orm_key *key, struct orm_error *err)
{
	if (draft->key_count == draft->key_room) {
		unsigned room = draft->key_room ? draft->key_room * 2 : 16;
		struct orm_key *keys;

		if (room > ORM_SCHEMA_KEYS_MAX)
			return orm_fail(err, ORM_E_QUERY, "table '%s' has more than %u keys",
					draft->name, ORM_SCHEMA_KEYS_MAX);
		keys = realloc(draft->keys, room * sizeof(*keys));
		if (!keys)
			return orm_fail(err, -ENOMEM, "no memory for the schema");
		draft->keys = keys;
		draft->key_room = room;
	}
	draft->keys[draft->key_count++] = *key;
	return 0;
}

static unsigned align_of(const struct orm_column *c)
{
	switch ((enum orm_kind)c->kind) {
	case ORM_K_BOOL:
	case ORM_K_UUID:
		return 1;
	case ORM_K_I64:
	case ORM_K_F64:
		return c->size;
	case ORM_K_NULL:
	case ORM_K_TEXT:
	case ORM_K_BYTES:
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		break;
	}
	return sizeof(void *);
}

static uint32_t align_up(uint32_t offset, unsigned to)
{
	return (offset + to - 1) / to * to;
}

/* Offsets of the columns; returns the size of the struct. */
static uint32_t lay_out(struct orm_column *columns, unsigned n)
{
	uint32_t offset = sizeof(uint64_t);

	for (unsigned i = 0; i < n; i++) {
		offset = align_up(offset, align_of(&columns[i]));
		columns[i].offset = offset;
		offset += columns[i].size;
	}
	return align_up(offset, sizeof(uint64_t));
}

static int grow_tables(struct orm_schema *schema, struct orm_error *err)
{
	size_t room = schema->room ? schema->room * 2 : 16;
	struct schema_table *tables;

	if (schema->count < schema->room)
		return 0;
	if (room > ORM_SCHEMA_TABLES_MAX)
		return orm_fail(err, ORM_E_TOO_BIG, "more than %u tables", ORM_SCHEMA_TABLES_MAX);
	tables = realloc(schema->tables, room * sizeof(*tables));
	if (!tables)
		return orm_fail(err, -ENOMEM, "no memory for the schema");
	schema->tables = tables;
	schema->room = room;
	return 0;
}

int schema_add(struct orm_schema *schema, const struct draft *draft, struct orm_error *err)
{
	size_t columns_size = draft->count * sizeof(struct orm_column);
	size_t keys_size = draft->key_count * sizeof(struct orm_key);
	struct schema_table made = {
		.odd = draft->odd, .extra = draft->extra, .inner_unique = draft->inner_unique};
	struct orm_column *columns = arena_alloc(&schema->arena, columns_size + 1);
	struct orm_key *keys = arena_alloc(&schema->arena, keys_size + 1);
	int r;

	if (!columns || !keys)
		return schema_no_room(schema, err);
	memcpy(columns, draft->columns, columns_size);
	if (keys_size)
		memcpy(keys, draft->keys, keys_size);
	made.t = (struct orm_table){.name = draft->name,
				    .columns = columns,
				    .keys = keys,
				    .count = (uint16_t)draft->count,
				    .key_count = (uint16_t)draft->key_count,
				    .size = lay_out(columns, draft->count)};
	r = orm_table_check(&made.t, err);
	if (!r)
		r = grow_tables(schema, err);
	if (r)
		return r;
	for (size_t i = 0; i < schema->count; i++)
		if (!strcasecmp(schema->tables[i].t.name, draft->name))
			return orm_fail(err, ORM_E_QUERY, "two tables are called '%s'",
					draft->name);
	schema->tables[schema->count++] = made;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct schema_table *x = a, *y = b;

	return strcmp(x->t.name, y->t.name);
}

void schema_sort(struct orm_schema *schema)
{
	if (schema->count)
		qsort(schema->tables, schema->count, sizeof(*schema->tables), by_name);
}

int schema_note(struct orm_schema *schema, struct orm_error *err, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (schema->note_count == schema->note_room) {
		size_t room = schema->note_room ? schema->note_room * 2 : 16;
		const char **notes = realloc(schema->notes, room * sizeof(*notes));

		if (!notes)
			return orm_fail(err, -ENOMEM, "no memory for the schema");
		schema->notes = notes;
		schema->note_room = room;
	}
	schema->notes[schema->note_count] = schema_text(schema, line, strlen(line));
	if (!schema->notes[schema->note_count])
		return schema_no_room(schema, err);
	schema->note_count++;
	return 0;
}

/* ---- what is asked of a schema ---- */

size_t orm_schema_count(const struct orm_schema *schema)
{
	return schema->count;
}

const struct orm_table *orm_schema_table(const struct orm_schema *schema, size_t i)
{
	return i < schema->count ? &schema->tables[i].t : NULL;
}

const struct orm_table *orm_schema_find(const struct orm_schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->count; i++)
		if (!strcmp(schema->tables[i].t.name, name))
			return &schema->tables[i].t;
	return NULL;
}

size_t orm_schema_note_count(const struct orm_schema *schema)
{
	return schema->note_count;
}

const char *orm_schema_note(const struct orm_schema *schema, size_t i)
{
	return i < schema->note_count ? schema->notes[i] : NULL;
}

/* ---- of what the program declares ---- */

static int copy_table(struct orm_schema *schema, const struct orm_table *from, struct draft *draft,
		      struct orm_error *err)
{
	const char *name = schema_text(schema, from->name, strlen(from->name));

	if (!name)
		return schema_no_room(schema, err);
	draft_begin(draft, name);
	for (unsigned i = 0; i < from->count; i++) {
		struct orm_column *c = &draft->columns[draft->count++];

		*c = from->columns[i];
		c->name = schema_text(schema, c->name, strlen(c->name));
		if (!c->name)
			return schema_no_room(schema, err);
	}
	for (unsigned i = 0; i < from->key_count; i++) {
		struct orm_key key = from->keys[i];
		int r;

		key.name = schema_text(schema, key.name, strlen(key.name));
		key.a = schema_text(schema, key.a, strlen(key.a));
		key.b = schema_text(schema, key.b, strlen(key.b));
		if (!key.name || !key.a || !key.b)
			return schema_no_room(schema, err);
		r = draft_key(draft, &key, err);
		if (r)
			return r;
	}
	return schema_add(schema, draft, err);
}

int orm_schema_of(const struct orm_table *const *tables, size_t n, struct orm_schema **ret_schema,
		  struct orm_error *ret_error)
{
	own_schema struct orm_schema *schema = schema_new();
	own_draft struct draft draft = {0};

	if (!schema)
		return orm_fail(ret_error, -ENOMEM, "no memory for the schema");
	for (size_t i = 0; i < n; i++) {
		int r = orm_table_check(tables[i], ret_error);

		if (!r)
			r = copy_table(schema, tables[i], &draft, ret_error);
		if (r)
			return r;
	}
	schema_sort(schema);
	*ret_schema = take_ptr(schema);
	return 0;
}
