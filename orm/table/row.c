/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include <strazh/orm/error.h>

#include <orm/table/row.h>

static int put_int(void *field, unsigned size, int64_t i)
{
	int16_t i16 = (int16_t)i;
	int32_t i32 = (int32_t)i;

	switch (size) {
	case sizeof(i16):
		memcpy(field, &i16, sizeof(i16));
		return i16 == i ? 0 : ORM_E_VALUE;
	case sizeof(i32):
		memcpy(field, &i32, sizeof(i32));
		return i32 == i ? 0 : ORM_E_VALUE;
	default:
		memcpy(field, &i, sizeof(i));
		return 0;
	}
}

/* A double may lose digits in a float; it may not become infinite. */
static int put_float(void *field, unsigned size, double f)
{
	float f32 = (float)f;

	if (size == sizeof(f)) {
		memcpy(field, &f, sizeof(f));
		return 0;
	}
	memcpy(field, &f32, sizeof(f32));
	return isinf(f32) && !isinf(f) ? ORM_E_VALUE : 0;
}

static int put_field(const struct orm_column *c, void *field, const struct orm_value *value)
{
	struct orm_bytes span = {value->p, value->len};

	switch ((enum orm_kind)value->kind) {
	case ORM_K_BOOL:
		*(bool *)field = value->b;
		return 0;
	case ORM_K_I64:
		return put_int(field, c->size, value->i);
	case ORM_K_F64:
		return put_float(field, c->size, value->f);
	case ORM_K_TEXT:
		memcpy(field, &value->p, sizeof(value->p));
		return 0;
	case ORM_K_UUID:
		memcpy(field, value->p, sizeof(struct orm_uuid));
		return 0;
	case ORM_K_BYTES:
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		memcpy(field, &span, sizeof(span));
		return 0;
	case ORM_K_NULL:
		break;
	}
	return ORM_E_VALUE;
}

/* A NULL pointer says it by itself; a bit besides would outlive the value given to it later. */
static bool needs_bit(const struct orm_column *c)
{
	return c->kind == ORM_K_BOOL || c->kind == ORM_K_I64 || c->kind == ORM_K_F64 ||
	       c->kind == ORM_K_UUID;
}

int orm_row_put(const struct orm_table *table, unsigned column, void *row,
		const struct orm_value *value)
{
	const struct orm_column *c = &table->columns[column];
	void *field = (char *)row + c->offset;
	uint64_t null;

	if (value->kind != ORM_K_NULL && value->kind != c->kind)
		return ORM_E_VALUE;
	memcpy(&null, row, sizeof(null));
	null &= ~(1ULL << column);
	if (value->kind == ORM_K_NULL) {
		null |= needs_bit(c) ? 1ULL << column : 0;
		memset(field, 0, c->size);
	}
	memcpy(row, &null, sizeof(null));
	return value->kind == ORM_K_NULL ? 0 : put_field(c, field, value);
}
