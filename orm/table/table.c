/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of tables: looking up, checking, and reading a row through one. A descriptor comes
 * from the compiler (table.h) or from a file or database (schema.h); the check treats both alike,
 * so that nothing behind it needs to doubt a name, an offset or a type.
 */
#include <string.h>
#include <strings.h>

#include <orm/base/fault.h>
#include <orm/table/keys.h>

static const uint16_t roles[] = {ORM_ROLE_1, ORM_ROLE_2, ORM_ROLE_3};

uint64_t orm_table_mask(const struct orm_table *table, unsigned role)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < table->count; i++) {
		unsigned flags = table->columns[i].flags, needs = 0;

		for (unsigned k = 0; k < ARRAY_LEN(roles); k++)
			if (flags & roles[k])
				needs = k + 1;
		if (!(flags & ORM_SECRET) && role >= needs)
			mask |= 1ULL << i;
	}
	return mask;
}

int orm_table_find(const struct orm_table *table, const char *name, size_t len)
{
	for (unsigned i = 0; i < table->count; i++) {
		const char *have = table->columns[i].name;

		if (strnlen(have, len + 1) == len && !memcmp(have, name, len))
			return (int)i;
	}
	return -1;
}

/* ---- the check ---- */

unsigned orm_type_width(enum orm_type type)
{
	switch (type) {
	case ORM_T_BOOLEAN:
		return sizeof(bool);
	case ORM_T_SMALLINT:
		return sizeof(int16_t);
	case ORM_T_INTEGER:
		return sizeof(int32_t);
	case ORM_T_REAL:
		return sizeof(float);
	case ORM_T_BIGINT:
	case ORM_T_TIMESTAMP_MS:
		return sizeof(int64_t);
	case ORM_T_DOUBLE:
		return sizeof(double);
	case ORM_T_NUMERIC:
	case ORM_T_TEXT:
	case ORM_T_INET:
	case ORM_T_CIDR:
	case ORM_T_JSON:
	case ORM_T_JSONB:
		return sizeof(const char *);
	case ORM_T_BYTES:
		return sizeof(struct orm_bytes);
	case ORM_T_UUID:
		return sizeof(struct orm_uuid);
	case ORM_T_BIGINTS:
	case ORM_T_DOUBLES:
	case ORM_T_TEXTS:
	case ORM_T_VECTOR:
		return sizeof(struct orm_i64s);
	case ORM_T_NONE:
	case ORM_T_COUNT:
		break;
	}
	return 0;
}

/* Numbers come in widths; of everything else there is one. A wider number holds a narrower. */
static bool size_ok(const struct orm_column *c)
{
	unsigned least = orm_type_width(c->type);

	if (c->kind == ORM_K_I64)
		return c->size >= least && (c->size == 2 || c->size == 4 || c->size == 8);
	if (c->kind == ORM_K_F64)
		return c->size >= least && (c->size == 4 || c->size == 8);
	return c->size == least;
}

static int refuse(struct orm_error *err, const struct orm_table *table, const char *column,
		  const char *why)
{
	orm_fail(err, ORM_E_QUERY, "table '%.63s': '%.63s': %s", table->name ? table->name : "",
		 column ? column : "", why);
	if (err) {
		orm_fault_name(err->table, table->name);
		orm_fault_name(err->column, column);
	}
	return ORM_E_QUERY;
}

static bool text_ok(const char *name)
{
	return name && orm_name_ok(name, strnlen(name, ORM_NAME_MAX + 1));
}

