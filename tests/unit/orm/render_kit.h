/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries without a database: built, rendered for both dialects, and what they say. */
#ifndef ORM_RENDER_KIT_H
#define ORM_RENDER_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <strazh/orm/query.h>

#include <orm/render/render.h>
#include <orm/run/session.h>

#define USR(X)                                                                                     \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(str, name, TEXT, NN | UNIQUE)                                                            \
	X(b, admin, BOOLEAN, 0)                                                                    \
	X(i64, boss_id, BIGINT, 0)
#define BAN(X)                                                                                     \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(str, cidr, CIDR, NN)                                                                     \
	X(str, host, INET, 0)                                                                      \
	X(i32, n, INTEGER, 0)                                                                      \
	X(f32, rate, REAL, 0)                                                                      \
	X(f64, score, DOUBLE, NN)                                                                  \
	X(i64, until_ms, TIMESTAMP_MS, 0)                                                          \
	X(i64, usr_id, BIGINT, 0)                                                                  \
	X(str, price, NUMERIC, 0)                                                                  \
	X(str, meta, JSONB, 0)                                                                     \
	X(strs, tags, TEXTS, 0)                                                                    \
	X(f64s, vec, VECTOR, 0)                                                                    \
	X(uuid, uid, UUID, 0)
#define BAN_KEYS(K)                                                                                \
	K(UNIQUE, ban_pair, "cidr, usr_id", "")                                                    \
	K(DEFAULT, score, "0.5", "")
#define PAIR(X)                                                                                    \
	X(i64, a, BIGINT, PK)                                                                      \
	X(i64, b, BIGINT, PK)                                                                      \
	X(str, note, TEXT, 0)
ORM_TABLE(usr, USR)
ORM_TABLE_KEYS(ban, BAN, BAN_KEYS)
ORM_TABLE(pair, PAIR)

static struct orm_session kit_session;
#define S (&kit_session)

/* The text, malloc'ed; or what is wrong with the query, behind a '!'. */
static inline char *kit_text(const struct orm_query *q, enum orm_dialect dialect)
{
	struct rendered out;
	struct arena arena;
	char fault[192];
	char *text = NULL;

	if (q->class)
		return asprintf(&text, "!%s", q->fault) < 0 ? NULL : text;
	arena_init(&arena, 16U << 20);
	if (render_query(q->words, q->n, q->n_values, dialect, &arena, &out, fault))
		text = asprintf(&text, "!%s", fault) < 0 ? NULL : text;
	else
		text = strdup(out.stmt.sql);
	arena_deinit(&arena);
	return text;
}

/* A '!' in front: a refusal, of which this is a part. The query is freed. */
static inline void kit_expect(struct orm_query *q, const char *lite, const char *pg)
{
	const char *wanted[] = {lite, pg};

	for (int d = 0; d < 2; d++) {
		char *text = kit_text(q, d);

		assert_non_null(text);
		if (wanted[d][0] != '!')
			assert_string_equal(text, wanted[d]);
		else if (text[0] != '!' || !strstr(text, wanted[d] + 1))
			fail_msg("'%s' should be refused for '%s'", text, wanted[d] + 1);
		free(text);
	}
	orm_query_free(q);
}

/* The same in both, but for the sign of a parameter: $ here. */
static inline void kit_both(struct orm_query *q, const char *pg)
{
	char *lite = strdup(pg);

	assert_non_null(lite);
	for (char *at = lite; *at; at++)
		*at = *at == '$' ? '?' : *at;
	kit_expect(q, lite, pg);
	free(lite);
}

static inline void kit_refused(struct orm_query *q, const char *why)
{
	char text[256];

	snprintf(text, sizeof(text), "!%s", why);
	kit_expect(q, text, text);
}

static inline int kit_teardown(void **state)
{
	(void)state;
	while (S->free) {
		struct orm_query *next = S->free->next;

		query_delete(S->free);
		S->free = next;
	}
	S->n_free = 0;
	return S->lent != NULL;
}

#endif
