// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * JSON of a stranger: rows that are read are written as JSON that reads back as the same; and the
 * digest of a document is that of the same document written otherwise. First byte: which of them.
 */
#include "must.h"

#include <jansson.h>

#include <strazh/base/own.h>
#include <strazh/orm/json.h>

#include <orm/copy/digest.h>

#define ANY(X)                                                                                     \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(b, b, BOOLEAN, 0)                                                                        \
	X(i16, s, SMALLINT, 0)                                                                     \
	X(i32, i, INTEGER, 0)                                                                      \
	X(f32, r, REAL, 0)                                                                         \
	X(f64, d, DOUBLE, 0)                                                                       \
	X(str, n, NUMERIC, 0)                                                                      \
	X(str, t, TEXT, NN)                                                                        \
	X(bytes, y, BYTES, 0)                                                                      \
	X(i64, m, TIMESTAMP_MS, 0)                                                                 \
	X(uuid, u, UUID, 0)                                                                        \
	X(str, a, INET, 0)                                                                         \
	X(str, j, JSON, 0)                                                                         \
	X(str, k, JSONB, 0)                                                                        \
	X(i64s, is, BIGINTS, 0)                                                                    \
	X(f64s, ds, DOUBLES, 0)                                                                    \
	X(strs, ts, TEXTS, 0)
ORM_TABLE(any, ANY)

static char *write_rows(const struct orm_json *json)
{
	char *text = NULL;
	int r = orm_json_rows(any_table(), orm_json_structs(json), orm_json_count(json),
			      ORM_MASK_ALL, &text, NULL);

	MUST(!r || r == -ENOMEM);
	return text;
}

static void rows(const char *text, size_t len, unsigned flags)
{
	own_free char *once = NULL, *twice = NULL;
	struct orm_json *json = NULL, *again = NULL;
	struct orm_error err = {0};
	int r = orm_json_read(any_table(), text, len, ORM_MASK_ALL, flags, &json, &err);

	if (r) {
		MUST(r == ORM_E_VALUE || r == ORM_E_TOO_BIG);
		MUST(err.class == r);
		MUST(err.text[0]);
		return;
	}
	for (size_t i = 0; i < orm_json_count(json); i++)
		MUST(!(orm_json_given(json, i) >> any_table()->count));
	once = write_rows(json);
	if (!once)
		goto out;
	/* What is NN and was not given is written as null. */
	r = orm_json_read(any_table(), once, strlen(once), ORM_MASK_ALL, 0, &again, &err);
	MUST(!r || flags & ORM_JSON_PARTIAL);
	twice = r ? NULL : write_rows(again);
	MUST(!twice || strcmp(once, twice) == 0);
out:
	orm_json_free(again);
	orm_json_free(json);
}

/* Has it numbers that jansson would round? */
static bool has_real(const json_t *json)
{
	size_t i;
	const char *key;
	json_t *value;

	if (json_is_array(json))
		json_array_foreach((json_t *)(uintptr_t)json, i,
				   value) if (has_real(value)) return true;
	if (json_is_object(json))
		json_object_foreach((json_t *)(uintptr_t)json, key,
				    value) if (has_real(value)) return true;
	return json_is_real(json);
}

static void digest(const char *text, size_t len)
{
	static const size_t ways[] = {JSON_COMPACT | JSON_SORT_KEYS, JSON_INDENT(3),
				      JSON_ENSURE_ASCII | JSON_ESCAPE_SLASH};
	struct copy_sum sum, other;
	struct copy_digester d;
	json_error_t why;
	json_t *json = json_loadb(text, len,
				  JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
	int r;

	MUST(!copy_digester_init(&d));
	r = copy_json_digest(&d, text, len, &sum);
	MUST(!r || r == ORM_E_VALUE);
	/* A NUL is an end to jansson. */
	if (json && !has_real(json) && !memchr(text, '\0', len)) {
		/* The digest takes what jansson does, but not as deep. */
		for (size_t i = 0; i < ARRAY_LEN(ways) && !r; i++) {
			own_free char *dump = json_dumps(json, ways[i] | JSON_ENCODE_ANY);

			MUST(dump);
			MUST(!copy_json_digest(&d, dump, strlen(dump), &other));
			MUST(copy_sum_same(&sum, &other));
		}
		MUST(!r || len > COPY_JSON_DEPTH);
	}
	json_decref(json);
	copy_digester_deinit(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own_free char *exact = malloc(size ? size : 1);

	if (!size || !exact)
		return 0;
	memcpy(exact, data + 1, size - 1);
	if (data[0] % 3 < 2)
		rows(exact, size - 1, data[0] % 3 ? ORM_JSON_PARTIAL : 0);
	else
		digest(exact, size - 1);
	return 0;
}
