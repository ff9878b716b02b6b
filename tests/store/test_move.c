// SPDX-License-Identifier: AGPL-3.0-or-later
/* Whole stores: checked, to a file and back, from one database to the other and back. */
#include <tests/store/depot.h>

#include <errno.h>
#include <unistd.h>

#include <user/store/move.h>

/* Something of everything, with what is hard to carry: quotes, Unicode, odd doubles, NULLs. */
static void fill(struct store *st)
{
	struct store_act act;
	struct store_source source;

	for (uint32_t i = 0; i < 300; i++) {
		act = depot_ban("10.0.0.1", i % 3 ? DEPOT_T0 + i : 0, "\"ёж\" \\ ' {}");
		act.ban.prefix = depot_host(i * 977);
		assert_int_equal(store_submit(st, &act, NULL, NULL), 0);
		source = depot_source(i, 1.0 / (i + 3));
		source.trust_until_ms = i % 2 ? DEPOT_T0 : 0;
		assert_int_equal(store_source_put(st, &source), 0);
	}
	act = depot_ban("2001:db8::/33", 0, "");
	depot_do(st, &act);
	act = depot_ban("2001:db8::1", 0, "");
	depot_do(st, &act);
	act.verb = STORE_ALLOW_PUT;
	act.allow = (struct store_allow){
		depot_prefix("192.0.2.0/24"), DEPOT_T0, 0, "o", NULL, NULL};
	depot_do(st, &act);
	act.verb = STORE_LIST_PUT;
	act.list = (struct store_list){.name = "Z", .weight = 0.1};
	depot_do(st, &act);
	act.list.name = "a";
	depot_do(st, &act);
	act.verb = STORE_FEED_PUT;
	act.feed = (struct store_feed){
		.name = "f", .url = "https://[::1]/?a=b&c", .weight = 1e-300};
	depot_do(st, &act);
	act.verb = STORE_ALERT_PUT;
	act.alert = (struct store_alert){"k", "ы", DEPOT_T0, 0, 1, "w"};
	depot_do(st, &act);
	act.alert = (struct store_alert){"k", "Z", DEPOT_T0, DEPOT_T0, 1, "w"};
	depot_do(st, &act);
	act.verb = STORE_SETTING_PUT;
	act.setting = (struct store_setting){.name = "n", .value = "v"};
	depot_do(st, &act);
	assert_int_equal(store_flush(st, 0), 0);
}

static char *export_of(struct store *st)
{
	struct store_fault fault = {0};
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (store_export(st, to, NULL, &fault))
		fail_msg("%s", fault.text);
	fclose(to);
	return text;
}

static int import_of(struct store *st, const char *text, uint64_t *ret_rows,
		     struct store_fault *ret_fault)
{
	FILE *from = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int r;

	assert_non_null(from);
	r = store_import(st, from, ret_rows, ret_fault);
	fclose(from);
	return r;
}

/* Another store of the same kind of database, for the second half of a test. */
static struct database other_of(const struct database *db)
{
	struct database other = *db;

	other.dialect = ORM_SQLITE;
	snprintf(other.name, sizeof(other.name), "%.200s/other", db->dir);
	snprintf(other.url, sizeof(other.url), "sqlite://%s", other.name);
	return other;
}

