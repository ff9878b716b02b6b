/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a server holds of an idle session: little. */
#include <tests/server/house.h>
#include <tests/server/raw.h>
#include <user/base/sanitized.h>

#include <sys/resource.h>
#include <unistd.h>

#include <user/server/parts.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
