/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The tables: every column type, nullable and not, unique keys, a composite key, a self relation.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prop.h"

#define ITEM(X)                                                                                    \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(i64, parent_id, BIGINT, 0)                                                               \
	X(str, name, TEXT, NN)                                                                     \
	X(str, note, TEXT, 0)                                                                      \
	X(b, live, BOOLEAN, NN)                                                                    \
	X(b, seen, BOOLEAN, 0)                                                                     \
	X(i16, small, SMALLINT, 0)                                                                 \
	X(i32, count, INTEGER, NN)                                                                 \
	X(i32, n, INTEGER, 0)                                                                      \
	X(i64, big, BIGINT, 0)                                                                     \
	X(f32, ratio, REAL, 0)                                                                     \
	X(f64, score, DOUBLE, NN)                                                                  \
	X(f64, weight, DOUBLE, 0)                                                                  \
	X(i64, at_ms, TIMESTAMP_MS, NN)                                                            \
	X(i64, until_ms, TIMESTAMP_MS, 0)
#define ITEM_KEYS(K)                                                                               \
	K(UNIQUE, item_name, "name, count", "")                                                    \
	K(FOREIGN, parent_id, "item", "id")                                                        \
	K(DEFAULT, score, "0.5", "")
#define NET(X)                                                                                     \
	X(str, cidr, CIDR, PK)                                                                     \
	X(i32, port, INTEGER, PK)                                                                  \
	X(str, host, INET, 0)                                                                      \
	X(uuid, ref, UUID, NN | UNIQUE)                                                            \
	X(uuid, other, UUID, 0)                                                                    \
	X(bytes, raw, BYTES, NN)                                                                   \
	X(bytes, extra, BYTES, 0)                                                                  \
	X(i64, item_id, BIGINT, 0)                                                                 \
	X(str, price, NUMERIC, 0)                                                                  \
	X(str, cost, NUMERIC, NN)
#define NET_KEYS(K) K(DEFAULT, cost, "'0'", "")
#define DOC(X)                                                                                     \
	X(i32, id, INTEGER, PK | AUTO)                                                             \
	X(i64, item_id, BIGINT, NN)                                                                \
	X(str, body, JSON, 0)                                                                      \
	X(str, meta, JSONB, NN)                                                                    \
	X(i64s, nums, BIGINTS, 0)                                                                  \
	X(f64s, reals, DOUBLES, NN)                                                                \
	X(strs, tags, TEXTS, NN)                                                                   \
	X(strs, words, TEXTS, 0)                                                                   \
	X(f64s, vec, VECTOR, 0)                                                                    \
	X(str, name, TEXT, UNIQUE)
#define TAG(X)                                                                                     \
	X(i64, item_id, BIGINT, PK)                                                                \
	X(str, label, TEXT, PK)                                                                    \
	X(i16, rank, SMALLINT, NN)                                                                 \
	X(f64, score, DOUBLE, 0)                                                                   \
	X(b, live, BOOLEAN, 0)
ORM_TABLE_KEYS(item, ITEM, ITEM_KEYS)
ORM_TABLE_KEYS(net, NET, NET_KEYS)
ORM_TABLE(doc, DOC)
ORM_TABLE(tag, TAG)

const struct orm_table *prop_table[TABLES];

void prop_tables_init(void)
{
	prop_table[T_ITEM] = T(item);
	prop_table[T_NET] = T(net);
	prop_table[T_DOC] = T(doc);
	prop_table[T_TAG] = T(tag);
}

/* ---- expressions as a program writes them ---- */

#define ITEM_C(ctype, name, type, flags) ORM_C(item, name),
#define NET_C(ctype, name, type, flags) ORM_C(net, name),
#define DOC_C(ctype, name, type, flags) ORM_C(doc, name),
#define TAG_C(ctype, name, type, flags) ORM_C(tag, name),
#define ITEM_E(ctype, name, type, flags) ORM_EXCLUDED(item, name),
#define NET_E(ctype, name, type, flags) ORM_EXCLUDED(net, name),
#define DOC_E(ctype, name, type, flags) ORM_EXCLUDED(doc, name),
#define TAG_E(ctype, name, type, flags) ORM_EXCLUDED(tag, name),