static void whole_store_is_checked(void **state)
{
	const struct database *db = *state;
	struct store *st = depot_open(db, NULL);
	struct store_fault fault = {0};
	struct store_state found = {0};

	fill(st);
	if (store_check(st, &found, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(found.count, STORE_TABLE_COUNT);
	assert_string_equal(found.counts[0].table, "ban");
	assert_int_equal(found.counts[0].rows, 302);
	assert_int_equal(found.counts[2].rows, 300);
	assert_int_equal(found.audit.records, 309);
	database_do(db, "CREATE INDEX mine ON ban (actor)"); /* an operator may */
	assert_int_equal(store_check(st, &found, &fault), 0);
	database_do(db, "UPDATE audit SET cause = 'x' WHERE seq = 17");
	assert_int_equal(store_check(st, &found, &fault), STORE_BROKEN);
	assert_non_null(strstr(fault.text, "record 17"));
	database_do(db, "ALTER TABLE feed DROP COLUMN fault");
	assert_int_equal(store_check(st, &found, &fault), STORE_BROKEN);
	if (strncmp(fault.text, "table 'feed' is not as declared", 31) != 0)
		fail_msg("%s", fault.text);
	depot_close(st);
}

static void a_damaged_file_is_found(void **state)
{
	const struct database *db = *state;
	struct store *st = depot_open(db, NULL);
	struct store_fault fault = {0};
	struct store_state found;
	char zero[4096] = "";
	FILE *file;

	fill(st);
	depot_close(st); /* the WAL is in the file now */
	file = fopen(db->name, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, -4 * 4096, SEEK_END), 0);
	assert_int_equal(fwrite(zero, sizeof(zero), 1, file), 1);
	fclose(file);
	st = depot_open(db, NULL);
	assert_int_equal(store_check(st, &found, &fault), STORE_BROKEN);
	assert_int_equal(strncmp(fault.text, "the file: ", 10), 0);
	store_close(st, NULL);
}

static void out_and_in_is_the_same(void **state)
{
	const struct database *db = *state, other = other_of(db);
	struct store *st = depot_open(db, NULL), *to = depot_open(&other, NULL);
	struct store_fault fault = {0};
	char *first, *second;
	uint64_t rows = 0;

	fill(st);
	first = export_of(st);
	if (import_of(to, first, &rows, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(rows, 302 + 1 + 300 + 2 + 1 + 2 + 1 + 309 + 1);
	second = export_of(to);
	assert_string_equal(first, second);
	/* It goes on from there. */
	depot_do(to,
		 &(struct store_act){.verb = STORE_NOTE, .actor = "a", .note = {.action = "n"}});
	depot_chain(to, 310);
	assert_int_equal(import_of(to, first, &rows, &fault), STORE_NOT_EMPTY);
	free(second);
	depot_close(to);
	depot_close(st);

	/* And into PostgreSQL, when that is what this is. */
	for (int i = 0; i < 9; i++) {
		char sql[64];

		snprintf(sql, sizeof(sql), "DELETE FROM %s", store_table_at(i).table->name);
		database_do(db, sql);
	}
	st = depot_open(db, NULL);
	assert_int_equal(import_of(st, first, &rows, &fault), 0);
	second = export_of(st);
	assert_string_equal(first, second);
	free(first);
	free(second);
	depot_close(st);
}

static void what_is_wrong_is_named(void **state)
{
#define FIRST "{\"strazh store\":{\"version\":1}}\n"
#define SETTING(name, more)                                                                        \
	"{\"setting\":{\"name\":\"" name "\",\"value\":\"v\",\"actor\":\"a\"" more "}}\n"
#define GOOD SETTING("n", ",\"set_ms\":5")
	static const struct {
		const char *file, *text;
	} tries[] = {
		{"x\n", "line 1, column 1: not the first line"},
		{"", "line 1, column 1: the file ends before"},
		{FIRST, "line 2, column 1: the file ends before"},
		{FIRST GOOD, "line 3, column 1: the file ends before"},
		{FIRST GOOD "{\"end\":{\"rows\":2}}\n", "line 3, column 8: not as many rows"},
		{FIRST GOOD "{\"end\":{\"rows\":1}}", "line 3, column 19: the file ends inside"},
		{FIRST GOOD "{\"end\":{\"rows\":1}}\n\n", "line 4, column 1: more after"},
		{FIRST "\n", "line 2, column 1: an empty line"},
		{FIRST "{\"setting\":{\"name\":5}}\n", "line 2, column 13: member 'name'"},
		{FIRST SETTING("n", ",\"set_ms\":5,\"zz\":1"), "line 2, column 59: member 'zz'"},
		{FIRST "{\"setting\":{\"name\":\"n\" 7}}\n", "line 2, column "},
		{FIRST SETTING("n", ""), "line 2, column 12: member 'set_ms'"},
		{FIRST "{\"setting\":{}\n", "line 2, column "},
		{FIRST "{\"setting\":[]}\n", "line 2, column 12: not one object"},
		{FIRST GOOD "{\"ban\":{}}\n", "line 3, column 1: no table of a store"},
		{FIRST "{\"nothing\":{}}\n", "line 2, column 1: no table of a store"},
		{FIRST GOOD GOOD "{\"end\":{\"rows\":2}}\n", "line "},
	};
	const struct database *db = *state;
	struct store *st = depot_open(db, NULL);
	struct store_fault fault;
	uint64_t rows = 0;

	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		fault = (struct store_fault){0};
		/* fmemopen() takes no empty text */
		assert_int_equal(tries[i].file[0] ? import_of(st, tries[i].file, NULL, &fault)
						  : STORE_MALFORMED,
				 STORE_MALFORMED);
		if (tries[i].file[0] &&
		    strncmp(fault.text, tries[i].text, strlen(tries[i].text)) != 0)
			fail_msg("%zu: '%s' is not '%s'", i, fault.text, tries[i].text);
	}
	database_expect(db, "SELECT count(*) FROM setting", "0\n");
	assert_int_equal(import_of(st, FIRST GOOD "{\"end\":{\"rows\":1}}\n", &rows, &fault), 0);
	assert_int_equal(rows, 1);
	depot_close(st);
}

static void a_broken_chain_is_not_taken(void **state)
{
	const struct database *db = *state, other = other_of(db);
	struct store *st = depot_open(db, NULL), *to = depot_open(&other, NULL);
	struct store_act act = depot_note("test", "s", "one");
	struct store_fault fault = {0};
	char *text, *lie;

	depot_do(st, &act);
	depot_do(st, &act);
	text = export_of(st);
	lie = strstr(text, "\"one\"");
	assert_non_null(lie);
	lie[1] = 't';
	assert_int_equal(import_of(to, text, NULL, &fault), STORE_BROKEN);
	assert_non_null(strstr(fault.text, "record 1:"));
	free(text);
	depot_chain(to, 0);
	depot_close(to);
	depot_close(st);
}

/* From SQLite to the database of the test while it is written, finally, and back to another file.
 */
static void copied_there_and_back(void **state)
{
	const struct database *db = *state, from = other_of(db);
	struct database back = from;
	struct store *st = depot_open(&from, NULL), *to;
	struct store_copied copied = {0};
	struct store_fault fault = {0};
	struct store_act act = depot_ban("203.0.113.9", 0, "meanwhile");
	char *first, *second;

	snprintf(back.name, sizeof(back.name), "%.200s/back", db->dir);
	snprintf(back.url, sizeof(back.url), "sqlite://%s", back.name);
	fill(st);
	if (store_copy(from.url, db->url, false, &copied, &fault))
		fail_msg("%s", fault.text);
	assert_false(copied.equal);
	depot_do(st, &act);
	act = depot_lift("10.0.0.0", "meanwhile");
	depot_do(st, &act);
	first = export_of(st);
	depot_close(st);
	if (store_copy(from.url, db->url, true, &copied, &fault))
		fail_msg("%s", fault.text);
	assert_true(copied.equal);
	assert_int_equal(copied.rows, 302 + 1 + 300 + 2 + 1 + 2 + 1 + 311 + 1);
	to = depot_open(db, NULL);
	second = export_of(to);
	assert_string_equal(first, second);
	free(second);
	depot_chain(to, 311);
	depot_close(to);
	if (store_copy(db->url, back.url, true, &copied, &fault))
		fail_msg("%s", fault.text);
	to = depot_open(&back, NULL);
	second = export_of(to);
	assert_string_equal(first, second);
	free(first);
	free(second);
	depot_close(to);
}

static void not_over_another_store(void **state)
{
	const struct database *db = *state, from = other_of(db);
	struct store *st = depot_open(&from, NULL);
	struct store_act act = depot_ban("203.0.113.9", 0, "x");
	struct store_copied copied;
	struct store_fault fault = {0};

	depot_do(st, &act);
	depot_close(st);
	st = depot_open(db, NULL);
	act = depot_ban("203.0.113.10", 0, "mine");
	depot_do(st, &act);
	depot_close(st);
	assert_int_equal(store_copy(from.url, db->url, true, &copied, &fault), STORE_NOT_EMPTY);
	database_expect(db, "SELECT cause FROM ban", "mine\n");
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(whole_store_is_checked),
		DATABASE_TEST_SQLITE(a_damaged_file_is_found),
		DATABASE_TEST(out_and_in_is_the_same),
		DATABASE_TEST(what_is_wrong_is_named),
		DATABASE_TEST(a_broken_chain_is_not_taken),
		DATABASE_TEST(copied_there_and_back),
		DATABASE_TEST(not_over_another_store),
	};

	return DATABASE_RUN(tests);
}
