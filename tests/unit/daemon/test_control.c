/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Orders with descriptors come over; of an answer, whoever wrote it, only what can be shown is
 * left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/daemon/worker/control.h>

static int fds[2];

static int open_pair(void **state)
{
	(void)state;
	return control_pair(fds);
}

static int close_pair(void **state)
{
	(void)state;
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static void test_descriptors(void **state)
{
	const struct control_message said = {.type = CONTROL_START, .count = 7};
	struct control_message heard;
	int given[CONTROL_FDS_MAX], got[CONTROL_FDS_MAX];
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < CONTROL_FDS_MAX; i++)
		given[i] = fds[0];
	assert_int_equal(control_send(fds[0], &said, given, CONTROL_FDS_MAX), 0);
	assert_int_equal(control_receive(fds[1], &heard, got, &len), 0);
	assert_int_equal(heard.type, CONTROL_START);
	assert_int_equal(heard.count, 7);
	assert_int_equal(len, CONTROL_FDS_MAX);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		close(got[i]);
	}
	assert_int_equal(control_send(fds[0], &said, given, CONTROL_FDS_MAX + 1), -EINVAL);
	assert_int_equal(control_send(fds[0], &said, NULL, 0), 0);
	assert_int_equal(control_receive(fds[1], &heard, got, &len), 0);
	assert_int_equal(len, 0);
}

static void test_end(void **state)
{
	struct control_answer *answer = calloc(1, sizeof(*answer));
	struct control_message heard;
	int got[CONTROL_FDS_MAX];
	size_t len = 0;

	(void)state;
	assert_non_null(answer);
	assert_int_equal(control_hear(fds[0], answer), -EAGAIN);
	assert_int_equal(send(fds[0], "x", 1, 0), 1);
	assert_int_equal(control_receive(fds[1], &heard, got, &len), -EBADMSG);
	assert_int_equal(send(fds[1], "x", 1, 0), 1);
	assert_int_equal(control_hear(fds[0], answer), -EBADMSG);
	shutdown(fds[0], SHUT_WR);
	assert_int_equal(control_receive(fds[1], &heard, got, &len), -EPIPE);
	shutdown(fds[1], SHUT_WR);
	assert_int_equal(control_hear(fds[0], answer), -EPIPE);
	free(answer);
}

static void hear(struct control_answer *answer)
{
	assert_int_equal(send(fds[1], answer, sizeof(*answer), 0), sizeof(*answer));
	memset(answer, 0x55, sizeof(*answer));
	assert_int_equal(control_hear(fds[0], answer), 0);
}

/* It was taken over: no text ends, none is UTF-8, and numbers are what they are. */
static void test_hostile(void **state)
{
	struct control_answer *answer = malloc(sizeof(*answer));

	(void)state;
	assert_non_null(answer);
	memset(answer, 0xff, sizeof(*answer));
	answer->r = CONFIG_WRONG;
	hear(answer);
	assert_int_equal(answer->faults.total, CONFIG_FAULTS_MAX);
	assert_int_equal(strlen(answer->text), sizeof(answer->text) - 1);
	assert_int_equal(strspn(answer->text, "?"), sizeof(answer->text) - 1);
	for (size_t i = 0; i < CONFIG_FAULTS_MAX; i++) {
		const struct config_fault *fault = &answer->faults.list[i];

		assert_int_equal(strspn(fault->where, "?"), sizeof(fault->where) - 1);
		assert_int_equal(strspn(fault->key, "?"), sizeof(fault->key) - 1);
		assert_int_equal(strspn(fault->why, "?"), sizeof(fault->why) - 1);
	}
	memset(answer, 0, sizeof(*answer));
	(void)snprintf(answer->text, sizeof(answer->text), "a\x1b[2Jb");
	answer->r = CONFIG_WRONG; /* and no fault */
	hear(answer);
	assert_string_equal(answer->text, "a?[2Jb");
	assert_int_equal(answer->r, -EBADMSG);
	memset(answer, 0, sizeof(*answer));
	answer->r = 77;
	hear(answer);
	assert_int_equal(answer->r, -EBADMSG);
	memset(answer, 0, sizeof(*answer));
	(void)snprintf(answer->text, sizeof(answer->text), "\xc3\xa4");
	answer->r = -ENOMEM;
	hear(answer);
	assert_string_equal(answer->text, "\xc3\xa4");
	assert_int_equal(answer->r, -ENOMEM);
	free(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_descriptors, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_end, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_hostile, open_pair, close_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