struct orm_expr c_expr(unsigned table, unsigned column)
{
	struct orm_expr items[] = {ITEM(ITEM_C)}, nets[] = {NET(NET_C)}, docs[] = {DOC(DOC_C)},
			tags[] = {TAG(TAG_C)};
	const struct orm_expr *list[] = {items, nets, docs, tags};

	return list[table][column];
}

struct orm_expr excluded_expr(unsigned table, unsigned column)
{
	struct orm_expr items[] = {ITEM(ITEM_E)}, nets[] = {NET(NET_E)}, docs[] = {DOC(DOC_E)},
			tags[] = {TAG(TAG_E)};
	const struct orm_expr *list[] = {items, nets, docs, tags};

	return list[table][column];
}

struct orm_expr all_expr(unsigned table)
{
	struct orm_expr list[] = {orm_all_of(item), orm_all_of(net), orm_all_of(doc),
				  orm_all_of(tag)};

	return list[table];
}

/* ---- DDL ---- */

static const char *const ddl_types[ORM_T_COUNT][2] = {
	[ORM_T_BOOLEAN] = {"INTEGER", "bool"},	[ORM_T_SMALLINT] = {"INTEGER", "int2"},
	[ORM_T_INTEGER] = {"INTEGER", "int4"},	[ORM_T_BIGINT] = {"INTEGER", "int8"},
	[ORM_T_REAL] = {"REAL", "float4"},	[ORM_T_DOUBLE] = {"REAL", "float8"},
	[ORM_T_NUMERIC] = {"TEXT", "numeric"},	[ORM_T_TEXT] = {"TEXT", "text"},
	[ORM_T_BYTES] = {"BLOB", "bytea"},	[ORM_T_TIMESTAMP_MS] = {"INTEGER", "timestamptz"},
	[ORM_T_UUID] = {"TEXT", "uuid"},	[ORM_T_INET] = {"TEXT", "inet"},
	[ORM_T_CIDR] = {"TEXT", "cidr"},	[ORM_T_JSON] = {"TEXT", "json"},
	[ORM_T_JSONB] = {"TEXT", "jsonb"},	[ORM_T_BIGINTS] = {"TEXT", "int8[]"},
	[ORM_T_DOUBLES] = {"TEXT", "float8[]"}, [ORM_T_TEXTS] = {"TEXT", "text[]"},
	[ORM_T_VECTOR] = {"TEXT", "vector"},
};

static void ddl_column(struct text *t, const struct orm_column *c, bool pg, bool alone)
{
	const char *type = ddl_types[c->type][pg];

	if (c->flags & ORM_AUTO)
		say(t,
		    pg ? "\"%s\" %s GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"
		       : "\"%s\" %s PRIMARY KEY",
		    c->name, type);
	else
		say(t, "\"%s\" %s%s%s%s", c->name, type,
		    c->flags & (ORM_NN | ORM_PK) ? " NOT NULL" : "",
		    c->flags & ORM_UNIQUE ? " UNIQUE" : "",
		    alone && c->flags & ORM_PK ? " PRIMARY KEY" : "");
}

static void ddl_table(struct text *t, const struct orm_table *table, bool pg)
{
	bool any = false;

	say(t, "CREATE TABLE \"%s\" (", table->name);
	for (unsigned i = 0; i < table->count; i++) {
		const struct orm_column *c = &table->columns[i];

		say(t, i ? ", " : "");
		ddl_column(t, c, pg, false);
		for (unsigned k = 0; k < table->key_count; k++) {
			if (table->keys[k].kind == ORM_KEY_DEFAULT &&
			    !strcmp(table->keys[k].name, c->name))
				say(t, " DEFAULT %s", table->keys[k].a);
		}
	}
	for (unsigned i = 0; i < table->count; i++) {
		if (!(table->columns[i].flags & ORM_PK) || table->columns[i].flags & ORM_AUTO)
			continue;
		say(t, "%s\"%s\"", any ? ", " : ", PRIMARY KEY (", table->columns[i].name);
		any = true;
	}
	say(t, "%s", any ? ")" : "");
	for (unsigned k = 0; k < table->key_count; k++) {
		if (table->keys[k].kind == ORM_KEY_UNIQUE)
			say(t, ", UNIQUE (%s)", table->keys[k].a);
	}
	say(t, pg ? ");\n" : ") STRICT;\n");
}

