/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Relations: the rows that belong to a row, for a whole result by exactly one query more. */
#include <errno.h>

#include <tests/orm/kit/stage.h>

#define AUTHOR(X)                                                                                  \
	X(i64, id, BIGINT, PK)                                                                     \
	X(str, name, TEXT, NN | UNIQUE)                                                            \
	X(i64, teacher_id, BIGINT, 0)                                                              \
	X(str, city_code, TEXT, 0)
#define AUTHOR_KEYS(K)                                                                             \
	K(MANY, books, "book", "author_id = id")                                                   \
	K(MANY, pupils, "author", "teacher_id = id")                                               \
	K(ONE, teacher, "author", "id = teacher_id")                                               \
	K(ONE, city, "city", "code = city_code")                                                   \
	K(ONE, one_book, "book", "author_id = id")                                                 \
	K(MANY, odd, "book", "title = id")                                                         \
	K(MANY, gone, "city", "nothing = id")
#define BOOK(X) X(i64, id, BIGINT, PK) X(i64, author_id, BIGINT, NN) X(str, title, TEXT, NN)
#define BOOK_KEYS(K) K(ONE, author, "author", "id = author_id")
#define CITY(X) X(str, code, TEXT, PK) X(str, title, TEXT, NN)
#define CITY_KEYS(K) K(MANY, authors, "author", "city_code = code")
ORM_TABLE_KEYS(author, AUTHOR, AUTHOR_KEYS)
ORM_TABLE_KEYS(book, BOOK, BOOK_KEYS)
ORM_TABLE_KEYS(city, CITY, CITY_KEYS)

#define AUTHORS 40
#define BOOKS 300

/* Author 7 has many, some have none. */
static int64_t author_of(int64_t book)
{
	return book % 7 == 0 ? 7 : book * book % (AUTHORS - 5);
}

static void open_filled(struct stage *st, void **state)
{
	struct orm_query *q;
	char text[32];

	STAGE_OPEN(st, *state, T(author), T(book), T(city));
	OK(st->s, orm_begin(st->s, NULL));
	for (int64_t i = 0; i < AUTHORS; i++) {
		snprintf(text, sizeof(text), "author '%d'", (int)i);
		q = orm_insert(st->s, T(author));
		orm_row(q, &(struct author){.id = i,
					    .name = text,
					    .teacher_id = i / 3,
					    .city_code = i % 4 == 0   ? NULL
							 : i % 4 == 1 ? "it's"
								      : "b",
					    .orm_null = i % 5 ? 0 : ORM_BIT(author, teacher_id)});
		RUN(st->s, q);
	}
	for (int64_t i = 0; i < BOOKS; i++) {
		snprintf(text, sizeof(text), "book %d", (int)i);
		q = orm_insert(st->s, T(book));
		orm_row(q, &(struct book){.id = i, .author_id = author_of(i), .title = text});
		RUN(st->s, q);
	}
	q = orm_insert(st->s, T(city));
	orm_row(q, &(struct city){.code = "it's", .title = "Quote"});
	orm_row(q, &(struct city){.code = "b", .title = "B"});
	orm_row(q, &(struct city){.code = "", .title = "Nobody's"});
	RUN(st->s, q);
	OK(st->s, orm_commit(st->s));
}

static struct orm_result *fetch(struct orm_session *s, const struct orm_table *table)
{
	struct orm_query *q = orm_select(s, table);
	struct orm_result *result;

	orm_order_by(q, orm_named(table, table->columns[0].name));
	OK(s, orm_fetch(s, q, table, &result));
	orm_query_free(q);
	return result;
}

static uint64_t statements(const struct stage *st)
{
	struct orm_stats stats;

	orm_stats_read(st->orm, &stats);
	return stats.statements;
}

