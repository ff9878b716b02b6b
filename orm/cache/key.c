/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key is the dialect, the statement's id, and for each value its kind, its type, eight bytes (the
 * number itself, or the length of what follows) and what it points to. So no two lists of values
 * have the same bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <orm/cache/cache.h>

static size_t value_size(const struct orm_value *v)
{
	switch ((enum orm_kind)v->kind) {
	case ORM_K_NULL:
	case ORM_K_BOOL:
	case ORM_K_I64:
	case ORM_K_F64:
		return 0;
	case ORM_K_TEXT:
	case ORM_K_BYTES:
	case ORM_K_UUID:
		return v->len;
	case ORM_K_I64S:
	case ORM_K_F64S:
		return v->len > ORM_CACHE_KEY_MAX ? v->len : v->len * sizeof(int64_t);
	case ORM_K_TEXTS:
		break;
	}
	return 0;
}

/* A text of an array with the NUL at its end, which tells where the next one begins. */
static size_t texts_size(const struct orm_value *v)
{
	const char *const *texts = v->p;
	size_t size = 0;

	for (size_t i = 0; i < v->len && size <= ORM_CACHE_KEY_MAX; i++)
		size += strlen(texts[i]) + 1;
	return size;
}

/* What is not behind the pointer: the number itself, or how much is there. */
static uint64_t value_head(const struct orm_value *v)
{
	uint64_t bits = 0;

	if (v->kind == ORM_K_BOOL)
		bits = v->b;
	else if (v->kind == ORM_K_I64)
		bits = (uint64_t)v->i;
	else if (v->kind == ORM_K_F64)
		memcpy(&bits, &v->f, sizeof(bits));
	else if (v->kind != ORM_K_NULL)
		bits = v->len;
	return bits;
}

static uint8_t *append(uint8_t *to, const void *data, size_t len)
{
	if (data)
		memcpy(to, data, len);
	return to + len;
}

static uint8_t *append_value(uint8_t *to, const struct orm_value *v)
{
	const uint8_t tag[2] = {v->kind, v->type};
	uint64_t head = value_head(v);

	to = append(to, tag, sizeof(tag));
	to = append(to, &head, sizeof(head));
	if (v->kind == ORM_K_TEXTS) {
		const char *const *texts = v->p;

		for (size_t i = 0; i < v->len; i++)
			to = append(to, texts[i], strlen(texts[i]) + 1);
		return to;
	}
	return append(to, value_size(v) ? v->p : NULL, value_size(v));
}

int orm_cache_key_build(enum orm_dialect dialect, const struct orm_stmt *stmt,
			const struct orm_value *values, struct orm_cache_key *ret_key)
{
	size_t size = 1 + sizeof(stmt->id);
	const uint8_t first = (uint8_t)dialect;
	uint8_t *data, *to;

	for (unsigned i = 0; i < stmt->params && size <= ORM_CACHE_KEY_MAX; i++) {
		size_t more = values[i].kind == ORM_K_TEXTS ? texts_size(&values[i])
							    : value_size(&values[i]);

		size += 2 + sizeof(uint64_t) + MIN(more, ORM_CACHE_KEY_MAX + 1);
	}
	if (size > ORM_CACHE_KEY_MAX)
		return ORM_E_TOO_BIG;
	data = size <= sizeof(ret_key->room) ? ret_key->room : malloc(size);
	if (!data)
		return -ENOMEM;
	to = append(data, &first, 1);
	to = append(to, &stmt->id, sizeof(stmt->id));
	for (unsigned i = 0; i < stmt->params; i++)
		to = append_value(to, &values[i]);
	ret_key->data = data;
	ret_key->len = size;
	return 0;
}

void orm_cache_key_deinit(struct orm_cache_key *key)
{
	if (key->data != key->room)
		free(key->data);
}
