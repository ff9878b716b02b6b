/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reading: the same query gives the same rows on both databases, those that a model in C expects.
 */
#include <inttypes.h>

#include <tests/orm/kit/stage.h>

#define TEAM(X)                                                                                    \
	X(i64, id, BIGINT, PK)                                                                     \
	X(str, title, TEXT, NN)                                                                    \
	X(i64, lead, BIGINT, 0)
#define PERSON(X)                                                                                  \
	X(i64, id, BIGINT, PK)                                                                     \
	X(str, name, TEXT, NN)                                                                     \
	X(i64, team_id, BIGINT, 0)                                                                 \
	X(f64, score, DOUBLE, 0)                                                                   \
	X(i32, age, INTEGER, 0)
#define BADGE(X)                                                                                   \
	X(i64, team_id, BIGINT, PK)                                                                \
	X(str, colour, TEXT, NN)
ORM_TABLE(team, TEAM)
ORM_TABLE(person, PERSON)
ORM_TABLE(badge, BADGE)

static const struct team teams[] = {
	{.id = 1, .title = "red", .lead = 3},
	{.id = 2, .title = "blue", .orm_null = ORM_BIT(team, lead)},
	{.id = 3, .title = "empty", .lead = 1},
};
#define NO_TEAM ORM_BIT(person, team_id)
#define NO_SCORE ORM_BIT(person, score)
#define NO_AGE ORM_BIT(person, age)
static const struct person persons[] = {
	{.id = 1, .name = "ann", .team_id = 1, .score = 1.5, .age = 30},
	{.id = 2, .name = "bob", .team_id = 1, .score = 2.5, .orm_null = NO_AGE},
	{.id = 3, .name = "cat", .team_id = 2, .age = 20, .orm_null = NO_SCORE},
	{.id = 4, .name = "dan", .score = 0.5, .age = 40, .orm_null = NO_TEAM},
	{.id = 5, .name = "eve", .team_id = 1, .score = 1.5, .age = 20},
	{.id = 6, .name = "fay", .orm_null = NO_TEAM | NO_SCORE | NO_AGE},
};

static void open_filled(struct stage *st, void **state)
{
	struct orm_query *q;

	STAGE_OPEN(st, *state, T(team), T(person), T(badge));
	q = orm_insert(st->s, T(team));
	orm_rows(q, teams, ARRAY_LEN(teams));
	assert_int_equal(RUN(st->s, q), ARRAY_LEN(teams));
	q = orm_insert(st->s, T(person));
	orm_rows(q, persons, ARRAY_LEN(persons));
	assert_int_equal(RUN(st->s, q), ARRAY_LEN(persons));
	q = orm_insert(st->s, T(badge));
	orm_row(q, &(struct badge){.team_id = 1, .colour = "gold"});
	orm_row(q, &(struct badge){.team_id = 9, .colour = "tin"});
	RUN(st->s, q);
}

/* ---- joins, against loops ---- */

static bool meet(const struct person *p, const struct team *t)
{
	return !(p->orm_null & NO_TEAM) && p->team_id == t->id;
}

static void join_line(FILE *out, const struct person *p, const struct team *t)
{
	fprintf(out, "%s|%s\n", p ? p->name : "NULL", t ? t->title : "NULL");
}

/* Ordered by the person's number, NULL last, then by the team's. */
static char *join_model(bool all_persons, bool all_teams, bool cross)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; i < ARRAY_LEN(persons); i++) {
		unsigned found = 0;

		for (size_t k = 0; k < ARRAY_LEN(teams); k++) {
			if (cross || meet(&persons[i], &teams[k])) {
				join_line(out, &persons[i], &teams[k]);
				found++;
			}
		}
		if (!found && all_persons)
			join_line(out, &persons[i], NULL);
	}
	for (size_t k = 0; k < ARRAY_LEN(teams) && all_teams; k++) {
		unsigned found = 0;

		for (size_t i = 0; i < ARRAY_LEN(persons); i++)
			found += meet(&persons[i], &teams[k]);
		if (!found)
			join_line(out, NULL, &teams[k]);
	}
	fclose(out);
	return text;
}

