/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a stranger sends is a value wherever it is put: through every place of the builders that
 * takes one it comes back byte for byte, on both databases, and the tables are as they were. What
 * is no text is refused in each of these places. A name it can never become.
 *
 * The texts are ours and, when sqlmap is installed, those that guard-corpus makes of its files.
 */
#include <stdlib.h>
#include <unistd.h>

#include <tests/orm/kit/places.h>

#define CANARY(X) X(i64, id, BIGINT, PK) X(str, secret, TEXT, NN)
ORM_TABLE(canary, CANARY)

static const char *const ours[] = {
	"'",
	"''",
	"\"",
	"`",
	"\\",
	"\\'",
	"'; --",
	"' --",
	"';--",
	"*/",
	"/*",
	"/**/",
	"$$",
	"$1",
	"$0",
	"$2147483648",
	"?",
	"?1",
	":a",
	"@a",
	"%s",
	"%n%n%n",
	"%",
	"_",
	"%%",
	"\\%",
	"\\\\",
	"{}",
	"[]",
	"{\"a\": 1}",
	"NULL",
	"null",
	"true",
	"0",
	"-1",
	"1e999",
	"\\x00",
	"\\N",
	"\\.",
	"E'\\''",
	"U&'\\0027'",
	"x'27'",
	"$tag$",
	"(",
	")",
	",",
	";",
	"\n",
	"\r\n",
	"\t",
	"\x01",
	"\x1b[2J",
	"\x7f",
	" ",
	"  ",
	"",
	"a\\",
	"'||pg_sleep(9)||'",
	"1 OR 1=1",
	"' OR ''='",
	"'; DROP TABLE canary; --",
	"\"; DROP TABLE canary; --",
	"1; DELETE FROM canary",
	"'); DELETE FROM canary; --",
	"$$; DROP TABLE canary; $$",
	"' UNION SELECT secret FROM canary --",
	"\\'; DROP TABLE canary; --",
	"\xef\xbc\x87; DROP TABLE canary", /* FULLWIDTH APOSTROPHE */
	"\xca\xbc OR 1=1",		   /* MODIFIER LETTER APOSTROPHE */
	"\xe2\x80\x99 OR \xe2\x80\x99",
	"\xc2\xa0",
	"\xe2\x80\x8b",
	"\xe2\x80\xae"
	"gnp.exe",
	"\xef\xbb\xbf"
	"bom",
	"\xf0\x9f\x92\xa9",
	"\xd0\xb0"
	"dmin",
	"\xed\x9f\xbf",
	"\xee\x80\x80",
	"a\"b",
	"a.b",
	"$.a",
	"\".\"",
	"$[0]",
	"k\" || \"",
	"canary",
	"\"canary\"",
	"pragma_table_info",
};
static const char *const no_texts[] = {
	"\xc0\xa7",	"\xe0\x80\xa7",	    "\xf0\x80\x80\xa7", "\xbf' OR 1=1", "\xbf\x27",
	"\xed\xa0\x80", "\xf5\x80\x80\x80", "abc\xe2\x82",	"\xfe\xff",
};

/* ---- the tables are as they were ---- */

#define CANARIES "SELECT id, secret FROM canary ORDER BY id"

static const char *schema_sql(const struct database *db)
{
	if (database_is_sqlite(db))
		return "SELECT type, name, sql FROM sqlite_schema ORDER BY name";
	return "SELECT table_name, column_name, data_type FROM information_schema.columns "
	       "WHERE table_schema = 'public' ORDER BY 1, 2";
}

static char *open_hostile(struct stage *st, void **state)
{
	STAGE_OPEN(st, *state, T(scrap), T(canary));
	orm_session_promise(st->s, ORM_RELAXED);
	database_do(st->db, "INSERT INTO canary VALUES (1, 'alive'), (2, 'well')");
	places_prepare(st->s);
	return database_ask(st->db, schema_sql(st->db));
}