/* Where pgvector is not installed: a type that reads and writes text, with its two operators. */
static const char vector[] =
	"CREATE TYPE vector;"
	"CREATE FUNCTION vector_in(cstring) RETURNS vector AS 'textin' LANGUAGE internal STRICT "
	"IMMUTABLE;"
	"CREATE FUNCTION vector_out(vector) RETURNS cstring AS 'textout' LANGUAGE internal STRICT "
	"IMMUTABLE;"
	"CREATE TYPE vector (INPUT = vector_in, OUTPUT = vector_out, LIKE = text);"
	"CREATE FUNCTION vector_far(vector, vector) RETURNS float8 AS 'SELECT 1.0::float8' "
	"LANGUAGE sql;"
	"CREATE OPERATOR <-> (LEFTARG = vector, RIGHTARG = vector, FUNCTION = vector_far);"
	"CREATE OPERATOR <=> (LEFTARG = vector, RIGHTARG = vector, FUNCTION = vector_far);\n";

char *prop_ddl(bool pg)
{
	struct text t = {0};

	say(&t, "%s", pg ? vector : "");
	for (unsigned i = 0; i < TABLES; i++)
		ddl_table(&t, prop_table[i], pg);
	return t.at;
}

/* ---- values ---- */

static const char *const texts[] = {
	"",   "a",  "A",   "abc", "ABC",    "z\xc3\xbcrich",	 " sp ", "a%b_c", "it's", "b\\c",
	"12", "-7", "3.5", "k",	  "abcabc", "A\xf0\x9f\x98\x80", "x\ny", "%",	  "a_c",  "\"q\""};
static const char *const numerics[] = {"0", "1", "-1.5", "12345678901234567890.123", "0.001"};
static const char *const inets[] = {"10.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32",
				    "192.168.1.7"};
static const char *const cidrs[] = {"10.0.0.0/8", "192.168.1.0/24", "10.0.0.1/32", "::/0",
				    "2001:db8::/32"};
