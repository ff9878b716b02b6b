/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Primary keys in one order on both databases, and here: numbers by value, everything else byte by
 * byte. A database sorts texts by its collation, and PostgreSQL addresses by network: there the
 * order is asked for by an expression, which costs it a sort of the table for each pass.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <orm/base/uuid.h>
#include <orm/copy/copy.h>
#include <orm/table/row.h>

#define SORTED_TEXT 160U

const char *copy_key_unfit(const struct orm_table *t, uint64_t key)
{
	for (unsigned i = 0, n = 0; i < t->count; i++) {
		enum orm_type type = (enum orm_type)t->columns[i].type;

		n += key >> i & 1;
		if (n > COPY_KEY_COLUMNS)
			return t->columns[i].name;
		if (key >> i & 1 &&
		    (type == ORM_T_JSON || type == ORM_T_JSONB || type == ORM_T_BIGINTS ||
		     type == ORM_T_DOUBLES || type == ORM_T_TEXTS || type == ORM_T_VECTOR))
			return t->columns[i].name;
	}
	return NULL;
}

/* ---- here ---- */

static int compare_spans(const struct orm_value *a, const struct orm_value *b)
{
	size_t len = MIN(a->len, b->len);
	int d = len ? memcmp(a->p, b->p, len) : 0;

	return d ? d : (a->len > b->len) - (a->len < b->len);
}

static int compare_values(const struct orm_value *a, const struct orm_value *b)
{
	if (a->kind == ORM_K_BOOL)
		return (int)a->b - (int)b->b;
	if (a->kind == ORM_K_I64)
		return (a->i > b->i) - (a->i < b->i);
	if (a->kind != ORM_K_F64)
		return compare_spans(a, b);
	/* PostgreSQL has NaN behind all others; SQLite has none. */
	if (a->f != a->f || b->f != b->f)
		return (a->f != a->f) - (b->f != b->f);
	return (a->f > b->f) - (a->f < b->f);
}

int copy_key_compare(const struct copy_table *t, const void *a, const void *b)
{
	for (unsigned i = 0; i < t->t->count; i++) {
		struct orm_value x, y;
		int d;

		if (!(t->key >> i & 1))
			continue;
		x = orm_row_get(t->t, i, a);
		y = orm_row_get(t->t, i, b);
		d = compare_values(&x, &y);
		if (d)
			return d;
	}
	return 0;
}

/* ---- as bytes: eight of a number, or of a length with the text behind it and a NUL ---- */

static int store_value(const struct orm_value *v, struct copy_buffer *to)
{
	uint64_t n = v->kind == ORM_K_BOOL ? v->b : v->kind == ORM_K_I64 ? (uint64_t)v->i : v->len;
	int r;

	if (v->kind == ORM_K_F64)
		memcpy(&n, &v->f, sizeof(n));
	n = htole64(n);
	r = copy_buffer_add(to, &n, sizeof(n));
	if (r || v->kind == ORM_K_BOOL || v->kind == ORM_K_I64 || v->kind == ORM_K_F64)
		return r;
	r = copy_buffer_add(to, v->p, v->len);
	return r ? r : copy_buffer_add(to, "", 1);
}

int copy_key_store(const struct copy_table *t, const void *row, struct copy_buffer *to)
{
	int r = 0;

	to->len = 0;
	for (unsigned i = 0; i < t->t->count && !r; i++) {
		struct orm_value v;

		if (!(t->key >> i & 1))
			continue;
		v = orm_row_get(t->t, i, row);
		r = store_value(&v, to);
	}
	return r;
}

static bool load_value(const struct copy_buffer *bytes, size_t *at, struct orm_value *v)
{
	uint64_t n;

	if (bytes->len - *at < sizeof(n))
		return false;
	memcpy(&n, bytes->data + *at, sizeof(n));
	n = le64toh(n);
	*at += sizeof(n);
	if (v->kind == ORM_K_BOOL)
		v->b = n;
	else if (v->kind == ORM_K_I64)
		v->i = (int64_t)n;
	else if (v->kind == ORM_K_F64)
		memcpy(&v->f, &n, sizeof(n));
	else if (n >= bytes->len - *at)
		return false;
	if (v->kind == ORM_K_TEXT || v->kind == ORM_K_BYTES || v->kind == ORM_K_UUID) {
		v->p = bytes->data + *at;
		v->len = n;
		*at += n + 1;
	}
	return v->kind != ORM_K_UUID || n == 16;
}

bool copy_key_load(const struct copy_table *t, const struct copy_buffer *bytes, void *row)
{
	size_t at = 0;

	memset(row, 0, t->t->size);
	for (unsigned i = 0; i < t->t->count; i++) {
		struct orm_value v = {.kind = t->t->columns[i].kind};

		if (!(t->key >> i & 1))
			continue;
		if (!load_value(bytes, &at, &v) || orm_row_put(t->t, i, row, &v))
			return false;
	}
	return at == bytes->len;
}

/* ---- for people ---- */

