/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a server forgets. A child is the server, whose memory is read from outside and of which core
 * dumps are made; its client derives from its own end of the sessions what to look for (secrets.h).
 *
 *			what is over	the static key	seeds in use	planted
 *	all memory	nowhere		nowhere		found		found
 *	a core dump	nowhere		nowhere		nowhere		found
 *
 * Dumps are gcore's, which leaves out what madvise(2) says, as the kernel does; gcore -a, which
 * does not; and at the end the kernel's own, by SIGABRT, where core_pattern is a file. "Planted" is
 * a secret that the child was told to keep: if it is not found the scan is blind.
 */
#include <tests/server/secrets.h>
#include <user/base/sanitized.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIVE 700U /* echoes: two blocks and a half */
#define SCANS 4U

struct told {
	uint16_t port;
	uint8_t key[32], root[32], planted[32];
	char folder[64];
};

static struct told told;
static pid_t server;

/* ---- the server ---- */

static void small(struct server_limits *limits)
{
	limits->links = 256; /* less to look through */
	limits->half_open = 256;
}

/* The child, until its parent is done or it is killed. */
static void be_server(int tell, int until)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	static struct house house;
	uint8_t *planted = malloc(32);
	char byte;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that failed leaves nothing behind */
	house_open(&house, &(struct house_plan){.limits = small, .reactors = 2});
	told.port = house.port;
	memcpy(told.key, house.key, 32);
	memcpy(told.root, house.root, 32);
	memcpy(told.folder, house.folder, sizeof(told.folder));
	if (!planted || crypto_random(planted, 32) || chdir(house.folder) ||
	    setrlimit(RLIMIT_CORE, &all))
		_exit(1);
	memcpy(told.planted, planted, 32);
	(void)!write(tell, &told, sizeof(told));
	(void)!read(until, &byte, 1);
	house_close(&house);
	_exit(0);
}

/* ---- dumps ---- */

static void look(struct scan *scan, const char *where, const char *what, bool some)
{
	if (some && !scan->hits)
		fail_msg("%s: %s: not found, so the scan is blind", where, what);
	if (!some && scan->hits)
		fail_msg("%s: %s: %u times, %s", where, what, scan->hits, scan->where);
}

enum { OVER = 1, FIXED = 2, CURRENT = 4, PLANTED = 8 };

/* `core` NULL: its memory, as it is. Those of `some` must be found, those of `none` must not. */
static void look_in(const struct secrets *secrets, const char *core, unsigned some, unsigned none)
{
	const struct {
		unsigned bit;
		const char *what;
		const struct scan *wanted;
	} all[] = {{OVER, "keys of what is over", &secrets->over},
		   {FIXED, "the static key", &secrets->fixed},
		   {CURRENT, "seeds in use", &secrets->current},
		   {PLANTED, "what was planted", NULL}};
	struct scan *scan = malloc(sizeof(*scan));

	assert_non_null(scan);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (!((some | none) & all[i].bit))
			continue;
		memset(scan, 0, sizeof(*scan));
		if (all[i].wanted)
			memcpy(scan, all[i].wanted, sizeof(*scan));
		else
			scan_want_key(scan, told.planted);
		assert_true(scan->needles_len > 0);
		scan->pid = server;
		assert_true(core ? scan_file(scan, core) : scan_run(scan));
		look(scan, core ? core : "memory", all[i].what, some & all[i].bit);
	}
	free(scan);
}

/* False: there is no gcore. */
static bool gcore(bool all, char path[128])
{
	char prefix[96], pid[16];
	int status, out;
	pid_t child;

	snprintf(prefix, sizeof(prefix), "%s/%s", told.folder, all ? "all" : "usual");
	snprintf(pid, sizeof(pid), "%d", (int)server);
	snprintf(path, 128, "%s.%s", prefix, pid);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		out = open("/dev/null", O_WRONLY);
		if (out >= 0) {
			dup2(out, STDOUT_FILENO);
			dup2(out, STDERR_FILENO);
		}
		if (all)
			execlp("gcore", "gcore", "-a", "-o", prefix, pid, (char *)NULL);
		else
			execlp("gcore", "gcore", "-o", prefix, pid, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 127)
		return false;
	assert_int_equal(WEXITSTATUS(status), 0);
	return true;
}

static void look_in_gcores(const struct secrets *secrets, bool all)
{
	char core[128];

	if (!gcore(false, core))
		fail_msg("there is no gcore: sudo ./scripts/setup test");
	look_in(secrets, core, PLANTED, OVER | FIXED | CURRENT);
	unlink(core);
	if (!all)
		return;
	assert_true(gcore(true, core));
	look_in(secrets, core, CURRENT, OVER | FIXED);
	unlink(core);
}

/* ---- load ---- */

struct crowd {
	pthread_t thread;
	const struct house *seen;
	atomic_bool *ending;
};

/* A server that is stopped for a dump may be late for whoever waits: no fault here, and a thread
 * must not fail a test. */
static void echo_some(struct raw *raw, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		raw_seal_echo(raw, i, "0123456789abcdef", 16);
		raw_flush(raw);
		if (!raw_wait(raw, i + 1))
			return;
	}
}

/* Handshakes and echoes, one after the other. */
static void *keep_busy(void *arg)
{
	static const uint8_t suites[] = {PH_NK1, PH_XK1, PH_NX, PH_XX};
	struct crowd *crowd = arg;
	struct raw *raw = calloc(1, sizeof(*raw));

	for (unsigned i = 0; raw && !atomic_load(crowd->ending); i++) {
		raw_open(raw, crowd->seen, suites[i % 4]);
		if (raw_shake(raw))
			echo_some(raw, i % 3);
		raw_close(raw);
	}
	free(raw);
	return NULL;
}

