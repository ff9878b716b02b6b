/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a server holds: of an idle session little, of a secret nothing longer than it is needed.
 *
 * For the secrets a child is the server, whose memory is read from outside; the parent is its
 * client and derives from its own end of the session what to look for. Keys of operations that are
 * over and seeds that were moved on from may be nowhere; the seed in use has to be found by the
 * scan of all memory (else the scan is blind) and by no core dump; the static key by neither.
 */
#include <tests/server/house.h>
#include <tests/server/raw.h>
#include <tests/unit/crypto/memory_scan.h>
#include <tests/unit/crypto/sanitized.h>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <user/crypto/keyfile.h>
#include <user/server/parts.h>
#include <user/session/schedule.h>

/* ---- an idle session ---- */

enum { IDLE = 5000, WARM = 200 };

static bool may_have(rlim_t files)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	return !setrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur >= files;
}

/* Of the client only the socket stays. */
static int idle_session(const struct house *h, struct raw *raw)
{
	int fd;

	raw_open(raw, h, PH_NK1);
	assert_true(raw_shake(raw));
	raw_seal_echo(raw, 1, "abc", 3);
	raw_flush(raw);
	assert_true(raw_wait(raw, 1));
	fd = dup(raw->fd);
	assert_true(fd >= 0);
	raw_close(raw);
	return fd;
}

/* They say nothing, and a busy machine with a sanitizer takes minutes for all of them. */
static void in_no_hurry(struct server_limits *limits)
{
	limits->channel.heartbeats = 1000;
}

static void idle_sessions(void **state)
{
	const struct house_plan plan = {.limits = in_no_hurry};
	static int fds[WARM + IDLE];
	struct raw *raw = calloc(1, sizeof(*raw));
	struct house house;
	long before, after;

	(void)state;
	assert_non_null(raw);
	if (!may_have(2 * (WARM + IDLE) + 100)) {
		fprintf(stderr, "# too few file descriptors\n");
		free(raw);
		skip();
	}
	house_open(&house, &plan);
	for (unsigned i = 0; i < WARM; i++)
		fds[i] = idle_session(&house, raw);
	before = memory_resident();
	for (unsigned i = WARM; i < WARM + IDLE; i++)
		fds[i] = idle_session(&house, raw);
	after = memory_resident();
	fprintf(stderr,
		"# an idle session: %.0f bytes (link %zu, connection %zu, stranger's slot %zu)\n",
		(double)(after - before) / IDLE, sizeof(struct link), sizeof(struct conn),
		sizeof(struct shaking));
	assert_int_equal(HOUSE_COUNT(&house, opened), WARM + IDLE);
	assert_int_equal(sources_count(house.sources).total, WARM + IDLE);
	assert_int_equal(sources_count(house.sources).half_open, 0);
	if (!SANITIZED)
		assert_true(after - before < IDLE * 2048L);
	for (unsigned i = 0; i < WARM + IDLE; i++)
		close(fds[i]);
	house_quiet(&house);
	house_close(&house);
	free(raw);
}

/* ---- secrets ---- */

struct told {
	uint16_t port;
	uint8_t key[32];
	char folder[64];
};

static void small(struct server_limits *limits)
{
	limits->links = 256; /* less to look through */
	limits->half_open = 256;
}

/* The child: a server until its parent is done. */
static void be_server(int tell, int until)
{
	struct house house;
	struct told told = {0};
	char end;

	house_open(&house, &(struct house_plan){.limits = small});
	told.port = house.port;
	memcpy(told.key, house.key, 32);
	memcpy(told.folder, house.folder, sizeof(told.folder));
	(void)!write(tell, &told, sizeof(told));
	(void)!read(until, &end, 1);
	house_close(&house);
	_exit(0);
}

static void want_operation(struct scan *scan, const struct hmac_key *seed, uint8_t type, uint64_t n)
{
	static const char *const labels[] = {"PHS1 enc", "PHS1 mac"};
	uint8_t info[17], key[32];

	for (unsigned i = 0; i < 2; i++) {
		memcpy(info, labels[i], 8);
		info[8] = type;
		for (unsigned b = 0; b < 8; b++)
			info[9 + b] = (uint8_t)(n >> (56 - 8 * b));
		kdf_expand1(seed, info, sizeof(info), key);
		scan_want(scan, key, sizeof(key));
	}
}

/* Either half of a seed as it is kept: the midstates of its HMAC. */
static void want_seed(struct scan *scan, const struct hmac_key *seed)
{
	scan_want(scan, seed->inner, sizeof(seed->inner));
	scan_want(scan, seed->outer, sizeof(seed->outer));
}

static void want_finished(struct scan *scan, const struct session_keys *keys, uint64_t last)
{
	for (uint8_t d = 0; d < 2; d++) {
		struct schedule s;

		schedule_init(&s, keys, d);
		want_seed(scan, &s.key.seed);
		want_operation(scan, &s.key.seed, PH_DATA, 1);
		want_operation(scan, &s.key.seed, PH_DATA, PH_BLOCK - 1);
		while (s.n / PH_BLOCK < last / PH_BLOCK)
			schedule_advance(&s, PH_BLOCK, 0);
		want_operation(scan, &s.key.seed, PH_DATA, last); /* with the seed in use */
		scan_want(scan, keys->t[d], 32);
		schedule_wipe(&s);
	}
	scan_want(scan, keys->t[2], 32);
}