static int check_column(const struct orm_table *table, unsigned i, struct orm_error *err)
{
	const struct orm_column *c = &table->columns[i];

	if (!text_ok(c->name))
		return refuse(err, table, c->name,
			      "not a name of a column: [A-Za-z_][A-Za-z0-9_]{0,62}");
	if (c->type == ORM_T_NONE || c->type >= ORM_T_COUNT)
		return refuse(err, table, c->name, "the type of the column is none of types.h");
	if (c->kind != orm_type_kind(c->type) || !size_ok(c))
		return refuse(err, table, c->name, "the field cannot hold the column's type");
	if (c->offset < sizeof(uint64_t) || c->offset > table->size ||
	    c->size > table->size - c->offset)
		return refuse(err, table, c->name, "the field lies outside the struct");
	/* SQLite takes names without regard to case. */
	for (unsigned k = 0; k < i; k++)
		if (!strcasecmp(table->columns[k].name, c->name))
			return refuse(err, table, c->name, "two columns have this name");
	return 0;
}

/* The database numbers what SQLite can number: the only column of the primary key. */
static int check_auto(const struct orm_table *table, struct orm_error *err)
{
	unsigned pk = 0;

	for (unsigned i = 0; i < table->count; i++)
		pk += !!(table->columns[i].flags & ORM_PK);
	for (unsigned i = 0; i < table->count; i++) {
		const struct orm_column *c = &table->columns[i];

		if (!(c->flags & ORM_AUTO))
			continue;
		if (!(c->flags & ORM_PK) || pk != 1)
			return refuse(err, table, c->name,
				      "AUTO is for the only column of the primary key");
		if (c->type != ORM_T_SMALLINT && c->type != ORM_T_INTEGER &&
		    c->type != ORM_T_BIGINT)
			return refuse(err, table, c->name,
				      "AUTO is for SMALLINT, INTEGER and BIGINT");
	}
	return 0;
}

static bool is_column(const struct orm_table *table, struct orm_word name)
{
	return orm_table_find(table, name.at, name.len) >= 0;
}

/* What is wrong with a key, or NULL. */
static const char *key_fault(const struct orm_table *table, const struct orm_key *key)
{
	struct orm_word theirs, ours;
	enum orm_on_delete action;

	if (!text_ok(key->name) || !key->a || !key->b)
		return "not a name of a key: [A-Za-z_][A-Za-z0-9_]{0,62}";
	switch ((enum orm_key_kind)key->kind) {
	case ORM_KEY_INDEX:
	case ORM_KEY_UNIQUE:
		return orm_names_mask(table, key->a) ? NULL
						     : "its columns should be names of columns, "
						       "separated by commas, none twice";
	case ORM_KEY_CHECK:
		return *key->a ? NULL : "the condition is empty";
	case ORM_KEY_DEFAULT:
		if (orm_table_find(table, key->name, strlen(key->name)) < 0)
			return "DEFAULT of a column that is not there";
		return *key->a ? NULL : "the default is empty";
	case ORM_KEY_FOREIGN:
		if (orm_table_find(table, key->name, strlen(key->name)) < 0)
			return "FOREIGN of a column that is not there";
		if (!text_ok(key->a) || !orm_key_foreign(key, &theirs, &action))
			return "FOREIGN should be: column, \"table\", \"column CASCADE\" (or "
			       "RESTRICT, SET NULL, nothing)";
		return NULL;
	case ORM_KEY_MANY:
	case ORM_KEY_ONE:
		if (!text_ok(key->a) || !orm_key_relation(key, &theirs, &ours))
			return "a relation should be: name, \"table\", \"theirs = ours\"";
		return is_column(table, ours) ? NULL : "our column of the relation is not there";
	}
	return "not a kind of key";
}

/* Those two may be of one name: FOREIGN and DEFAULT of one column are two things of it. */
static bool same_names_meet(const struct orm_key *a, const struct orm_key *b)
{
	bool relation_a = a->kind == ORM_KEY_MANY || a->kind == ORM_KEY_ONE;
	bool relation_b = b->kind == ORM_KEY_MANY || b->kind == ORM_KEY_ONE;

	if (a->kind == ORM_KEY_FOREIGN || a->kind == ORM_KEY_DEFAULT ||
	    b->kind == ORM_KEY_FOREIGN || b->kind == ORM_KEY_DEFAULT)
		return a->kind == b->kind;
	return relation_a == relation_b;
}

