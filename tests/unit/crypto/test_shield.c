/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A shielded key comes back as it was, through renewals, from several threads, not in a child.
 *
 * And it is not to be found in the memory of the process. The process that is looked at is a child
 * which was forked before there was a key, gets the key as a server gets it (from a file), uses it
 * and then waits; the parent, who knows the key, reads all of its memory. The same search finds a
 * key that is not shielded, so it can find one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <user/crypto/base64.h>
#include <user/crypto/keyfile.h>
#include <user/crypto/shield.h>

#include <tests/unit/crypto/memory_scan.h>

#define FRESH_SECRET(name)                                                                         \
	struct secret32 name;                                                                      \
	assert_int_equal(crypto_random(name.bytes, sizeof(name.bytes)), 0)

static struct shield *shield_of(const struct secret32 *secret)
{
	struct secret32 given = *secret;
	struct shield *shield = NULL;
	static const struct secret32 zeros;

	assert_int_equal(shield_new(&given, &shield), 0);
	assert_memory_equal(&given, &zeros, sizeof(zeros));
	return shield;
}

static void assert_holds(struct shield *shield, const struct secret32 *secret)
{
	struct secret32 got;
	static const struct secret32 zeros;

	assert_int_equal(shield_open(shield, &got), 0);
	assert_memory_equal(&got, secret, sizeof(got));
	shield_close(&got);
	assert_memory_equal(&got, &zeros, sizeof(got));
}

static void test_comes_back(void **state)
{
	struct shield *shields[8];
	struct secret32 secrets[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shields); i++) {
		FRESH_SECRET(secret);
		secrets[i] = secret;
		shields[i] = shield_of(&secret);
	}
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < ARRAY_LEN(shields); i++) {
			assert_holds(shields[i], &secrets[i]);
			assert_int_equal(shield_renew(shields[i]), 0);
		}
	}
	print_message("# the prekey is in %s\n", shield_memory_text(shield_memory(shields[0])));
	for (size_t i = 0; i < ARRAY_LEN(shields); i++)
		shield_free(shields[i]);
	shield_free(NULL);
}

/* ---- threads ---- */

struct reader {
	pthread_t thread;
	struct shield *shield;
	const struct secret32 *secret;
	_Atomic(bool) *over;
	unsigned int opened;
	bool wrong;
};

static void *read_on(void *arg)
{
	struct reader *reader = arg;

	while (!*reader->over || reader->opened < 100) {
		struct secret32 got;

		if (shield_open(reader->shield, &got) ||
		    memcmp(&got, reader->secret, sizeof(got)) != 0)
			reader->wrong = true;
		shield_close(&got);
		reader->opened++;
	}
	return NULL;
}

static void *renew_on(void *arg)
{
	struct reader *reader = arg;

	while (reader->opened++ < 150)
		reader->wrong |= shield_renew(reader->shield) != 0;
	return NULL;
}

static void test_threads(void **state)
{
	struct reader readers[3], renewers[2];
	_Atomic(bool) over = false;
	FRESH_SECRET(secret);
	struct shield *shield = shield_of(&secret);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		readers[i] = (struct reader){.shield = shield, .secret = &secret, .over = &over};
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(renewers); i++) {
		renewers[i] = (struct reader){.shield = shield};
		assert_int_equal(pthread_create(&renewers[i].thread, NULL, renew_on, &renewers[i]),
				 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(renewers); i++) {
		assert_int_equal(pthread_join(renewers[i].thread, NULL), 0);
		assert_false(renewers[i].wrong);
	}
	over = true;
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
		assert_false(readers[i].wrong);
		assert_true(readers[i].opened >= 100);
	}
	assert_holds(shield, &secret);
	shield_free(shield);
}

/* ---- processes ---- */

static int status_of(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_not_in_a_child(void **state)
{
	FRESH_SECRET(secret);
	struct shield *shield = shield_of(&secret);
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		struct secret32 got;
		int right = shield_open(shield, &got) == -ESTALE && shield_renew(shield) == -ESTALE;

		shield_free(shield);
		_exit(right ? 0 : 1);
	}
	assert_int_equal(status_of(pid), 0);
	assert_holds(shield, &secret);
	shield_free(shield);
}