static const char *const jsons[] = {
	"{\"k\":\"v\",\"n\":1,\"b\":true,\"z\":null}",
	"{}",
	"[1,\"k\",\"a\"]",
	"\"k\"",
	"{\"a\":\"x\",\"k\":false,\"it's\":2,\"\\\"q\\\"\":3}",
	"{\"k\":-7,\"abc\":\"z\xc3\xbcrich\",\"\":\"empty\"}",
	"5",
	"null",
};
static const int64_t ints[] = {0, 1, -1, 2, 7, 100, 3, 42, 5};
/* Sums of a few dozen are exact, whatever their order. */
static const double doubles[] = {0, 0.5, -2.75, 2.5, 1.5, 3, -0.5, 1e12, 100.25, -1.5};
static const int64_t times[] = {0, 1700000000123, -1, 1, 4102444800000, 1700000000000};
static const struct orm_uuid uuids[] = {
	{{0}},
	{{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde,
	  0xf0}},
	{{0xff, 0xee, 0xdd, 0xcc, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
};
static const struct orm_bytes blobs[] = {{"", 0}, {"\0\xff", 2}, {"abc", 3}, {"abd", 3}};
static const int64_t ints_3[] = {1, 2, 3}, ints_max[] = {INT64_MAX, -1};
static const struct orm_i64s int_lists[] = {{ints_3, 0}, {ints_3, 3}, {ints_max, 2}, {ints, 5}};
static const double doubles_2[] = {0.5, 1.5};
static const struct orm_f64s double_lists[] = {{doubles_2, 0}, {doubles_2, 2}, {doubles, 6}};
static const char *const texts_2[] = {"a", "b"}, *const texts_3[] = {"it's", "q\"x", "z\xc3\xbc"};
static const struct orm_strs text_lists[] = {{texts_2, 0}, {texts_2, 2}, {texts_3, 3}, {texts, 6}};

#define PICK(g, list) (list)[below(g, ARRAY_LEN(list))]

static int64_t draw_int(struct gen *g, int64_t least, int64_t most)
{
	if (chance(g, 4))
		return most;
	/* The least BIGINT beside the greatest would cancel out in sums of doubles. */
	if (chance(g, 3) && least > INT64_MIN)
		return least;
	return PICK(g, ints);
}

static struct orm_value draw_value(struct gen *g, enum orm_type type)
{
	switch ((unsigned)type) {
	case ORM_T_BOOLEAN:
		return orm_value_bool(below(g, 2));
	case ORM_T_SMALLINT:
		return orm_value_i64(draw_int(g, INT16_MIN, INT16_MAX));
	case ORM_T_INTEGER:
		return orm_value_i64(draw_int(g, INT32_MIN, INT32_MAX));
	case ORM_T_BIGINT:
		return orm_value_i64(draw_int(g, INT64_MIN, INT64_MAX));
	case ORM_T_REAL:
	case ORM_T_DOUBLE:
		return orm_value_f64(PICK(g, doubles));
	case ORM_T_NUMERIC:
		return orm_value_text(PICK(g, numerics));
	case ORM_T_BYTES:
		return orm_value_bytes(PICK(g, blobs));
	case ORM_T_TIMESTAMP_MS:
		return orm_value_i64(PICK(g, times));
	case ORM_T_UUID:
		return orm_value_uuid(&PICK(g, uuids));
	case ORM_T_INET:
		return orm_value_text(PICK(g, inets));
	case ORM_T_CIDR:
		return orm_value_text(PICK(g, cidrs));
	case ORM_T_JSON:
	case ORM_T_JSONB:
		return orm_value_text(PICK(g, jsons));
	case ORM_T_BIGINTS:
		return orm_value_i64s(PICK(g, int_lists));
	case ORM_T_DOUBLES:
		return orm_value_f64s(PICK(g, double_lists));
	case ORM_T_VECTOR:
		return orm_value_f64s(double_lists[1]);
	case ORM_T_TEXTS:
		return orm_value_texts(PICK(g, text_lists));
	case ORM_T_TEXT:
	case ORM_T_NONE:
	case ORM_T_COUNT:
		break;
	}
	return orm_value_text(PICK(g, texts));
}

struct node *value_of(struct gen *g, enum orm_type type, bool bare)
{
	struct node *e = node(g, ORM_OP_VALUE, 0);
	struct orm_value v = draw_value(g, type);
	bool own = type == ORM_T_BOOLEAN || type == ORM_T_BIGINT || type == ORM_T_DOUBLE ||
		   type == ORM_T_TEXT || type == ORM_T_BYTES || type == ORM_T_UUID ||
		   type == ORM_T_BIGINTS || type == ORM_T_DOUBLES || type == ORM_T_TEXTS;

	if ((!bare && !own) || chance(g, 10))
		v.type = (uint8_t)type;
	e->value = v;
	e->bare = !v.type;
	return e;
}

static void put_field(void *row, const struct orm_column *c, const struct orm_value *v)
{
	char *at = (char *)row + c->offset;
	int16_t i16 = (int16_t)v->i;
	int32_t i32 = (int32_t)v->i;
	float f32 = (float)v->f;

	if (v->kind == ORM_K_BOOL)
		memcpy(at, &v->b, sizeof(v->b));
	else if (v->kind == ORM_K_I64 && c->size == sizeof(i16))
		memcpy(at, &i16, sizeof(i16));
	else if (v->kind == ORM_K_I64 && c->size == sizeof(i32))
		memcpy(at, &i32, sizeof(i32));
	else if (v->kind == ORM_K_I64)
		memcpy(at, &v->i, sizeof(v->i));
	else if (v->kind == ORM_K_F64 && c->size == sizeof(f32))
		memcpy(at, &f32, sizeof(f32));
	else if (v->kind == ORM_K_F64)
		memcpy(at, &v->f, sizeof(v->f));
	else if (v->kind == ORM_K_UUID)
		memcpy(at, v->p, 16);
	else if (v->kind == ORM_K_TEXT)
		memcpy(at, &v->p, sizeof(v->p));
	else
		memcpy(at, &(struct orm_bytes){v->p, v->len}, sizeof(struct orm_bytes));
}

const void *draw_row(struct gen *g, unsigned table)
{
	const struct orm_table *t = prop_table[table];
	uint64_t null = 0;
	char *row = keep(g, t->size);

	for (unsigned i = 0; i < t->count; i++) {
		const struct orm_column *c = &t->columns[i];
		struct orm_value v = draw_value(g, c->type);

		if (c->flags & ORM_AUTO)
			continue;
		if (!(c->flags & (ORM_NN | ORM_PK)) && chance(g, 30))
			null |= 1ULL << i;
		else
			put_field(row, c, &v);
	}
	memcpy(row, &null, sizeof(null));
	return row;
}