static size_t print_value(const struct orm_value *v, char *to, size_t size)
{
	char uuid[ORM_UUID_LEN + 1];
	const uint8_t *bytes = v->p;
	size_t used = 0;

	switch ((enum orm_kind)v->kind) {
	case ORM_K_BOOL:
		return (size_t)snprintf(to, size, "%s", v->b ? "true" : "false");
	case ORM_K_I64:
		return (size_t)snprintf(to, size, "%" PRId64, v->i);
	case ORM_K_F64:
		return (size_t)snprintf(to, size, "%.17g", v->f);
	case ORM_K_UUID:
		orm_uuid_emit(bytes, uuid);
		return (size_t)snprintf(to, size, "%s", uuid);
	case ORM_K_TEXT:
		return (size_t)snprintf(to, size, "'%.*s'", (int)MIN(v->len, 60), bytes);
	case ORM_K_BYTES:
		break;
	case ORM_K_NULL:
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		return 0; /* in no key */
	}
	used = (size_t)snprintf(to, size, "x'");
	for (size_t i = 0; i < MIN(v->len, 24) && used < size; i++)
		used += (size_t)snprintf(to + used, size - used, "%02x", bytes[i]);
	return used + (used < size ? (size_t)snprintf(to + used, size - used, "'") : 0);
}

void copy_key_print(const struct copy_table *t, const void *row, char *to, size_t size)
{
	size_t used = 0;

	*to = '\0';
	for (unsigned i = 0; i < t->t->count && used < size; i++) {
		struct orm_value v;

		if (!(t->key >> i & 1))
			continue;
		v = orm_row_get(t->t, i, row);
		used += (size_t)snprintf(to + used, size - used, "%s%s ", used ? ", " : "",
					 t->t->columns[i].name);
		if (used < size)
			used += print_value(&v, to + used, size - used);
	}
	for (; *to; to++)
		if ((unsigned char)*to < 0x20 || *to == 0x7f)
			*to = '?';
}

/* ---- in the databases ---- */

/* The column as both sort it alike. `text` holds the expression, and must outlive `the` result. */
static struct orm_expr sorted(const struct orm_table *t, unsigned column, enum orm_dialect dialect,
			      char text[SORTED_TEXT])
{
	const struct orm_column *c = &t->columns[column];
	const char *form = "\"%s\" COLLATE \"C\"";

	if (c->kind != ORM_K_TEXT)
		return (struct orm_expr){.op = ORM_OP_COLUMN, .column = (uint16_t)column, .of = t};
	if (dialect == ORM_SQLITE)
		form = "\"%s\" COLLATE BINARY";
	else if (c->type == ORM_T_INET)
		form = "inet_out(\"%s\")::text COLLATE \"C\""; /* ::text adds the length always */
	else if (c->type != ORM_T_TEXT)
		form = "\"%s\"::text COLLATE \"C\"";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, SORTED_TEXT, form, c->name);
#pragma GCC diagnostic pop
	return (struct orm_expr){.op = ORM_OP_LITERAL, .func = ORM_T_TEXT, .name = text};
}

static struct orm_expr value_of(const struct copy_table *t, unsigned column, const void *row)
{
	return orm_expr_value_(orm_row_get(t->t, column, row));
}

void copy_key_order(const struct copy_table *t, enum orm_dialect dialect, struct orm_query *q)
{
	char text[SORTED_TEXT];

	for (unsigned i = 0; i < t->t->count; i++)
		if (t->key >> i & 1) {
			struct orm_expr key = sorted(t->t, i, dialect, text);

			orm_order_by(q, orm_asc(key));
		}
}

/* Two operands and what is made of them. */
struct pair {
	struct orm_expr of[2];
};
static struct orm_expr join(struct pair *pair, enum orm_op op, struct orm_expr a, struct orm_expr b)
{
	pair->of[0] = a;
	pair->of[1] = b;
	return (struct orm_expr){.op = (uint8_t)op, .n = 2, .of = pair->of};
}

/*
 * (a, b, c) > (x, y, z) in words, from the last column to the first:
 * a > x OR (a = x AND (b > y OR (b = y AND c > z))); and before all of it a >= x, for which an
 * index can be used.
 */
void copy_key_after(const struct copy_table *t, enum orm_dialect dialect, const void *row,
		    struct orm_query *q)
{
	struct pair more[ORM_COLUMNS_MAX], same[ORM_COLUMNS_MAX], both[ORM_COLUMNS_MAX],
		either[ORM_COLUMNS_MAX];
	struct orm_expr column = {0}, value = {0}, whole = {0};
	char texts[COPY_KEY_COLUMNS][SORTED_TEXT];
	unsigned n = 0;

	for (unsigned i = t->t->count; i-- > 0;) {
		struct orm_expr above;

		if (!(t->key >> i & 1))
			continue;
		column = sorted(t->t, i, dialect, texts[n++]);
		value = value_of(t, i, row);
		above = join(&more[i], ORM_OP_GT, column, value);
		if (whole.op == ORM_OP_NONE) {
			whole = above;
			continue;
		}
		whole = join(&both[i], ORM_OP_AND, join(&same[i], ORM_OP_EQ, column, value), whole);
		whole = join(&either[i], ORM_OP_OR, above, whole);
	}
	if (n > 1)
		orm_where(q, orm_ge(column, value));
	orm_where(q, whole);
}

void copy_key_is(const struct copy_table *t, const void *row, struct orm_query *q)
{
	for (unsigned i = 0; i < t->t->count; i++) {
		struct orm_expr column = {.op = ORM_OP_COLUMN, .column = (uint16_t)i, .of = t->t};

		if (t->key >> i & 1)
			orm_where(q, orm_eq(column, value_of(t, i, row)));
	}
}