/* From here on this process has no memfd_secret, as an older kernel has none. */
static bool forbid_memfd_secret(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_secret, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {ARRAY_LEN(code), code};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* What kind of memory it gets, and that it works in it. 100: something went wrong. */
static int kind_of_memory(void)
{
	struct secret32 secret = {"not all zeros"}, was = secret, got;
	struct shield *shield;
	int kind;

	if (shield_new(&secret, &shield) || shield_renew(shield) || shield_open(shield, &got) ||
	    memcmp(&got, &was, sizeof(got)) != 0)
		return 100;
	kind = (int)shield_memory(shield);
	shield_free(shield);
	return kind;
}

#define LOCKS_ALL_THE_SAME 103

static void test_lesser_memory(void **state)
{
	static const struct rlimit none = {0, 0};
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(forbid_memfd_secret() ? kind_of_memory() : 101);
	assert_int_equal(status_of(pid), SHIELD_LOCKED);
	pid = fork();
	if (pid == 0) {
		static char page[1];

		if (setrlimit(RLIMIT_MEMLOCK, &none) ||
		    (getuid() == 0 && setresuid(65534, 65534, 65534)))
			_exit(102);
		_exit(mlock(page, sizeof(page)) ? kind_of_memory() : LOCKS_ALL_THE_SAME);
	}
	status = status_of(pid);
	if (status == LOCKS_ALL_THE_SAME)
		print_message("# a sanitizer answers mlock() in the kernel's place\n");
	else
		assert_int_equal(status, SHIELD_UNLOCKED);
	for (int i = SHIELD_SECRET; i <= SHIELD_UNLOCKED; i++)
		assert_true(strlen(shield_memory_text((enum shield_memory)i)) > 20);
}

/* Who changes a byte of the prekey is told from one who does not. */
static void test_changed_memory(void **state)
{
	FRESH_SECRET(secret);
	struct shield *shield = shield_of(&secret);
	own_file FILE *maps = fopen("/proc/self/maps", "re");
	unsigned int wrong = 0, pages = 0;
	struct secret32 got;
	char line[512];
	uint64_t from, to;

	(void)state;
	assert_non_null(maps);
	if (shield_memory(shield) != SHIELD_SECRET) {
		shield_free(shield);
		print_message("# this kernel has no memfd_secret: its pages cannot be named\n");
		skip();
	}
	while (fgets(line, sizeof(line), maps)) {
		if (!strstr(line, "secretmem") ||
		    sscanf(line, "%" SCNx64 "-%" SCNx64, &from, &to) != 2)
			continue;
		((uint8_t *)(uintptr_t)from)[pages * 1000 + 7] ^= 1;
		wrong += shield_open(shield, &got) == -EBADMSG;
		((uint8_t *)(uintptr_t)from)[pages * 1000 + 7] ^= 1;
		pages = (pages + 1) % 4;
	}
	assert_int_equal(wrong, 4); /* of the set in use; the other one does not matter */
	assert_holds(shield, &secret);
	shield_free(shield);
}

/* ---- what is in memory ---- */

enum keeping { SHIELDED, SHIELDED_LOCKED, OPENED, PLAIN, PLAIN_NO_DUMP };

static void use(struct crypto *c, enum keyfile_kind kind, const struct secret32 *secret)
{
	static const uint8_t base[32] = {9};
	uint8_t out[64];

	if (kind == KEYFILE_ROOT ? sign_make(c, secret->bytes, "text", 4, out)
				 : dh_shared(c, secret->bytes, base, out))
		_exit(10);
}

/* Read, use it through renewals, and wait to be looked at. Never returns. */
static void keep(const char *path, enum keeping how, int ready, int go)
{
	struct crypto *c;
	struct shield *shield;
	struct secret32 *plain, secret;
	struct keyfile_fault fault;
	enum keyfile_kind kind;
	char byte;

	/* The file is there when this has come. */
	if (read(go, &byte, 1) != 1 || crypto_new(&c))
		_exit(11);
	{
		own_keyfile struct keyfile file;

		if (keyfile_read(path, &file, &fault) || keyfile_unlock(c, &file, "pass", 4))
			_exit(12);
		kind = file.kind;
		plain = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			     0);
		if (plain == MAP_FAILED)
			_exit(13);
		if (how == PLAIN_NO_DUMP && madvise(plain, 4096, MADV_DONTDUMP))
			_exit(14);
		if (how == PLAIN || how == PLAIN_NO_DUMP)
			*plain = file.secret;
		if (how == SHIELDED_LOCKED && !forbid_memfd_secret())
			_exit(15);
		if (shield_new(&file.secret, &shield))
			_exit(16);
	}
	for (int i = 0; i < 10; i++) {
		if (shield_open(shield, &secret))
			_exit(17);
		use(c, kind, &secret);
		if (how != OPENED || i < 9)
			shield_close(&secret);
		if (shield_renew(shield))
			_exit(18);
	}
	crypto_free(c);
	if (write(ready, "", 1) != 1)
		_exit(19);
	(void)!read(go, &byte, 1);
	__asm__ volatile("" : : "r"(&secret), "r"(plain) : "memory");
	_exit(0);
}

