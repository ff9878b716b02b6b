/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <tests/orm/kit/places.h>

void places_prepare(struct orm_session *s)
{
	struct orm_query *q = orm_insert(s, T(scrap));

	for (int64_t n = 0; n < PLACES_ROWS; n++)
		orm_row(q, &(struct scrap){.n = PLACES_FIRST_N + n});
	RUN(s, q);
}

void places_clear(struct orm_session *s)
{
	struct orm_query *q = orm_delete(s, T(scrap));

	orm_where(q, orm_lt(C(scrap, n), PLACES_FIRST_N));
	RUN(s, q);
	q = orm_update(s, T(scrap));
	orm_set(q, C(scrap, text), ORM_NULL_VALUE);
	orm_every_row(q);
	RUN(s, q);
}

/* The one value of a query, which is freed. */
static int ask(struct trial *t, struct orm_query *q)
{
	struct orm_value value;
	int r = orm_value(t->s, q, &value);

	orm_query_free(q);
	if (!r && (value.kind == ORM_K_TEXT || value.kind == ORM_K_BYTES))
		t->back = strndup(value.p, value.len);
	return r;
}

static int run(struct trial *t, struct orm_query *q)
{
	int r = orm_exec(t->s, q, NULL);

	orm_query_free(q);
	return r;
}

/* The text of the row with this n. */
static int text_of(struct trial *t, int64_t n)
{
	struct orm_query *q = orm_select(t->s, T(scrap));

	orm_columns(q, C(scrap, text));
	orm_where(q, orm_eq(C(scrap, n), n));
	return ask(t, q);
}

static struct orm_query *texts(struct trial *t, struct orm_expr condition)
{
	struct orm_query *q = orm_select(t->s, T(scrap));

	orm_columns(q, C(scrap, text));
	orm_where(q, condition);
	orm_limit(q, 1);
	return q;
}

static int insert_struct(struct trial *t)
{
	struct orm_query *q = orm_insert(t->s, T(scrap));
	int r;

	orm_row(q, &(struct scrap){.text = t->text, .n = 1});
	r = run(t, q);
	return r ? r : text_of(t, 1);
}

static int insert_set(struct trial *t)
{
	struct orm_query *q = orm_insert(t->s, T(scrap));
	int r;

	orm_set(q, C(scrap, text), t->text);
	orm_set(q, C(scrap, n), 2);
	r = run(t, q);
	return r ? r : text_of(t, 2);
}

static int insert_returning(struct trial *t)
{
	struct orm_query *q = orm_insert(t->s, T(scrap));

	orm_row(q, &(struct scrap){.text = t->text, .n = 3});
	orm_returning(q, C(scrap, text));
	return ask(t, q);
}

static int returning_value(struct trial *t)
{
	struct orm_query *q = orm_insert(t->s, T(scrap));

	orm_row(q, &(struct scrap){.n = 4});
	orm_returning(q, orm_coalesce(C(scrap, text), V(t->text)));
	return ask(t, q);
}

static int insert_query(struct trial *t)
{
	const struct orm_expr columns[] = {C(scrap, text), C(scrap, n)};
	struct orm_query *from = orm_select_nothing(t->s);
	struct orm_query *q = orm_insert(t->s, T(scrap));
	int r;

	orm_columns(from, orm_as(V(t->text), "a"), orm_as(V(5), "b"));
	orm_insert_from(q, columns, 2, from);
	orm_query_free(from);
	r = run(t, q);
	return r ? r : text_of(t, 5);
}

static int batch(struct trial *t, enum orm_batch_way way, int64_t n)
{
	const struct scrap row = {.text = t->text, .n = n};
	const struct orm_batch b = {.table = T(scrap), .rows = &row, .count = 1, .way = way};
	int r = orm_insert_batch(t->s, &b, NULL);

	return r ? r : text_of(t, n);
}

static int batch_rows(struct trial *t)
{
	return batch(t, ORM_BATCH_ROWS, 6);
}

static int batch_unnest(struct trial *t)
{
	return batch(t, ORM_BATCH_UNNEST, 7);
}

static int batch_copy(struct trial *t)
{
	return batch(t, ORM_BATCH_COPY, 8);
}

static int conflict_excluded(struct trial *t)
{
	struct orm_query *q = orm_insert(t->s, T(scrap));

	orm_row(q, &(struct scrap){.text = t->text, .n = 100});
	orm_on_conflict_update(q, C(scrap, n));
	orm_do_set(q, C(scrap, text), ORM_EXCLUDED(scrap, text));
	orm_returning(q, C(scrap, text));
	return ask(t, q);
}