static void many(void **state)
{
	struct orm_result *authors;
	const struct author *rows;
	uint64_t before;
	struct stage st;
	size_t total = 0;

	open_filled(&st, state);
	authors = fetch(st.s, T(author));
	rows = orm_result_rows(authors);
	assert_int_equal(orm_result_count(authors), AUTHORS);
	before = statements(&st);
	for (size_t i = 0; i < AUTHORS; i++) {
		unsigned char seen[BOOKS] = {0};
		const void *found = NULL;
		const struct book *books;
		size_t n = 0, want = 0;

		OK(st.s, orm_related(authors, i, "books", T(book), &found, &n));
		books = found;
		for (int64_t b = 0; b < BOOKS; b++)
			want += author_of(b) == rows[i].id;
		assert_int_equal(n, want);
		for (size_t b = 0; b < n; b++) {
			assert_int_equal(books[b].author_id, rows[i].id);
			assert_int_equal(seen[books[b].id]++, 0);
		}
		total += n;
	}
	assert_int_equal(total, BOOKS);
	assert_int_equal(statements(&st) - before, 1);
	orm_result_free(authors);
	stage_close(&st);
}

static void one(void **state)
{
	struct orm_result *authors, *books;
	const struct author *rows;
	const struct book *titles;
	uint64_t before;
	struct stage st;

	open_filled(&st, state);
	authors = fetch(st.s, T(author));
	rows = orm_result_rows(authors);
	before = statements(&st);
	for (size_t i = 0; i < AUTHORS; i++) {
		bool none = rows[i].orm_null & ORM_BIT(author, teacher_id);
		const void *found = &st;
		size_t n = 99;

		OK(st.s, orm_related(authors, i, "teacher", T(author), &found, &n));
		assert_int_equal(n, !none);
		if (none)
			assert_null(found);
		else
			assert_int_equal(((const struct author *)found)->id, rows[i].id / 3);
		/* Some have many; one is given. */
		OK(st.s, orm_related(authors, i, "one_book", T(book), &found, &n));
		assert_in_range(n, 0, 1);
	}
	assert_int_equal(statements(&st) - before, 2);
	books = fetch(st.s, T(book));
	titles = orm_result_rows(books);
	before = statements(&st);
	for (size_t i = BOOKS; i-- > 0;) {
		const void *found;
		size_t n;

		OK(st.s, orm_related(books, i, "author", T(author), &found, &n));
		assert_int_equal(n, 1);
		assert_int_equal(((const struct author *)found)->id, titles[i].author_id);
	}
	assert_int_equal(statements(&st) - before, 1);
	orm_result_free(books);
	orm_result_free(authors);
	stage_close(&st);
}

static void keys_of_text(void **state)
{
	struct orm_result *authors, *cities;
	const void *found;
	struct stage st;
	size_t n;

	open_filled(&st, state);
	authors = fetch(st.s, T(author));
	for (size_t i = 0; i < AUTHORS; i++) {
		OK(st.s, orm_related(authors, i, "city", T(city), &found, &n));
		assert_int_equal(n, i % 4 != 0); /* of NULL there is none, not the city "" */
		if (n)
			assert_string_equal(((const struct city *)found)->title,
					    i % 4 == 1 ? "Quote" : "B");
	}
	cities = fetch(st.s, T(city));
	OK(st.s, orm_related(cities, 0, "authors", T(author), &found, &n));
	assert_int_equal(n, 0); /* "" */
	OK(st.s, orm_related(cities, 1, "authors", T(author), &found, &n));
	assert_int_equal(n, 2 * AUTHORS / 4);
	orm_result_free(cities);
	orm_result_free(authors);
	stage_close(&st);
}

/* No row, or none with a key: no query. */
static void nothing_to_ask(void **state)
{
	struct orm_result *authors;
	struct orm_query *q;
	const void *found;
	uint64_t before;
	struct stage st;
	size_t n;

	open_filled(&st, state);
	q = orm_select(st.s, T(author));
	orm_where(q, orm_is_null(C(author, city_code)));
	OK(st.s, orm_fetch(st.s, q, T(author), &authors));
	before = statements(&st);
	for (size_t i = 0; i < orm_result_count(authors); i++) {
		OK(st.s, orm_related(authors, i, "city", T(city), &found, &n));
		assert_int_equal(n, 0);
	}
	assert_int_equal(statements(&st), before);
	orm_result_free(authors);
	orm_where(q, orm_eq(C(author, id), -1));
	OK(st.s, orm_fetch(st.s, q, T(author), &authors));
	OK(st.s, orm_preload(authors, "books", T(book)));
	FAILS(st.s, -EINVAL, orm_related(authors, 0, "books", T(book), &found, &n));
	orm_result_free(authors);
	orm_query_free(q);
	stage_close(&st);
}