/* Two pieces of the secret (X25519 changes its first and its last byte), and its text. */
static void scan_for(struct scan *scan, const struct secret32 *secret)
{
	char text[BASE64_LEN(32) + 1];

	base64_emit(secret, sizeof(*secret), text);
	scan_want(scan, secret->bytes + 2, 12);
	scan_want(scan, secret->bytes + 18, 12);
	scan_want(scan, text + 4, 16);
	scan_want(scan, text + 24, 16);
}

struct looked {
	unsigned int in_dump, in_memory, left_out;
};

static struct looked look(enum keeping how, enum keyfile_kind kind, bool passphrase)
{
	char path[] = "/tmp/strazh-shield-XXXXXX", byte;
	own_fd int fd = mkstemp(path);
	struct scan dump = {.as_dump = true}, memory = {0};
	struct keyfile file = {0};
	struct crypto *c;
	int ready[2], go[2];
	pid_t pid;

	assert_true(fd >= 0);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		keep(path, how, ready[1], go[0]);
	close(ready[1]); /* a child that died is an end of file */
	assert_int_equal(crypto_new(&c), 0);
	assert_int_equal(keyfile_generate(c, kind, "", 1, &file), 0);
	scan_for(&dump, &file.secret);
	scan_for(&memory, &file.secret);
	if (passphrase)
		assert_int_equal(keyfile_lock(c, &file, "pass", 4, KEYFILE_SCRYPT_LOG2N_MIN), 0);
	assert_int_equal(keyfile_write(path, &file, KEYFILE_REPLACE), 0);
	assert_int_equal(write(go[1], "", 1), 1);
	if (read(ready[0], &byte, 1) != 1)
		fail_msg("the child ended with status %d", status_of(pid));
	dump.pid = memory.pid = pid;
	assert_true(scan_run(&dump));
	assert_true(scan_run(&memory));
	assert_int_equal(write(go[1], "", 1), 1);
	assert_int_equal(status_of(pid), 0);
	assert_true(dump.mappings > 10 && memory.mappings > dump.mappings);
	assert_true(dump.bytes > 1 << 20);
	crypto_free(c);
	close(ready[0]);
	close(go[0]);
	close(go[1]);
	assert_int_equal(unlink(path), 0);
	return (struct looked){dump.hits, memory.hits, dump.left_out};
}

static void test_at_rest(void **state)
{
	struct looked looked;

	(void)state;
	for (int kind = KEYFILE_ROOT; kind <= KEYFILE_SERVER; kind++) {
		for (int passphrase = 0; passphrase < 2; passphrase++) {
			looked = look(SHIELDED, (enum keyfile_kind)kind, passphrase);
			assert_int_equal(looked.in_dump, 0);
			assert_int_equal(looked.in_memory, 0);
			looked = look(SHIELDED_LOCKED, (enum keyfile_kind)kind, passphrase);
			assert_int_equal(looked.in_dump, 0);
			assert_int_equal(looked.in_memory, 0);
			assert_true(looked.left_out >= 9); /* prekeys and the shield itself */
		}
	}
}

/* That the search finds what is there. */
static void test_search_finds(void **state)
{
	struct looked looked = look(PLAIN, KEYFILE_SERVER, false);

	(void)state;
	assert_true(looked.in_dump >= 2);
	assert_true(looked.in_memory >= 2);
	looked = look(PLAIN_NO_DUMP, KEYFILE_SERVER, true);
	assert_int_equal(looked.in_dump, 0);
	assert_true(looked.in_memory >= 2);
	looked = look(OPENED, KEYFILE_ROOT, false);
	assert_true(looked.in_dump >= 2);
	assert_true(looked.in_memory >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_back),     cmocka_unit_test(test_threads),
		cmocka_unit_test(test_not_in_a_child), cmocka_unit_test(test_lesser_memory),
		cmocka_unit_test(test_changed_memory), cmocka_unit_test(test_at_rest),
		cmocka_unit_test(test_search_finds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