static void close_hostile(struct stage *st, char *schema)
{
	database_expect(st->db, CANARIES, "1|alive\n2|well\n");
	database_expect(st->db, schema_sql(st->db), schema);
	free(schema);
	stage_close(st);
}

/* One text through all places. */
static void try_text(struct stage *st, const char *text, int want)
{
	struct trial t = {.s = st->s, .sqlite = database_is_sqlite(st->db), .text = text};

	for (size_t p = 0; p < n_places; p++) {
		int r = places[p].run(&t);
		bool same = want ? !t.back : t.back && !strcmp(t.back, text);

		if (r != want || !same) {
			print_error("%s of '%s': %s: %s\n", places[p].name, text, orm_class_name(r),
				    r ? orm_error(st->s)->text : "");
			print_error("came back: '%s'\n", t.back ? t.back : "(nothing)");
			fail();
		}
		free(t.back);
		t.back = NULL;
	}
	places_clear(st->s);
}

static void our_texts_through_all_places(void **state)
{
	struct stage st;
	char *schema = open_hostile(&st, state);

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		try_text(&st, ours[i], 0);
	close_hostile(&st, schema);
}

static void what_is_no_text_is_refused_everywhere(void **state)
{
	struct stage st;
	char *schema = open_hostile(&st, state);

	for (size_t i = 0; i < ARRAY_LEN(no_texts); i++)
		try_text(&st, no_texts[i], ORM_E_VALUE);
	assert_int_equal(stage_count(st.s, T(scrap)), PLACES_ROWS);
	close_hostile(&st, schema);
}

/* ---- names ---- */

static void they_never_become_names(void **state)
{
	struct stage st;
	char *schema = open_hostile(&st, state);

	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		const struct scrap row = {.n = 50};
		struct orm_batch b = {
			.table = T(scrap), .rows = &row, .count = 1, .conflict = ours[i]};
		bool name = !strpbrk(ours[i], "\"'`\\;-*/$?:@%{}[]().,&<>| \n\r\t\x01\x1b\x7f") &&
			    *ours[i] && !strchr("0123456789", *ours[i]) && !(*ours[i] & 0x80);
		struct orm_query *q = orm_select(st.s, T(scrap)), *sub;

		orm_where(q, orm_eq(orm_named(T(scrap), ours[i]), "x"));
		REFUSED(st.s, q, ORM_E_QUERY);
		q = orm_update(st.s, T(scrap));
		orm_set(q, orm_named(T(scrap), ours[i]), "x");
		orm_every_row(q);
		REFUSED(st.s, q, ORM_E_QUERY);
		FAILS(st.s, ORM_E_QUERY, orm_insert_batch(st.s, &b, NULL));
		if (name)
			continue; /* "canary" is a good alias */
		REFUSED(st.s, orm_select_as(st.s, T(scrap), ours[i]), ORM_E_QUERY);
		REFUSED(st.s, orm_select_cte(st.s, ours[i]), ORM_E_QUERY);
		sub = orm_select(st.s, T(scrap));
		REFUSED(st.s, orm_select_query(st.s, sub, ours[i]), ORM_E_QUERY);
		q = orm_select(st.s, T(scrap));
		orm_with(q, ours[i], sub);
		REFUSED(st.s, q, ORM_E_QUERY);
		orm_query_free(sub);
		OK(st.s, orm_begin(st.s, NULL));
		FAILS(st.s, ORM_E_QUERY, orm_savepoint(st.s, ours[i]));
		FAILS(st.s, ORM_E_QUERY, orm_rollback_to(st.s, ours[i]));
		orm_rollback(st.s);
	}
	assert_int_equal(stage_count(st.s, T(scrap)), PLACES_ROWS);
	close_hostile(&st, schema);
}

/* ---- sqlmap's ---- */

#define LINES_MAX 30000
#define SAMPLE 200 /* of them through every place; all of them through the batches */

static char *lines[LINES_MAX];
static size_t n_lines;