static void joins(void **state)
{
	static const struct {
		enum orm_join_kind kind;
		bool persons, teams;
	} kinds[] = {{ORM_INNER, false, false},
		     {ORM_LEFT, true, false},
		     {ORM_RIGHT, false, true},
		     {ORM_FULL, true, true},
		     {ORM_CROSS, false, false}};
	struct stage st;

	open_filled(&st, state);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		bool cross = kinds[i].kind == ORM_CROSS;
		char *want = join_model(kinds[i].persons, kinds[i].teams, cross);
		struct orm_query *q = orm_select(st.s, T(person));

		orm_columns(q, C(person, name), C(team, title));
		if (cross)
			orm_join(q, ORM_CROSS, T(team), ORM_NO_ON);
		else
			orm_join(q, kinds[i].kind, T(team),
				 orm_eq(C(person, team_id), C(team, id)));
		orm_order_by(q, C(person, id), C(team, id));
		ROWS(st.s, q, want);
		free(want);
	}
	stage_close(&st);
}

static void natural_and_self_joins(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	q = orm_select(st.s, T(person));
	orm_join(q, ORM_NATURAL, T(badge), ORM_NO_ON);
	orm_columns(q, C(person, name), C(badge, colour));
	orm_order_by(q, C(person, id));
	ROWS(st.s, q, "ann|gold\nbob|gold\neve|gold\n");
	/* Who is as old as whom. */
	q = orm_select_as(st.s, T(person), "a");
	orm_join_as(q, ORM_INNER, T(person), "b",
		    orm_and(orm_eq(C_AS("a", person, age), C_AS("b", person, age)),
			    orm_lt(C_AS("a", person, id), C_AS("b", person, id))));
	orm_columns(q, C_AS("a", person, name), C_AS("b", person, name));
	ROWS(st.s, q, "cat|eve\n");
	/* Three tables, one of them twice. */
	q = orm_select(st.s, T(person));
	orm_join(q, ORM_INNER, T(team), orm_eq(C(person, team_id), C(team, id)));
	orm_join_as(q, ORM_LEFT, T(person), "lead",
		    orm_eq(C_AS("lead", person, id), C(team, lead)));
	orm_columns(q, C(person, name), C(team, title), C_AS("lead", person, name));
	orm_order_by(q, orm_desc(C(person, id)));
	ROWS(st.s, q, "eve|red|cat\ncat|blue|NULL\nbob|red|cat\nann|red|cat\n");
	stage_close(&st);
}

static void joins_without_a_fitting_condition(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	q = orm_select(st.s, T(person));
	orm_join(q, ORM_INNER, T(team), ORM_NO_ON);
	REFUSED(st.s, q, ORM_E_QUERY);
	q = orm_select(st.s, T(person));
	orm_join(q, ORM_CROSS, T(team), orm_eq(C(person, id), C(team, id)));
	REFUSED(st.s, q, ORM_E_QUERY);
	q = orm_select(st.s, T(person));
	orm_join(q, ORM_FULL, T(team), orm_lt(C(person, id), C(team, id)));
	REFUSED(st.s, q, ORM_E_QUERY);
	q = orm_select(st.s, T(person));
	orm_join(q, ORM_INNER, T(person), orm_eq(C(person, id), C(person, id)));
	REFUSED(st.s, q, ORM_E_QUERY); /* which of the two? */
	stage_close(&st);
}

/* ---- conditions ---- */

#define NAMES(s, condition, want)                                                                  \
	do {                                                                                       \
		struct orm_query *q_ = orm_select(s, T(person));                                   \
		orm_columns(q_, C(person, name));                                                  \
		orm_where(q_, condition);                                                          \
		orm_order_by(q_, C(person, id));                                                   \
		ROWS(s, q_, want);                                                                 \
	} while (0)