static int check_keys(const struct orm_table *table, struct orm_error *err)
{
	for (unsigned i = 0; i < table->key_count; i++) {
		const struct orm_key *key = &table->keys[i];
		const char *fault = key_fault(table, key);

		for (unsigned k = 0; k < i && !fault; k++)
			if (!strcasecmp(table->keys[k].name, key->name) &&
			    same_names_meet(&table->keys[k], key))
				fault = "two keys have this name";
		if (fault)
			return refuse(err, table, key->name, fault);
	}
	return 0;
}

int orm_table_check(const struct orm_table *table, struct orm_error *ret_error)
{
	int r;

	if (!table || !text_ok(table->name))
		return orm_fail(ret_error, ORM_E_QUERY,
				"'%.63s' is no name of a table: [A-Za-z_][A-Za-z0-9_]{0,62}",
				table && table->name ? table->name : "");
	if (!table->count || table->count > ORM_COLUMNS_MAX)
		return orm_fail(ret_error, ORM_E_QUERY,
				"table '%s' has %u columns; it should have 1 to %d", table->name,
				table->count, ORM_COLUMNS_MAX);
	for (unsigned i = 0; i < table->count; i++) {
		r = check_column(table, i, ret_error);
		if (r)
			return r;
	}
	r = check_auto(table, ret_error);
	return r ? r : check_keys(table, ret_error);
}

/* ---- a row ---- */

static int64_t read_int(const void *field, unsigned size)
{
	int16_t i16;
	int32_t i32;
	int64_t i64;

	switch (size) {
	case sizeof(i16):
		memcpy(&i16, field, sizeof(i16));
		return i16;
	case sizeof(i32):
		memcpy(&i32, field, sizeof(i32));
		return i32;
	default:
		memcpy(&i64, field, sizeof(i64));
		return i64;
	}
}

static double read_float(const void *field, unsigned size)
{
	float f32;
	double f64;

	if (size == sizeof(f32)) {
		memcpy(&f32, field, sizeof(f32));
		return (double)f32;
	}
	memcpy(&f64, field, sizeof(f64));
	return f64;
}

/* The pointer-and-count structs have one layout: their elements differ, their NULL is one. */
static struct orm_value read_span(enum orm_kind kind, const void *field)
{
	struct orm_bytes span;

	_Static_assert(sizeof(span) == sizeof(struct orm_i64s), "one layout");
	_Static_assert(offsetof(struct orm_bytes, len) == offsetof(struct orm_i64s, n),
		       "one layout");
	_Static_assert(offsetof(struct orm_f64s, n) == offsetof(struct orm_strs, n), "one layout");
	memcpy(&span, field, sizeof(span));
	if (!span.data)
		return orm_value_null();
	return (struct orm_value){.kind = kind, .p = span.data, .len = span.len};
}

static struct orm_value read_field(const struct orm_column *c, const void *field)
{
	const char *text;

	switch ((enum orm_kind)c->kind) {
	case ORM_K_BOOL:
		return orm_value_bool(*(const bool *)field);
	case ORM_K_I64:
		return orm_value_i64(read_int(field, c->size));
	case ORM_K_F64:
		return orm_value_f64(read_float(field, c->size));
	case ORM_K_TEXT:
		memcpy(&text, field, sizeof(text));
		return orm_value_text(text);
	case ORM_K_UUID:
		return orm_value_uuid(field);
	case ORM_K_BYTES:
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		return read_span(c->kind, field);
	case ORM_K_NULL:
		break;
	}
	return orm_value_null();
}

struct orm_value orm_row_get(const struct orm_table *table, unsigned column, const void *row)
{
	const struct orm_column *c = &table->columns[column];
	struct orm_value value = orm_value_null();
	uint64_t null;

	memcpy(&null, row, sizeof(null));
	if (!(null >> column & 1))
		value = read_field(c, (const char *)row + c->offset);
	value.type = c->type;
	return value;
}
