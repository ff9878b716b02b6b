/* SPDX-License-Identifier: Apache-2.0 */
/* Types of columns: their names, what a value of each is read as, what they are in databases. */
#include <string.h>

#include <strazh/base/compiler.h>

#include <orm/table/sqltype.h>

static const struct {
	const char *name;
	enum orm_kind kind;
	const char *pg;
	const char *sqlite;
} types[ORM_T_COUNT] = {
	[ORM_T_NONE] = {"NONE", ORM_K_NULL, "", ""},
	[ORM_T_BOOLEAN] = {"BOOLEAN", ORM_K_BOOL, "boolean", "INTEGER"},
	[ORM_T_SMALLINT] = {"SMALLINT", ORM_K_I64, "smallint", "INTEGER"},
	[ORM_T_INTEGER] = {"INTEGER", ORM_K_I64, "integer", "INTEGER"},
	[ORM_T_BIGINT] = {"BIGINT", ORM_K_I64, "bigint", "INTEGER"},
	[ORM_T_REAL] = {"REAL", ORM_K_F64, "real", "REAL"},
	[ORM_T_DOUBLE] = {"DOUBLE", ORM_K_F64, "double precision", "REAL"},
	[ORM_T_NUMERIC] = {"NUMERIC", ORM_K_TEXT, "numeric", "TEXT"},
	[ORM_T_TEXT] = {"TEXT", ORM_K_TEXT, "text", "TEXT"},
	[ORM_T_BYTES] = {"BYTES", ORM_K_BYTES, "bytea", "BLOB"},
	[ORM_T_TIMESTAMP_MS] = {"TIMESTAMP_MS", ORM_K_I64, "timestamp with time zone", "INTEGER"},
	[ORM_T_UUID] = {"UUID", ORM_K_UUID, "uuid", "TEXT"},
	[ORM_T_INET] = {"INET", ORM_K_TEXT, "inet", "TEXT"},
	[ORM_T_CIDR] = {"CIDR", ORM_K_TEXT, "cidr", "TEXT"},
	[ORM_T_JSON] = {"JSON", ORM_K_TEXT, "json", "TEXT"},
	[ORM_T_JSONB] = {"JSONB", ORM_K_TEXT, "jsonb", "TEXT"},
	[ORM_T_BIGINTS] = {"BIGINTS", ORM_K_I64S, "bigint[]", "TEXT"},
	[ORM_T_DOUBLES] = {"DOUBLES", ORM_K_F64S, "double precision[]", "TEXT"},
	[ORM_T_TEXTS] = {"TEXTS", ORM_K_TEXTS, "text[]", "TEXT"},
	[ORM_T_VECTOR] = {"VECTOR", ORM_K_F64S, "vector", "TEXT"},
};

const char *orm_type_name(enum orm_type type)
{
	return (unsigned)type < ORM_T_COUNT ? types[type].name : "?";
}

enum orm_type orm_type_find(const char *name, size_t len)
{
	for (unsigned i = ORM_T_NONE + 1; i < ORM_T_COUNT; i++)
		if (strlen(types[i].name) == len && !memcmp(types[i].name, name, len))
			return i;
	return ORM_T_NONE;
}

enum orm_kind orm_type_kind(enum orm_type type)
{
	return (unsigned)type < ORM_T_COUNT ? types[type].kind : ORM_K_NULL;
}

const char *orm_type_sql(enum orm_type type, enum orm_dialect dialect)
{
	return dialect == ORM_SQLITE ? types[type].sqlite : types[type].pg;
}