static void conditions(void **state)
{
	static const int64_t some[] = {20, 40, 41};
	struct stage st;
	struct orm_session *s;

	open_filled(&st, state);
	s = st.s;
	NAMES(s, orm_eq(C(person, age), 20), "cat\neve\n");
	NAMES(s, orm_ne(C(person, age), 20), "ann\ndan\n");
	NAMES(s, orm_lt(C(person, score), 1.5), "dan\n");
	NAMES(s, orm_le(C(person, score), 1.5), "ann\ndan\neve\n");
	NAMES(s, orm_gt(C(person, score), 1.5), "bob\n");
	NAMES(s, orm_ge(C(person, score), 1.5), "ann\nbob\neve\n");
	NAMES(s, orm_between(C(person, age), 20, 30), "ann\ncat\neve\n");
	NAMES(s, orm_is_null(C(person, age)), "bob\nfay\n");
	NAMES(s, orm_is_not_null(C(person, team_id)), "ann\nbob\ncat\neve\n");
	NAMES(s, orm_not(orm_eq(C(person, age), 20)), "ann\ndan\n");
	NAMES(s, orm_in(C(person, age), ((struct orm_i64s){some, 3})), "cat\ndan\neve\n");
	NAMES(s, orm_in(C(person, age), ((struct orm_i64s){some, 0})), "");
	NAMES(s, orm_not(orm_in(C(person, id), ((struct orm_i64s){some, 0}))),
	      "ann\nbob\ncat\ndan\neve\nfay\n");
	NAMES(s,
	      orm_or(orm_eq(C(person, name), "fay"),
		     orm_and(orm_eq(C(person, team_id), 1), orm_is_null(C(person, age)))),
	      "bob\nfay\n");
	NAMES(s, orm_eq(orm_add(C(person, age), C(person, id)), 31), "ann\n");
	NAMES(s, orm_eq(orm_mod(C(person, id), 2), 0), "bob\ndan\nfay\n");
	stage_close(&st);
}

static void patterns(void **state)
{
	static const char *const names[] = {"a%b", "a_b", "aXb", "AXB", "a\\b", "axxb"};
	struct orm_query *q;
	struct stage st;
	struct orm_session *s;

	STAGE_OPEN(&st, *state, T(person));
	s = st.s;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		q = orm_insert(s, T(person));
		orm_set(q, C(person, id), (int64_t)i);
		orm_set(q, C(person, name), names[i]);
		RUN(s, q);
	}
	NAMES(s, orm_like(C(person, name), "a_b"), "a%b\na_b\naXb\na\\b\n");
	NAMES(s, orm_like(C(person, name), "a%b"), "a%b\na_b\naXb\na\\b\naxxb\n");
	NAMES(s, orm_like(C(person, name), "a\\%b"), "a%b\n");
	NAMES(s, orm_like(C(person, name), "a\\_b"), "a_b\n");
	NAMES(s, orm_like(C(person, name), "a\\\\b"), "a\\b\n");
	NAMES(s, orm_ilike(C(person, name), "axb"), "aXb\nAXB\n");
	NAMES(s, orm_like(C(person, name), "axb"), "");
	/* Nothing behind the escape character: PostgreSQL says so, SQLite finds nothing. */
	q = orm_select(s, T(person));
	orm_where(q, orm_like(C(person, name), "a\\"));
	if (database_is_sqlite(st.db))
		ROWS(s, q, "");
	else
		REFUSED(s, q, ORM_E_VALUE);
	stage_close(&st);
}

/* ---- groups ---- */

static void groups(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	q = orm_select(st.s, T(person));
	orm_columns(q, C(person, team_id), orm_count_all(), orm_count(C(person, age)),
		    orm_sum(C(person, age)), orm_avg(C(person, score)), orm_min(C(person, name)),
		    orm_max(C(person, score)), orm_count_distinct(C(person, score)));
	orm_group_by(q, C(person, team_id));
	orm_order_by(q, C(person, team_id));
	ROWS(st.s, q,
	     "1|3|2|50|1.83333333333333|ann|2.5|2\n"
	     "2|1|1|20|NULL|cat|NULL|0\n"
	     "NULL|2|1|40|0.5|dan|0.5|1\n");
	q = orm_select(st.s, T(person));
	orm_columns(q, C(person, team_id), orm_as(orm_count_all(), "n"));
	orm_where(q, orm_is_not_null(C(person, team_id)));
	orm_group_by(q, C(person, team_id));
	orm_having(q, orm_gt(orm_count_all(), 1));
	ROWS(st.s, q, "1|3\n");
	q = orm_select(st.s, T(person));
	orm_columns(q, C(person, team_id), orm_filter(orm_count_all(), orm_ge(C(person, age), 30)),
		    orm_filter(orm_sum(C(person, age)), orm_lt(C(person, age), 30)));
	orm_group_by(q, C(person, team_id));
	orm_order_by(q, orm_desc(orm_count_all()), C(person, team_id));
	ROWS(st.s, q, "1|1|20\nNULL|1|NULL\n2|0|20\n");
	/* Of no rows: one row. */
	q = orm_select(st.s, T(person));
	orm_columns(q, orm_count_all(), orm_sum(C(person, age)), orm_max(C(person, name)));
	orm_where(q, orm_eq(C(person, id), 99));
	ROWS(st.s, q, "0|NULL|NULL\n");
	q = orm_select(st.s, T(person));
	orm_columns(q, C(person, name), orm_count_all());
	REFUSED(st.s, q, ORM_E_QUERY); /* which name of the group? */
	stage_close(&st);
}