/* What is over is nowhere, even while others are at it; of the static key only how often. */
static void look_under_load(const struct secrets *secrets, const struct house *seen)
{
	atomic_bool ending = false;
	struct crowd crowd[2];
	struct scan *fixed = malloc(sizeof(*fixed));
	unsigned in_memory = 0, in_dumps = 0, dumps = 0;
	char core[128];

	assert_non_null(fixed);
	for (unsigned i = 0; i < 2; i++) {
		crowd[i] = (struct crowd){.seen = seen, .ending = &ending};
		assert_int_equal(pthread_create(&crowd[i].thread, NULL, keep_busy, &crowd[i]), 0);
	}
	for (unsigned i = 0; i < SCANS; i++) {
		look_in(secrets, NULL, CURRENT, OVER);
		memcpy(fixed, &secrets->fixed, sizeof(*fixed));
		fixed->pid = server;
		assert_true(scan_run(fixed));
		in_memory += fixed->hits > 0;
		if (!gcore(false, core))
			continue;
		look_in(secrets, core, 0, OVER | CURRENT);
		memcpy(fixed, &secrets->fixed, sizeof(*fixed));
		assert_true(scan_file(fixed, core));
		if (fixed->hits)
			fprintf(stderr, "# static key in a dump: %s\n", fixed->where);
		in_dumps += fixed->hits > 0;
		dumps++;
		unlink(core);
	}
	atomic_store(&ending, true);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(crowd[i].thread, NULL), 0);
	fprintf(stderr,
		"# under load: the static key in plain memory in %u of %u scans, in %u of %u "
		"dumps\n",
		in_memory, SCANS, in_dumps, dumps);
	free(fixed);
}

/* ---- the test ---- */

static void rest(void)
{
	/* As long as the shields take to be renewed. */
	const struct timespec some = {.tv_nsec = 700000000};

	nanosleep(&some, NULL);
}

static void look_everywhere(const struct secrets *secrets, bool all)
{
	rest();
	look_in(secrets, NULL, CURRENT | PLANTED, OVER | FIXED);
	look_in_gcores(secrets, all);
}

static struct raw *live(struct secrets *secrets, const struct house *seen)
{
	struct raw *raw = calloc(1, sizeof(*raw));

	assert_non_null(raw);
	raw_open(raw, seen, PH_NK1);
	assert_true(raw_shake(raw));
	secrets_echo(raw, LIVE);
	/* The client's finish was operation 0 and the server's ticket was: both are at LIVE. */
	secrets_handshake(&secrets->over, raw, seen->key);
	secrets_operations(&secrets->over, &raw->keys, LIVE);
	secrets_seeds(&secrets->current, &raw->keys, LIVE);
	return raw;
}

static struct house about(void)
{
	struct house seen = {.port = told.port};

	memcpy(seen.key, told.key, 32);
	memcpy(seen.root, told.root, 32);
	return seen;
}

static void look_at_server(struct secrets *secrets)
{
	struct house seen = about();
	struct raw *raw = live(secrets, &seen);
	char path[80];

	snprintf(path, sizeof(path), "%s/key", told.folder);
	secrets_static(secrets, raw->crypto, path);
	look_everywhere(secrets, false);
	secrets_sessions(secrets, &seen);
	assert_false(scan_full(&secrets->over));
	look_everywhere(secrets, true);
	look_under_load(secrets, &seen);
	look_everywhere(secrets, false);
	raw_close(raw);
	free(raw);
}

/* The kernel's own dump, of all threads and their registers. */
static void look_in_core(const struct secrets *secrets)
{
	char pattern[64] = "", path[128];
	FILE *file = fopen("/proc/sys/kernel/core_pattern", "re");
	int status;

	if (file) {
		(void)!fgets(pattern, sizeof(pattern), file);
		fclose(file);
	}
	kill(server, SIGABRT);
	assert_int_equal(waitpid(server, &status, 0), server);
	assert_true(WIFSIGNALED(status));
	snprintf(path, sizeof(path), "%s/core", told.folder);
	if (access(path, R_OK))
		snprintf(path, sizeof(path), "%s/core.%d", told.folder, (int)server);
	if (strncmp(pattern, "core", 4) != 0 || !WCOREDUMP(status) || access(path, R_OK)) {
		fprintf(stderr,
			"# the kernel's dumps go elsewhere (core_pattern): none was read\n");
		return;
	}
	look_in(secrets, path, PLANTED, OVER | FIXED | CURRENT);
	fprintf(stderr, "# the kernel's dump was looked at\n");
	unlink(path);
}

static void remove_folder(void)
{
	static const char *const files[] = {"key", "cert", "clients"};
	char path[80];

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", told.folder, files[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(told.folder), 0);
}

static void secrets_of_a_server(void **state)
{
	struct secrets *secrets = secrets_new();
	int tell[2], until[2];

	(void)state;
	assert_int_equal(pipe(tell), 0);
	assert_int_equal(pipe(until), 0);
	server = fork();
	assert_true(server >= 0);
	if (!server) {
		close(until[1]);
		be_server(tell[1], until[0]);
	}
	close(until[0]);
	assert_int_equal(read(tell[0], &told, sizeof(told)), sizeof(told));
	look_at_server(secrets);
	look_in_core(secrets);
	remove_folder();
	close(until[1]);
	close(tell[0]);
	close(tell[1]);
	secrets_free(secrets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_of_a_server),
	};

	if (SANITIZED) {
		puts("1..0 # SKIP a sanitizer keeps copies of its own");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