static void want_current(struct scan *scan, const struct session_keys *keys, uint64_t last)
{
	for (uint8_t d = 0; d < 2; d++) {
		struct schedule s;

		schedule_init(&s, keys, d);
		while (s.n / PH_BLOCK < last / PH_BLOCK)
			schedule_advance(&s, PH_BLOCK, 0);
		want_seed(scan, &s.key.seed);
		schedule_wipe(&s);
	}
}

static void want_static(struct scan *scan, struct crypto *c, const char *folder)
{
	own_keyfile struct keyfile file = {0};
	struct keyfile_fault fault = {0};
	char path[80];

	snprintf(path, sizeof(path), "%s/key", folder);
	assert_int_equal(keyfile_read(path, &file, &fault), 0);
	assert_int_equal(keyfile_unlock(c, &file, NULL, 0), 0);
	scan_want(scan, file.secret.bytes, 32);
}

static void expect_hits(struct scan *scan, const char *what, bool some)
{
	assert_true(scan_run(scan));
	if (some && !scan->hits)
		fail_msg("%s: not found, so the scan is blind", what);
	if (!some && scan->hits)
		fail_msg("%s: %u times, %s", what, scan->hits, scan->where);
}

static void scan_all(pid_t pid, const struct raw *raw, const char *folder, uint64_t last)
{
	struct scan finished = {.pid = pid}, current = {.pid = pid}, fixed = {.pid = pid};
	struct scan dump = {.pid = pid, .as_dump = true};

	want_finished(&finished, &raw->keys, last);
	want_current(&current, &raw->keys, last);
	want_current(&dump, &raw->keys, last);
	want_static(&fixed, raw->crypto, folder);
	want_static(&dump, raw->crypto, folder);
	expect_hits(&finished, "keys of what is over", false);
	expect_hits(&current, "the seed in use, in memory", true);
	expect_hits(&dump, "the seed in use or the static key, in a core dump", false);
	expect_hits(&fixed, "the static key, in memory", false);
}

static void echo_some(struct raw *raw, unsigned count)
{
	unsigned before = raw->messages;

	for (unsigned i = 0; i < count; i++) {
		raw_seal_echo(raw, before + i, "0123456789abcdef", 16);
		raw_flush(raw);
		assert_true(raw_wait(raw, before + i + 1));
	}
}

struct crowd {
	pthread_t thread;
	const struct house *seen;
	atomic_bool *ending;
};

/* Handshakes and echoes, one after the other. */
static void *keep_busy(void *arg)
{
	struct crowd *crowd = arg;
	struct raw *raw = calloc(1, sizeof(*raw));

	for (unsigned i = 0; raw && !atomic_load(crowd->ending); i++) {
		raw_open(raw, crowd->seen, i % 2 ? PH_XK1 : PH_NK1);
		if (raw_shake(raw))
			echo_some(raw, i % 20);
		raw_close(raw);
	}
	free(raw);
	return NULL;
}

/* What is over is nowhere, even while others are at it; of the static key only how often. */
static void scan_busy(pid_t pid, const struct raw *raw, const struct house *seen,
		      const char *folder, uint64_t last)
{
	atomic_bool ending = false;
	struct crowd crowd[2];
	unsigned in_plain = 0, scans = 4;

	for (unsigned i = 0; i < 2; i++) {
		crowd[i] = (struct crowd){.seen = seen, .ending = &ending};
		assert_int_equal(pthread_create(&crowd[i].thread, NULL, keep_busy, &crowd[i]), 0);
	}
	for (unsigned i = 0; i < scans; i++) {
		struct scan finished = {.pid = pid}, fixed = {.pid = pid};

		want_finished(&finished, &raw->keys, last);
		want_static(&fixed, raw->crypto, folder);
		expect_hits(&finished, "keys of what is over, under load", false);
		assert_true(scan_run(&fixed));
		in_plain += fixed.hits > 0;
	}
	atomic_store(&ending, true);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(crowd[i].thread, NULL), 0);
	fprintf(stderr, "# under load: the static key in plain memory in %u of %u scans\n",
		in_plain, scans);
}

static void secrets(void **state)
{
	struct raw *raw = calloc(1, sizeof(*raw)), *other = calloc(1, sizeof(*other));
	int told[2], until[2];
	struct house seen = {0};
	struct told t;
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(raw);
	assert_non_null(other);
	if (SANITIZED) {
		fprintf(stderr, "# a sanitizer keeps copies of its own\n");
		free(raw);
		free(other);
		skip();
	}
	assert_int_equal(pipe(told), 0);
	assert_int_equal(pipe(until), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(until[1]);
		be_server(told[1], until[0]);
	}
	close(until[0]);
	assert_int_equal(read(told[0], &t, sizeof(t)), sizeof(t));
	seen.port = t.port;
	memcpy(seen.key, t.key, 32);
	raw_open(raw, &seen, PH_NK1);
	assert_true(raw_shake(raw));
	echo_some(raw, 700);
	/* The client's finish was operation 0 and the server's ticket was: both are at 700. */
	scan_all(pid, raw, t.folder, 700);
	/* Others at the same time, some of them not at their end, and idle again. */
	for (unsigned i = 0; i < 200; i++) {
		raw_open(other, &seen, i % 2 ? PH_XK1 : PH_NK1);
		if (i % 3)
			assert_true(raw_shake(other));
		if (i % 3 == 1)
			echo_some(other, 3);
		raw_close(other);
	}
	echo_some(raw, 100);
	scan_all(pid, raw, t.folder, 800);
	scan_busy(pid, raw, &seen, t.folder, 800);
	scan_all(pid, raw, t.folder, 800);
	close(until[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	raw_close(raw);
	close(told[0]);
	close(told[1]);
	free(raw);
	free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets),
		cmocka_unit_test(idle_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
