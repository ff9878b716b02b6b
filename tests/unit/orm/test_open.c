/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Opening a database and what could be held against it: a password told in the text of an error,
 * a record that goes where a link leads, and a clause of more names than there was room for.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <strazh/base/compiler.h>
#include <strazh/orm.h>
#include <strazh/orm/schema.h>

#include <tests/unit/orm/sqlite.h>

static void passwords_are_not_told(void **state)
{
	/* Each has the password "pass", "word" or both in it, not escaped as it should be. */
	static const char *const urls[] = {
		"postgresql://me:pass%zzword@127.0.0.1:1/db",
		"postgresql://me:password@[::1]x/db",
		"postgresql://me:passw/ord@127.0.0.1:1/db",
		"postgresql://me:pa@passw@127.0.0.1:1/db",
		"postgresql://me:passw@[::1",
		"postgresql://me:x?pass=1@127.0.0.1:1/db",
		"postgresql://me@127.0.0.1:1/db?password=pass%zz",
	};
	struct orm_error error;
	struct orm *db;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		assert_int_not_equal(orm_open(urls[i], NULL, &db, &error), 0);
		if (strstr(error.text, "pass") || strstr(error.text, "ord"))
			fail_msg("%s: %s", urls[i], error.text);
	}
}

/* Where there is no password, what is wrong is said in full. */
static void mistakes_are_told(void **state)
{
	static const char *const urls[][2] = {
		{"postgresql://me@127.0.0.1:1/db?pool_mx=1", "pool_mx"},
		{"postgresql://me:secret@127.0.0.1:1/db?pool_mx=1", "pool_mx"},
		{"postgresql://me@127.0.0.1:1/db?sslmode=maybe", "maybe"},
		{"postgresql://127.0.0.1:port/db", "port"},
	};
	struct orm_error error;
	struct orm *db;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		assert_int_not_equal(orm_open(urls[i][0], NULL, &db, &error), 0);
		if (!strstr(error.text, urls[i][1]))
			fail_msg("%s: %s", urls[i][0], error.text);
	}
}

static void record_follows_no_link(void **state)
{
	char target[160], link[160];
	struct orm_options options = {.record = link};
	struct orm_error error;
	struct stat about;
	struct orm *db;

	(void)state;
	snprintf(target, sizeof(target), "%s", in_folder("target"));
	snprintf(link, sizeof(link), "%s", in_folder("link"));
	assert_int_equal(symlink(target, link), 0);
	assert_int_equal(orm_open("sqlite::memory:", &options, &db, &error), -ELOOP);
	assert_int_equal(access(target, F_OK), -1);
	options.record = folder;
	assert_int_equal(orm_open("sqlite::memory:", &options, &db, &error), -EISDIR);
	options.record = target;
	assert_int_equal(mkfifo(target, 0600), 0);
	assert_int_equal(orm_open("sqlite::memory:", &options, &db, &error), -ENXIO);
	assert_int_equal(unlink(target), 0);
	assert_int_equal(orm_open("sqlite::memory:", &options, &db, &error), 0);
	assert_int_equal(stat(target, &about), 0);
	assert_int_equal(about.st_mode & 0777, 0600);
	orm_close(db);
}

/* Names of 63 characters, all columns the key: more than 4 KiB of ON CONFLICT. */
static void conflict_of_all_columns(void **state)
{
	static char names[ORM_COLUMNS_MAX][ORM_NAME_MAX + 1], list[ORM_COLUMNS_MAX * 66];
	static struct orm_column columns[ORM_COLUMNS_MAX];
	static const struct orm_key keys[] = {{ORM_KEY_UNIQUE, "all_of_them", list, ""}};
	const struct orm_table wide = {"wide",		columns, keys,
				       ORM_COLUMNS_MAX, 1,	 8 * (ORM_COLUMNS_MAX + 1)};
	int64_t row[ORM_COLUMNS_MAX + 1] = {0};
	const struct orm_batch batch = {.table = &wide,
					.rows = row,
					.count = 1,
					.mask = ORM_MASK_ALL,
					.conflict = list,
					.update = ORM_MASK_ALL};
	struct orm_session *s;
	struct orm *db;
	size_t used = 0;
	uint64_t n = 0;

	(void)state;
	for (unsigned i = 0; i < ORM_COLUMNS_MAX; i++) {
		memset(names[i], 'c', ORM_NAME_MAX);
		names[i][0] = (char)('A' + i % 26);
		names[i][1] = (char)('A' + i / 26);
		columns[i] = (struct orm_column){names[i], ORM_T_BIGINT, ORM_K_I64,
						 8,	   ORM_NN,	 8 * (i + 1)};
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
					 names[i]);
	}
	assert_int_equal(orm_open("sqlite::memory:", NULL, &db, NULL), 0);
	assert_int_equal(orm_session_open(db, &s), 0);
	if (orm_schema_create(s, (const struct orm_table *[]){&wide}, 1) ||
	    orm_insert_batch(s, &batch, &n) || orm_insert_batch(s, &batch, &n))
		fail_msg("%s", orm_error(s)->text);
	assert_int_equal(n, 1);
	orm_session_close(s);
	orm_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords_are_not_told),
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(record_follows_no_link),
		cmocka_unit_test(conflict_of_all_columns),
	};

	return cmocka_run_group_tests_name("orm_open", tests, make_folder, drop_folder);
}