static int conflict_value(struct trial *t)
{
	struct orm_query *q = orm_insert(t->s, T(scrap));

	orm_row(q, &(struct scrap){.n = 100});
	orm_on_conflict_update(q, C(scrap, n));
	orm_do_set(q, C(scrap, text), V(t->text));
	orm_do_where(q, orm_ne(orm_coalesce(C(scrap, text), V("")), orm_concat(t->text, "?")));
	orm_returning(q, C(scrap, text));
	return ask(t, q);
}

static int update_set(struct trial *t)
{
	struct orm_query *q = orm_update(t->s, T(scrap));

	orm_set(q, C(scrap, text), t->text);
	orm_where(q, orm_eq(C(scrap, n), 101));
	orm_returning(q, C(scrap, text));
	return ask(t, q);
}

static int where_eq(struct trial *t)
{
	return ask(t, texts(t, orm_eq(C(scrap, text), t->text)));
}

static int where_between(struct trial *t)
{
	return ask(t, texts(t, orm_between(C(scrap, text), t->text, t->text)));
}

static int where_in(struct trial *t)
{
	const char *const list[] = {"no such text", t->text};

	return ask(t, texts(t, orm_in(C(scrap, text), ((struct orm_strs){list, 2}))));
}

static int where_in_query(struct trial *t)
{
	struct orm_query *sub = texts(t, orm_eq(C(scrap, text), t->text));
	struct orm_query *q = texts(t, orm_in_query(C(scrap, text), sub));

	orm_query_free(sub);
	return ask(t, q);
}

static int where_exists(struct trial *t)
{
	struct orm_query *sub = orm_select_as(t->s, T(scrap), "o"), *q;

	orm_where(sub, orm_and(orm_eq(C_AS("o", scrap, text), t->text),
			       orm_eq(C_AS("o", scrap, id), C(scrap, id))));
	q = texts(t, orm_exists(sub));
	orm_query_free(sub);
	return ask(t, q);
}

/* Each character that means something to LIKE behind a '\'. */
static int where_like(struct trial *t)
{
	char pattern[8192];
	size_t len = 0;

	for (const char *c = t->text; *c && len < sizeof(pattern) - 3; c++) {
		if (strchr("%_\\", *c))
			pattern[len++] = '\\';
		pattern[len++] = *c;
	}
	pattern[len] = '\0';
	return ask(t, texts(t, orm_like(C(scrap, text), pattern)));
}

static int where_ilike(struct trial *t)
{
	return ask(t, texts(t, orm_or(orm_ilike(C(scrap, text), orm_concat(t->text, "x")),
				      orm_eq(C(scrap, text), t->text))));
}

static int having(struct trial *t)
{
	struct orm_query *q = orm_select(t->s, T(scrap));

	orm_columns(q, orm_max(C(scrap, text)));
	orm_group_by(q, C(scrap, text));
	orm_having(q, orm_eq(orm_max(C(scrap, text)), t->text));
	return ask(t, q);
}

static int case_value(struct trial *t)
{
	struct orm_query *q = orm_select(t->s, T(scrap));

	orm_columns(q, orm_case(orm_eq(C(scrap, text), t->text), V(t->text), V("another")));
	orm_where(q, orm_eq(C(scrap, text), t->text));
	orm_limit(q, 1);
	return ask(t, q);
}

static int select_value(struct trial *t)
{
	struct orm_query *q = orm_select_nothing(t->s);

	orm_columns(q, V(t->text));
	return ask(t, q);
}

static int functions(struct trial *t)
{
	struct orm_query *q = orm_select_nothing(t->s);

	orm_columns(q, orm_replace(orm_concat(t->text, "~~end"), "~~end", ""));
	return ask(t, q);
}

static int cte(struct trial *t)
{
	struct orm_query *sub = orm_select_nothing(t->s);
	struct orm_query *q = orm_select_cte(t->s, "c");

	orm_columns(sub, orm_as(V(t->text), "x"));
	orm_with(q, "c", sub);
	orm_query_free(sub);
	orm_columns(q, orm_of("c", "x"));
	orm_where(q, orm_eq(orm_of("c", "x"), t->text));
	return ask(t, q);
}

static int derived(struct trial *t)
{
	struct orm_query *sub = texts(t, orm_eq(C(scrap, text), t->text));
	struct orm_query *q = orm_select_query(t->s, sub, "d");

	orm_query_free(sub);
	orm_columns(q, orm_of("d", "text"));
	return ask(t, q);
}

static int scalar(struct trial *t)
{
	struct orm_query *sub = texts(t, orm_eq(C(scrap, text), t->text));
	struct orm_query *q = orm_select_nothing(t->s);

	orm_columns(q, orm_scalar(sub));
	orm_query_free(sub);
	return ask(t, q);
}

static int set_operation(struct trial *t)
{
	struct orm_query *other = orm_select_nothing(t->s);
	struct orm_query *q = orm_select_nothing(t->s);

	orm_columns(other, orm_as(V(t->text), "x"));
	orm_columns(q, orm_as(V(t->text), "x"));
	orm_set_operation(q, ORM_INTERSECT, other);
	orm_query_free(other);
	return ask(t, q);
}