static void raise_mode(void **state)
{
	struct orm_result *authors;
	const void *found;
	uint64_t before;
	struct stage st;
	size_t n;

	open_filled(&st, state);
	orm_session_lazy(st.s, ORM_LAZY_RAISE);
	authors = fetch(st.s, T(author));
	before = statements(&st);
	FAILS(st.s, ORM_E_LAZY, orm_related(authors, 3, "books", T(book), &found, &n));
	assert_int_equal(statements(&st), before);
	OK(st.s, orm_preload(authors, "books", T(book)));
	OK(st.s, orm_preload(authors, "books", T(book))); /* again: nothing */
	assert_int_equal(statements(&st) - before, 1);
	OK(st.s, orm_related(authors, 7, "books", T(book), &found, &n));
	assert_true(n > 40);
	FAILS(st.s, ORM_E_LAZY, orm_related(authors, 3, "teacher", T(author), &found, &n));
	orm_session_lazy(st.s, ORM_LAZY_BATCH); /* for results to come */
	FAILS(st.s, ORM_E_LAZY, orm_related(authors, 3, "teacher", T(author), &found, &n));
	orm_result_free(authors);
	authors = fetch(st.s, T(author));
	OK(st.s, orm_related(authors, 3, "teacher", T(author), &found, &n));
	orm_result_free(authors);
	stage_close(&st);
}

static void relations_that_are_none(void **state)
{
	struct orm_result *authors, *values;
	struct orm_query *q;
	const void *found;
	struct stage st;
	size_t n;

	open_filled(&st, state);
	authors = fetch(st.s, T(author));
	FAILS(st.s, ORM_E_QUERY, orm_related(authors, 0, "films", T(book), &found, &n));
	FAILS(st.s, ORM_E_QUERY, orm_related(authors, 0, "books", T(city), &found, &n));
	FAILS(st.s, ORM_E_QUERY, orm_related(authors, 0, "odd", T(book), &found, &n));
	FAILS(st.s, ORM_E_QUERY, orm_related(authors, 0, "gone", T(city), &found, &n));
	FAILS(st.s, -EINVAL, orm_related(authors, AUTHORS, "books", T(book), &found, &n));
	q = orm_select(st.s, T(author));
	OK(st.s, orm_fetch(st.s, q, NULL, &values));
	FAILS(st.s, ORM_E_QUERY, orm_preload(values, "books", T(book)));
	orm_result_free(values);
	orm_query_free(q);
	orm_result_free(authors);
	stage_close(&st);
}

/* What was loaded sees the transaction that loads it, and lives as long as its result. */
static void in_a_transaction(void **state)
{
	struct orm_result *authors;
	const struct book *books;
	const void *found;
	struct orm_query *q;
	struct stage st;
	size_t n;

	open_filled(&st, state);
	OK(st.s, orm_begin(st.s, NULL));
	q = orm_insert(st.s, T(book));
	orm_row(q, &(struct book){.id = 9999, .author_id = AUTHORS - 1, .title = "unsaid"});
	RUN(st.s, q);
	authors = fetch(st.s, T(author));
	OK(st.s, orm_related(authors, AUTHORS - 1, "books", T(book), &found, &n));
	assert_int_equal(n, 1);
	orm_rollback(st.s);
	books = found;
	assert_string_equal(books->title, "unsaid");
	orm_session_close(stage_session(&st));
	stage_close(&st); /* and takes the result with it */
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(many),
		DATABASE_TEST(one),
		DATABASE_TEST(keys_of_text),
		DATABASE_TEST(nothing_to_ask),
		DATABASE_TEST(raise_mode),
		DATABASE_TEST(relations_that_are_none),
		DATABASE_TEST(in_a_transaction),
	};

	return DATABASE_RUN(tests);
}
