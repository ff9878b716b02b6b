/* SPDX-License-Identifier: Apache-2.0 */
#include <orm/render/typing.h>

bool type_is_integer(enum orm_type type)
{
	return type == ORM_T_SMALLINT || type == ORM_T_INTEGER || type == ORM_T_BIGINT;
}

bool type_is_float(enum orm_type type)
{
	return type == ORM_T_REAL || type == ORM_T_DOUBLE;
}

bool type_is_number(enum orm_type type)
{
	return type_is_integer(type) || type_is_float(type);
}

enum orm_type type_of_kind(enum orm_kind kind)
{
	static const uint8_t types[] = {
		[ORM_K_NULL] = ORM_T_TEXT,    [ORM_K_BOOL] = ORM_T_BOOLEAN,
		[ORM_K_I64] = ORM_T_BIGINT,   [ORM_K_F64] = ORM_T_DOUBLE,
		[ORM_K_TEXT] = ORM_T_TEXT,    [ORM_K_BYTES] = ORM_T_BYTES,
		[ORM_K_UUID] = ORM_T_UUID,    [ORM_K_I64S] = ORM_T_BIGINTS,
		[ORM_K_F64S] = ORM_T_DOUBLES, [ORM_K_TEXTS] = ORM_T_TEXTS,
	};

	return types[kind];
}

static bool type_is_text_form(enum orm_type type)
{
	return type == ORM_T_TEXT || type == ORM_T_NUMERIC || type == ORM_T_INET ||
	       type == ORM_T_CIDR || type == ORM_T_JSON || type == ORM_T_JSONB;
}

bool kind_fits(enum orm_kind kind, enum orm_type type)
{
	switch (kind) {
	case ORM_K_NULL:
		return true;
	case ORM_K_I64: /* `true` is an int; the driver takes 0 and 1 for a BOOLEAN */
		return type_is_number(type) || type == ORM_T_TIMESTAMP_MS || type == ORM_T_BOOLEAN;
	case ORM_K_F64:
		return type_is_number(type);
	case ORM_K_TEXT:
		return type_is_text_form(type);
	case ORM_K_F64S:
		return type == ORM_T_DOUBLES || type == ORM_T_VECTOR;
	case ORM_K_BOOL:
	case ORM_K_BYTES:
	case ORM_K_UUID:
	case ORM_K_I64S:
	case ORM_K_TEXTS:
		return type == type_of_kind(kind);
	}
	return false;
}

bool kind_stores(enum orm_kind kind, enum orm_type type)
{
	return kind_fits(kind, type) && !(kind == ORM_K_F64 && type_is_integer(type));
}

bool types_compare(enum orm_type a, enum orm_type b, enum orm_dialect dialect)
{
	if (type_is_number(a) && type_is_number(b))
		return true;
	if (dialect == ORM_POSTGRESQL && (a == ORM_T_INET || a == ORM_T_CIDR) &&
	    (b == ORM_T_INET || b == ORM_T_CIDR))
		return true;
	return a == b && a != ORM_T_NONE;
}

bool types_round(enum orm_type a, enum orm_type b)
{
	return a == ORM_T_BIGINT && type_is_float(b);
}

bool types_assign(enum orm_type from, enum orm_type to, enum orm_dialect dialect)
{
	if (type_is_integer(from))
		return type_is_number(to);
	if (type_is_float(from))
		return type_is_float(to);
	return from == to || (dialect == ORM_POSTGRESQL && from == ORM_T_CIDR && to == ORM_T_INET);
}

bool type_has_equality(enum orm_type type, enum orm_dialect dialect)
{
	switch ((unsigned)type) {
	case ORM_T_JSON:
	case ORM_T_VECTOR:
	case ORM_T_NONE:
		return false;
	case ORM_T_JSONB:
		return dialect == ORM_POSTGRESQL;
	default:
		return true;
	}
}

bool type_has_order(enum orm_type type, enum orm_dialect dialect)
{
	switch ((unsigned)type) {
	case ORM_T_NUMERIC:
	case ORM_T_INET:
	case ORM_T_CIDR:
		return dialect == ORM_POSTGRESQL;
	case ORM_T_JSON:
	case ORM_T_JSONB:
	case ORM_T_VECTOR:
	case ORM_T_BIGINTS:
	case ORM_T_DOUBLES:
	case ORM_T_TEXTS:
	case ORM_T_NONE:
		return false;
	default:
		return true;
	}
}

bool type_has_min(enum orm_type type, enum orm_dialect dialect)
{
	return type_has_order(type, dialect) && type != ORM_T_BOOLEAN && type != ORM_T_UUID &&
	       type != ORM_T_BYTES && type != ORM_T_CIDR;
}

/* The wider integer; with a float it is a double, also of two REALs, as SQLite computes them. */
enum orm_type types_arithmetic(enum orm_type a, enum orm_type b)
{
	if (!type_is_number(a) || !type_is_number(b))
		return ORM_T_NONE;
	if (type_is_integer(a) && type_is_integer(b))
		return MAX(a, b);
	return ORM_T_DOUBLE;
}

/*
 * PostgreSQL's rule for UNION and CASE (manual, 10.5). It makes a REAL of a REAL and an integer,
 * which would lose digits of the integer that SQLite keeps: not taken.
 */
enum orm_type types_common(enum orm_type a, enum orm_type b)
{
	if (a == b)
		return a;
	if (!type_is_number(a) || !type_is_number(b))
		return ORM_T_NONE;
	if (type_is_integer(a) == type_is_integer(b))
		return MAX(a, b);
	return a == ORM_T_REAL || b == ORM_T_REAL ? ORM_T_NONE : ORM_T_DOUBLE;
}

bool type_reads_as(enum orm_type type, enum orm_kind kind)
{
	if (type == ORM_T_NONE)
		return true;
	if (type_is_number(type))
		return type_is_integer(type) ? kind == ORM_K_I64 || kind == ORM_K_F64
					     : kind == ORM_K_F64;
	return orm_type_kind(type) == kind;
}