static void distinct_rows(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	q = orm_select(st.s, T(person));
	orm_columns(q, orm_as(C(person, age), "age"), orm_as(C(person, score), "score"));
	orm_distinct(q);
	orm_where(q, orm_is_not_null(C(person, score)));
	orm_order_by(q, orm_output("age"), orm_desc(orm_output("score")));
	ROWS(st.s, q, "20|1.5\n30|1.5\n40|0.5\nNULL|2.5\n");
	q = orm_select(st.s, T(person));
	orm_columns(q, C(person, score));
	orm_distinct(q);
	orm_order_by(q, orm_output("score"));
	ROWS(st.s, q, "0.5\n1.5\n2.5\nNULL\n"); /* NULLs are one */
	stage_close(&st);
}

/* ---- order ---- */

static void order_with_nulls(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	q = orm_select(st.s, T(person));
	orm_columns(q, C(person, name), C(person, age));
	orm_order_by(q, C(person, age), C(person, id));
	ROWS(st.s, q, "cat|20\neve|20\nann|30\ndan|40\nbob|NULL\nfay|NULL\n");
	q = orm_select(st.s, T(person));
	orm_columns(q, C(person, name), C(person, age));
	orm_order_by(q, orm_desc(C(person, age)), orm_desc(C(person, id)));
	ROWS(st.s, q, "fay|NULL\nbob|NULL\ndan|40\nann|30\neve|20\ncat|20\n");
	q = orm_select(st.s, T(person));
	orm_columns(q, C(person, name));
	orm_order_by(q, orm_asc(orm_coalesce(C(person, age), V(25))), C(person, name));
	ROWS(st.s, q, "cat\neve\nbob\nfay\nann\ndan\n");
	stage_close(&st);
}

/* Every window of the six rows. */
static void limit_and_offset(void **state)
{
	struct stage st;

	open_filled(&st, state);
	for (uint64_t limit = 0; limit < 8; limit++) {
		for (uint64_t offset = 0; offset < 8; offset++) {
			struct orm_query *q = orm_select(st.s, T(person));
			char want[64] = "";
			size_t at = 0;

			orm_columns(q, C(person, id));
			orm_order_by(q, C(person, id));
			if (limit < 7)
				orm_limit(q, limit);
			orm_offset(q, offset);
			for (uint64_t i = offset; i < 6 && (limit == 7 || i < offset + limit); i++)
				at += (size_t)snprintf(want + at, sizeof(want) - at,
						       "%" PRIu64 "\n", i + 1);
			ROWS(st.s, q, want);
		}
	}
	stage_close(&st);
}

/* Byte order of UTF-8 in both, whatever the locale of the machine. */
static void order_of_texts(void **state)
{
	static const char *const names[] = {"b", "B", "a", "_",	  "é", "z",
					    "Z", "0", "",  "a b", "ab"};
	struct orm_query *q;
	struct stage st;

	STAGE_OPEN(&st, *state, T(badge));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		q = orm_insert(st.s, T(badge));
		orm_row(q, &(struct badge){.team_id = (int64_t)i + 1, .colour = names[i]});
		RUN(st.s, q);
	}
	q = orm_select(st.s, T(badge));
	orm_columns(q, C(badge, colour));
	orm_order_by(q, C(badge, colour));
	ROWS(st.s, q, "\n0\nB\nZ\n_\na\na b\nab\nb\nz\né\n");
	stage_close(&st);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(joins),
		DATABASE_TEST(natural_and_self_joins),
		DATABASE_TEST(joins_without_a_fitting_condition),
		DATABASE_TEST(conditions),
		DATABASE_TEST(patterns),
		DATABASE_TEST(groups),
		DATABASE_TEST(distinct_rows),
		DATABASE_TEST(order_with_nulls),
		DATABASE_TEST(limit_and_offset),
		DATABASE_TEST(order_of_texts),
	};

	return DATABASE_RUN(tests);
}