static void read_lines(const char *dir, const char *name)
{
	char path[512], *line = NULL;
	size_t room = 0;
	ssize_t len;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "r");
	while (file && n_lines < LINES_MAX && (len = getline(&line, &room, file)) > 0) {
		line[len - 1] = '\0';
		lines[n_lines++] = strdup(line);
	}
	free(line);
	if (file)
		fclose(file);
	unlink(path);
}

/* Made anew, in a folder of our own that is empty again afterwards. */
static void read_corpus(void)
{
	char dir[] = "/tmp/strazh-hostile.XXXXXX", command[256];

	if (n_lines || !mkdtemp(dir))
		return;
	snprintf(command, sizeof(command), "tests/orm/guard-corpus '%s' 2>/dev/null", dir);
	if (system(command) == 0) {
		read_lines(dir, "attack-dev-bare.txt");
		read_lines(dir, "attack-dev-single.txt");
		read_lines(dir, "attack-dev-double.txt");
		read_lines(dir, "attack-held-bare.txt");
		read_lines(dir, "attack-held-single.txt");
		read_lines(dir, "attack-held-double.txt");
	}
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	assert_int_equal(system(command), 0);
}

static void all_in_a_batch(struct stage *st, enum orm_batch_way way)
{
	struct scrap *rows = calloc(n_lines, sizeof(*rows));
	struct orm_batch b = {.table = T(scrap), .rows = rows, .count = n_lines, .way = way};
	const struct scrap *got;
	struct orm_result *result;
	struct orm_query *q;

	assert_non_null(rows);
	for (size_t i = 0; i < n_lines; i++)
		rows[i] = (struct scrap){.text = lines[i],
					 .n = (int64_t)i + 1000,
					 .raw = {lines[i], strlen(lines[i])},
					 .words = {(const char *const *)&lines[i], 1}};
	OK(st->s, orm_insert_batch(st->s, &b, NULL));
	q = orm_select(st->s, T(scrap));
	orm_where(q, orm_ge(C(scrap, n), 1000));
	orm_order_by(q, C(scrap, n));
	OK(st->s, orm_fetch(st->s, q, T(scrap), &result));
	orm_query_free(q);
	assert_int_equal(orm_result_count(result), n_lines);
	got = orm_result_rows(result);
	for (size_t i = 0; i < n_lines; i++) {
		assert_string_equal(got[i].text, lines[i]);
		assert_int_equal(got[i].raw.len, strlen(lines[i]));
		assert_memory_equal(got[i].raw.data, lines[i], got[i].raw.len);
		assert_string_equal(got[i].words.v[0], lines[i]);
	}
	orm_result_free(result);
	free(rows);
	q = orm_delete(st->s, T(scrap));
	orm_where(q, orm_ge(C(scrap, n), 1000));
	assert_int_equal(RUN(st->s, q), n_lines);
}

static void texts_of_sqlmap(void **state)
{
	static const enum orm_batch_way ways[] = {ORM_BATCH_ROWS, ORM_BATCH_UNNEST, ORM_BATCH_COPY};
	struct stage st;
	char *schema;

	read_corpus();
	if (!n_lines) {
		fprintf(stderr, "# sqlmap is not installed: sudo ./scripts/setup test\n");
		skip();
	}
	schema = open_hostile(&st, state);
	for (size_t i = 0; i < n_lines; i += n_lines / SAMPLE + 1)
		try_text(&st, lines[i], 0);
	for (size_t w = 0; w < (database_is_sqlite(st.db) ? 1 : ARRAY_LEN(ways)); w++)
		all_in_a_batch(&st, ways[w]);
	close_hostile(&st, schema);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(our_texts_through_all_places),
		DATABASE_TEST(what_is_no_text_is_refused_everywhere),
		DATABASE_TEST(they_never_become_names),
		DATABASE_TEST(texts_of_sqlmap),
	};
	int failed = DATABASE_RUN(tests);

	while (n_lines)
		free(lines[--n_lines]);
	return failed;
}