/* As a string of JSON. */
static void emit_json(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20)
			fprintf(out, "\\u%04x", *text);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

static int json_member(struct trial *t, bool as_key)
{
	struct orm_query *q = orm_update(t->s, T(scrap));
	char *doc = NULL;
	size_t len;
	FILE *out = open_memstream(&doc, &len);
	int r;

	fputs(as_key ? "{\"other\": 1, " : "{\"k\": ", out);
	emit_json(out, t->text);
	fputs(as_key ? ": \"found\"}" : "}", out);
	fclose(out);
	orm_set(q, C(scrap, doc), doc);
	orm_where(q, orm_eq(C(scrap, n), 102));
	r = run(t, q);
	free(doc);
	if (r)
		return r;
	q = orm_select(t->s, T(scrap));
	orm_columns(q, orm_json_text(C(scrap, doc), as_key ? t->text : "k"));
	orm_where(q, orm_and(orm_eq(C(scrap, n), 102),
			     orm_json_has(C(scrap, doc), as_key ? t->text : "k")));
	r = ask(t, q);
	if (!r && as_key && t->back && !strcmp(t->back, "found")) {
		free(t->back);
		t->back = strdup(t->text);
	}
	return r;
}

static int json_key(struct trial *t)
{
	return json_member(t, true);
}

static int json_value(struct trial *t)
{
	return json_member(t, false);
}

static int array_element(struct trial *t)
{
	const char *const list[] = {"a", t->text, "b"};
	struct orm_query *q = orm_update(t->s, T(scrap));
	struct orm_result *result;
	int r;

	orm_set(q, C(scrap, words), ((struct orm_strs){list, 3}));
	orm_where(q, orm_eq(C(scrap, n), 103));
	r = run(t, q);
	if (r)
		return r;
	q = orm_select(t->s, T(scrap));
	orm_columns(q, C(scrap, words));
	orm_where(q, orm_array_has(C(scrap, words), t->text));
	r = orm_fetch(t->s, q, NULL, &result);
	orm_query_free(q);
	if (r)
		return r;
	if (orm_result_count(result) == 1)
		t->back = strdup(((const char *const *)orm_result_value(result, 0, 0).p)[1]);
	orm_result_free(result);
	return 0;
}

static int raw_parameter(struct trial *t)
{
	struct orm_query *q = orm_raw(t->s, t->sqlite ? "SELECT ?1" : "SELECT $1::text");

	orm_param(q, t->text);
	return ask(t, q);
}

static int by_cursor(struct trial *t)
{
	struct orm_query *q = texts(t, orm_eq(C(scrap, text), t->text));
	struct orm_cursor *cursor;
	int r = orm_cursor_open(t->s, q, NULL, &cursor);

	orm_query_free(q);
	if (r)
		return r;
	r = orm_cursor_next(cursor, NULL);
	if (!r)
		t->back = strdup(orm_cursor_value(cursor, 0).p);
	orm_cursor_close(cursor);
	return r;
}

static int delete_where(struct trial *t)
{
	struct orm_query *q = orm_delete(t->s, T(scrap));

	orm_where(q, orm_and(orm_eq(C(scrap, text), t->text), orm_eq(C(scrap, n), 1)));
	orm_returning(q, C(scrap, text));
	return ask(t, q);
}

/* In this order: the first ones leave a row that the others find. */
#define PLACES(X)                                                                                  \
	X(insert_struct)                                                                           \
	X(insert_set)                                                                              \
	X(insert_returning)                                                                        \
	X(returning_value)                                                                         \
	X(insert_query)                                                                            \
	X(batch_rows)                                                                              \
	X(batch_unnest)                                                                            \
	X(batch_copy)                                                                              \
	X(conflict_excluded)                                                                       \
	X(conflict_value)                                                                          \
	X(update_set)                                                                              \
	X(where_eq)                                                                                \
	X(where_between)                                                                           \
	X(where_in)                                                                                \
	X(where_in_query)                                                                          \
	X(where_exists)                                                                            \
	X(where_like)                                                                              \
	X(where_ilike)                                                                             \
	X(having)                                                                                  \
	X(case_value)                                                                              \
	X(select_value)                                                                            \
	X(functions)                                                                               \
	X(cte)                                                                                     \
	X(derived)                                                                                 \
	X(scalar)                                                                                  \
	X(set_operation)                                                                           \
	X(json_key)                                                                                \
	X(json_value)                                                                              \
	X(array_element)                                                                           \
	X(raw_parameter)                                                                           \
	X(by_cursor)                                                                               \
	X(delete_where)
const struct place places[] = {
#define PLACE(name) {#name, name},
	PLACES(PLACE)
#undef PLACE
};
const size_t n_places = sizeof(places) / sizeof(places[0]);
