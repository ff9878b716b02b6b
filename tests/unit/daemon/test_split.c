/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the worker may say comes over whole; what it must not say is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/daemon/worker/split.h>

static int fds[2];

static int open_pair(void **state)
{
	(void)state;
	return split_pair(fds);
}

static int close_pair(void **state)
{
	(void)state;
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static void test_whole(void **state)
{
	struct split_message said = {
		.family = 4, .sport = 1, .dport = 8000, .addr = {192, 0, 2, 1}};
	struct split_message heard;

	(void)state;
	for (uint32_t type = SPLIT_PROVEN; type <= SPLIT_FIGURES; type++) {
		said.type = type;
		said.condition = (uint16_t)(type + 7);
		said.age_ms = type * 1000;
		assert_int_equal(split_send(fds[1], &said), 0);
		assert_int_equal(split_receive(fds[0], &heard), 0);
		assert_memory_equal(&heard, &said, sizeof(said));
	}
	assert_int_equal(split_receive(fds[0], &heard), -EAGAIN);
}

static void test_wrong(void **state)
{
	static const struct split_message wrong[] = {
		{.type = 0, .family = 4},
		{.type = SPLIT_FIGURES + 1, .family = 4},
		{.type = SPLIT_PACE},
		{.type = SPLIT_REFUSED, .family = 0},
		{.type = SPLIT_BAD_QUERY, .family = 7},
		{.type = SPLIT_BAD_HANDSHAKE, .family = 0},
		{.type = SPLIT_BAD_RECORD, .family = 5},
		{.type = SPLIT_GONE, .family = 0},
		{.type = SPLIT_PROVEN, .family = 6, .zero = 1},
		{.type = SPLIT_FIGURES, .sessions = 1ULL << 32},
		{.type = SPLIT_FIGURES, .opened = UINT64_MAX},
		{.type = SPLIT_FIGURES, .pool_jobs = 1ULL << 63},
		{.type = SPLIT_FIGURES, .bad_unsaid = UINT64_MAX},
		{.type = SPLIT_FIGURES, .puzzle = 65},
	};
	struct split_message heard;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(split_send(fds[1], &wrong[i]), 0);
		assert_int_equal(split_receive(fds[0], &heard), -EBADMSG);
	}
	assert_int_equal(send(fds[1], "short", 5, 0), 5);
	assert_int_equal(split_receive(fds[0], &heard), -EBADMSG);
}

/* The other way there is one thing to say. */
static void test_down(void **state)
{
	static const struct split_message wrong[] = {
		{.type = SPLIT_FIGURES},
		{.type = SPLIT_PROVEN, .family = 4},
		{.type = SPLIT_PACE, .withheld = 1001},
		{.type = SPLIT_PACE, .puzzle = 65},
	};
	const struct split_message said = {.type = SPLIT_PACE, .withheld = 250, .puzzle = 14};
	struct split_message heard;

	(void)state;
	assert_int_equal(split_hear(fds[1], &heard), -EAGAIN);
	assert_int_equal(split_send(fds[0], &said), 0);
	assert_int_equal(split_hear(fds[1], &heard), 0);
	assert_memory_equal(&heard, &said, sizeof(said));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(split_send(fds[0], &wrong[i]), 0);
		assert_int_equal(split_hear(fds[1], &heard), -EBADMSG);
	}
}

static void test_end(void **state)
{
	const struct split_message said = {.type = SPLIT_FIGURES};
	struct split_message heard;

	(void)state;
	while (!split_send(fds[1], &said))
		;
	assert_int_equal(split_send(fds[1], &said), -EAGAIN);
	while (!split_receive(fds[0], &heard))
		;
	shutdown(fds[1], SHUT_RDWR);
	assert_int_equal(split_receive(fds[0], &heard), -EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_wrong, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_down, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_end, open_pair, close_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
