/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Key files on disk: who may read them, what is never overwritten, what a failure leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <strazh/base/own.h>
#include <user/crypto/keyfile.h>

static char folder[64];
static struct crypto *crypto;
static struct keyfile fresh;

static const char *in(const char *name)
{
	static char path[200];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/strazh-keys-XXXXXX");
	if (!mkdtemp(folder) || crypto_new(&crypto))
		return -1;
	return keyfile_generate(crypto, KEYFILE_SERVER, "front", 1795255200, &fresh);
}

static unsigned int files_in_folder(bool remove)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	unsigned int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		n++;
		if (remove)
			assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
	}
	closedir(dir);
	return n;
}

static int teardown(void **state)
{
	(void)state;
	(void)files_in_folder(true);
	crypto_free(crypto);
	return rmdir(folder);
}

static void put_text(const char *name, const void *text, size_t len, mode_t mode)
{
	own_fd int fd = open(in(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(in(name), &st), 0);
	return st.st_mode & 07777;
}

static void assert_reads(const char *name, const struct keyfile *want)
{
	struct keyfile_fault fault;
	struct keyfile got;

	assert_int_equal(keyfile_read(in(name), &got, &fault), 0);
	assert_memory_equal(&got, want, sizeof(got));
}

static int read_only(const char *name)
{
	struct keyfile_fault fault = {0};
	struct keyfile got;

	return keyfile_read(in(name), &got, &fault);
}

static void test_written_and_read(void **state)
{
	struct keyfile other = fresh;
	mode_t was = umask(0277);

	(void)state;
	assert_int_equal(keyfile_write(in("key"), &fresh, KEYFILE_NEW), 0);
	umask(0);
	assert_int_equal(mode_of("key"), 0600);
	assert_reads("key", &fresh);
	other.name[0] = 'F';
	assert_int_equal(keyfile_write(in("key"), &other, KEYFILE_NEW), KEYFILE_EXISTS);
	assert_reads("key", &fresh);
	assert_int_equal(keyfile_write(in("key"), &other, KEYFILE_REPLACE), 0);
	assert_reads("key", &other);
	assert_int_equal(mode_of("key"), 0600);
	umask(was);
	assert_int_equal(files_in_folder(true), 1);
}

/* A name that leads elsewhere is not followed, and what is there is not touched. */
static void test_links(void **state)
{
	(void)state;
	assert_int_equal(keyfile_write(in("key"), &fresh, KEYFILE_NEW), 0);
	assert_int_equal(symlink("nowhere", in("link")), 0);
	assert_int_equal(keyfile_write(in("link"), &fresh, KEYFILE_NEW), KEYFILE_EXISTS);
	assert_int_equal(access(in("nowhere"), F_OK), -1);
	assert_int_equal(unlink(in("link")), 0);
	assert_int_equal(symlink("key", in("link")), 0);
	assert_reads("link", &fresh);
	assert_int_equal(files_in_folder(true), 2);
}

static void test_exposed(void **state)
{
	static const mode_t bad[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644, 0777};
	static const mode_t good[] = {0600, 0400, 0700};

	(void)state;
	assert_int_equal(keyfile_write(in("key"), &fresh, KEYFILE_NEW), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(chmod(in("key"), bad[i]), 0);
		assert_int_equal(read_only("key"), KEYFILE_EXPOSED);
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(chmod(in("key"), good[i]), 0);
		assert_reads("key", &fresh);
	}
	assert_int_equal(files_in_folder(true), 1);
}

static void test_no_files(void **state)
{
	char much[KEYFILE_TEXT_MAX] = "strazh key 1\n";
	struct keyfile_fault fault;
	struct keyfile got;

	(void)state;
	assert_int_equal(read_only("nothing"), -ENOENT);
	assert_int_equal(keyfile_read(folder, &got, &fault), KEYFILE_IRREGULAR);
	assert_int_equal(mkfifo(in("pipe"), 0600), 0);
	assert_int_equal(read_only("pipe"), KEYFILE_IRREGULAR);
	put_text("much", much, sizeof(much), 0600);
	assert_int_equal(read_only("much"), KEYFILE_MALFORMED);
	put_text("empty", "", 0, 0600);
	assert_int_equal(read_only("empty"), KEYFILE_MALFORMED);
	assert_int_equal(keyfile_write(in("no/key"), &fresh, KEYFILE_NEW), -ENOENT);
	assert_int_equal(keyfile_write(in("much/key"), &fresh, KEYFILE_NEW), -ENOTDIR);
	assert_int_equal(keyfile_write(in(""), &fresh, KEYFILE_NEW), -EISDIR);
	assert_int_equal(files_in_folder(true), 3);
}

/* The disk is full in the middle: what was there is there, and nothing else. */
static void test_full_disk(void **state)
{
	static const struct rlimit little = {10, RLIM_INFINITY};
	struct rlimit was;
	struct keyfile other = fresh;

	(void)state;
	assert_int_equal(keyfile_write(in("key"), &fresh, KEYFILE_NEW), 0);
	other.name[0] = 'F';
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	assert_int_equal(keyfile_write(in("key"), &other, KEYFILE_REPLACE), -EFBIG);
	assert_int_equal(keyfile_write(in("new"), &other, KEYFILE_NEW), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_reads("key", &fresh);
	assert_int_equal(files_in_folder(true), 1);
}

static void test_certificates(void **state)
{
	static const uint8_t bytes[] = "of any kind";
	uint8_t back[KEYFILE_CERT_MAX];
	struct keyfile_fault fault;
	size_t len = 0;

	(void)state;
	assert_int_equal(certfile_write(in("cert"), bytes, sizeof(bytes), KEYFILE_NEW), 0);
	assert_int_equal(mode_of("cert"), 0644);
	assert_int_equal(certfile_write(in("cert"), bytes, 2, KEYFILE_NEW), KEYFILE_EXISTS);
	assert_int_equal(certfile_read(in("cert"), back, &len, &fault), 0);
	assert_int_equal(len, sizeof(bytes));
	assert_memory_equal(back, bytes, len);
	assert_int_equal(certfile_write(in("cert"), bytes, 0, KEYFILE_REPLACE), -EMSGSIZE);
	assert_int_equal(files_in_folder(true), 1);
}

static void test_passphrases(void **state)
{
	static const struct {
		const char *text;
		const char *want; /* NULL: -ERANGE */
	} files[] = {
		{"secret\n", "secret"},	    {"secret", "secret"}, {"two\nlines\n", "two"},
		{" spaces \n", " spaces "}, {"", NULL},		  {"\nsecond\n", NULL},
	};
	char much[KEYFILE_PASSPHRASE_MAX + 2], got[KEYFILE_PASSPHRASE_MAX];
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const char *want = files[i].want;

		put_text("pass", files[i].text, strlen(files[i].text), 0600);
		assert_int_equal(keyfile_read_passphrase(in("pass"), got, &len),
				 want ? 0 : -ERANGE);
		if (want) {
			assert_int_equal(len, strlen(want));
			assert_memory_equal(got, want, len);
		}
	}
	assert_int_equal(chmod(in("pass"), 0640), 0);
	assert_int_equal(keyfile_read_passphrase(in("pass"), got, &len), KEYFILE_EXPOSED);
	memset(much, 'x', sizeof(much));
	put_text("pass", much, KEYFILE_PASSPHRASE_MAX, 0600);
	assert_int_equal(keyfile_read_passphrase(in("pass"), got, &len), 0);
	assert_int_equal(len, KEYFILE_PASSPHRASE_MAX);
	put_text("pass", much, KEYFILE_PASSPHRASE_MAX + 1, 0600);
	assert_int_equal(keyfile_read_passphrase(in("pass"), got, &len), -ERANGE);
	assert_int_equal(files_in_folder(true), 1);
}

static void test_olds(void **state)
{
	static const char *const others[] = {
		"key.old-",
		"key.old-0123456789abcde",
		"key.old-0123456789abcdef0",
		"key.old-0123456789ABCDEF",
		"key2.old-0123456789abcdef",
		"key.cert",
	};
	struct keyfile_olds olds;
	char name[64];

	(void)state;
	assert_int_equal(keyfile_olds(in("key"), &olds), 0);
	assert_int_equal(olds.count, 0);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		put_text(others[i], "", 0, 0600);
	put_text("key.old-0123456789abcdef", "", 0, 0600);
	assert_int_equal(keyfile_olds(in("key"), &olds), 0);
	assert_int_equal(olds.count, 1);
	assert_string_equal(olds.paths[0], in("key.old-0123456789abcdef"));
	keyfile_olds_free(&olds);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "key.old-%016x", i);
		put_text(name, "", 0, 0600);
	}
	assert_int_equal(keyfile_olds(in("key"), &olds), 0);
	assert_int_equal(olds.count, KEYFILE_OLDS_MAX);
	keyfile_olds_free(&olds);
	assert_int_equal(keyfile_olds(in("no/key"), &olds), -ENOENT);
	assert_int_equal(files_in_folder(true), ARRAY_LEN(others) + 21);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_and_read), cmocka_unit_test(test_links),
		cmocka_unit_test(test_exposed),		 cmocka_unit_test(test_no_files),
		cmocka_unit_test(test_full_disk),	 cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_passphrases),	 cmocka_unit_test(test_olds),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
