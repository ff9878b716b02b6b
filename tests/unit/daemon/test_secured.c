/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A worker that was taken over, as far as the keeper hears it: it floods, names ports that are not
 * its own, says nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/base/clock.h>
#include <user/daemon/guarding/guarding.h>
#include <user/daemon/worker/control.h>
#include <user/daemon/worker/secured.h>

#define PORT 8000

static struct {
	struct keeper keeper;
	struct gate gate; /* of no maps: each change of one fails */
	struct guarding guarding;
	int worker, launcher; /* the other ends */
} * scene;

static struct secured *secured(void)
{
	return &scene->keeper.secured;
}

static int set_up(void **state)
{
	int split[2], launcher[2];
	struct secured *s;

	(void)state;
	scene = calloc(1, sizeof(*scene));
	if (!scene || split_pair(split) || control_pair(launcher) || loop_new(&scene->keeper.loop))
		return -1;
	for (size_t i = 0; i < GATE_MAPS_TOTAL; i++)
		scene->gate.map[i] = -1;
	scene->worker = split[1];
	scene->launcher = launcher[1];
	scene->keeper.gate = &scene->gate;
	scene->keeper.guarding = &scene->guarding;
	s = secured();
	s->state = SECURED_RUNNING;
	s->ports.numbers[s->ports.numbers_len++] = PORT;
	s->launcher_watch.fd = launcher[0];
	s->watch = (struct watch){
		.fd = split[0], .on_ready = secured_hear, .context = &scene->keeper};
	return loop_add(scene->keeper.loop, &s->watch, EPOLLIN);
}

static int tear_down(void **state)
{
	(void)state;
	secured_forget(&scene->keeper);
	close(secured()->launcher_watch.fd);
	close(scene->worker);
	close(scene->launcher);
	loop_free(scene->keeper.loop);
	free(scene);
	return 0;
}

static bool say(enum split_type type, uint16_t port)
{
	const struct split_message m = {
		.type = type, .family = 4, .addr = {192, 0, 2, 1}, .dport = port};

	return !split_send(scene->worker, &m);
}

static void hear(void)
{
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(loop_turn(scene->keeper.loop, 0), 0);
}

static int unread(void)
{
	int bytes = -1;

	assert_int_equal(ioctl(secured()->watch.fd, FIONREAD, &bytes), 0);
	return bytes;
}

static unsigned killed(void)
{
	struct control_message order;
	int fds[CONTROL_FDS_MAX], waiting = 0;
	unsigned n = 0;
	size_t len;

	while (!ioctl(scene->launcher, FIONREAD, &waiting) && waiting) {
		assert_int_equal(control_receive(scene->launcher, &order, fds, &len), 0);
		assert_int_equal(len, 0);
		n++;
	}
	return n;
}

/* Of all that it says in a second no more than the rate is read. */
static void test_flood(void **state)
{
	struct secured *s = secured();

	(void)state;
	/* The second may turn between. */
	for (unsigned i = 0; i < 1000 && !s->resting; i++) {
		s->second = clock_boot_s();
		s->said = SPLIT_RATE;
		assert_true(say(SPLIT_GONE, PORT));
		hear();
	}
	assert_true(s->resting);
	while (say(SPLIT_GONE, PORT))
		;
	hear();
	assert_true(unread() > 0);
	assert_int_equal(killed(), 0);
	secured_tick(&scene->keeper);
	assert_false(s->resting);
	assert_int_equal(s->silent_s, 0);
}

/* What accuses has a rate of its own, whatever the worker does about it. */
static void test_accusations(void **state)
{
	struct secured *s = secured();

	(void)state;
	for (unsigned i = 0; i < 1000 && !s->unheard; i++) {
		s->second = clock_boot_s();
		s->bad = 2 * SPLIT_BAD_RATE;
		assert_true(say(SPLIT_BAD_HANDSHAKE, PORT));
		secured_hear(&s->watch, EPOLLIN);
	}
	assert_int_equal(s->unheard, 1);
	s->second = clock_boot_s();
	s->bad = 0;
	assert_true(say(SPLIT_BAD_HANDSHAKE, PORT));
	secured_hear(&s->watch, EPOLLIN);
	assert_int_equal(s->unheard, 1);
	assert_int_equal(killed(), 0);
}

static void test_other_ports(void **state)
{
	(void)state;
	assert_true(say(SPLIT_PROVEN, PORT));
	secured_hear(&secured()->watch, EPOLLIN);
	assert_int_equal(killed(), 0);
	assert_true(say(SPLIT_PROVEN, 22));
	secured_hear(&secured()->watch, EPOLLIN);
	assert_int_equal(secured()->watch.fd, -1);
	assert_int_equal(killed(), 1);
}

static void figures(uint32_t lag_us)
{
	const struct split_message m = {.type = SPLIT_FIGURES, .lag_us = lag_us};

	assert_int_equal(split_send(scene->worker, &m), 0);
	secured_hear(&secured()->watch, EPOLLIN);
}

static void test_silence(void **state)
{
	struct secured *s = secured();

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		secured_tick(&scene->keeper);
		figures(1000000);
	}
	assert_int_equal(s->silent_s, 0);
	for (unsigned i = 0; i < 29; i++)
		secured_tick(&scene->keeper);
	assert_int_equal(killed(), 0);
	secured_tick(&scene->keeper);
	assert_int_equal(killed(), 1);
	assert_non_null(s->killed);
	/* The word was lost, or there is nobody to obey it: it is not said each second. */
	secured_tick(&scene->keeper);
	assert_int_equal(killed(), 0);
}

/* Its control thread lives, a reactor does not. */
static void test_stuck(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		secured_tick(&scene->keeper);
		figures(60000000);
		n += killed();
	}
	assert_int_equal(n, 1);
}

/* While it starts, an answer is waited for, and that has its own time. */
static void test_start(void **state)
{
	(void)state;
	secured()->state = SECURED_STARTING;
	for (unsigned i = 0; i < 100; i++)
		secured_tick(&scene->keeper);
	assert_int_equal(killed(), 0);
}

/* From here on as when the launcher was killed; returns the worker's end of the control socket. */
static int without_launcher(bool launched)
{
	struct secured *s = secured();
	int control[2];

	assert_int_equal(control_pair(control), 0);
	s->control_watch = (struct watch){.fd = control[0]};
	assert_int_equal(loop_add(scene->keeper.loop, &s->control_watch, EPOLLIN), 0);
	close(s->launcher_watch.fd);
	s->launcher_watch.fd = -1;
	s->launched = launched;
	return control[1];
}

/* All that a worker sees of its keeper has ended. */
static void assert_let_go(int control)
{
	struct split_message heard;
	char byte;

	assert_int_equal(recv(control, &byte, 1, MSG_DONTWAIT), 0);
	assert_int_equal(split_receive(scene->worker, &heard), -EPIPE);
	assert_int_equal(secured()->state, SECURED_DOWN);
	assert_true(secured()->trouble[0]);
	close(control);
}

static void on_time(struct timer *timer)
{
	(void)timer;
}

/* A worker that hangs, and nobody can end it: the keeper ends, after a pause. */
static void test_alone(void **state)
{
	struct secured *s = secured();
	int control = without_launcher(true);
	struct itimerspec when;

	(void)state;
	assert_int_equal(timer_open(scene->keeper.loop, &s->timer, on_time, &scene->keeper), 0);
	for (unsigned i = 0; i < 29; i++)
		secured_tick(&scene->keeper);
	assert_int_equal(s->state, SECURED_RUNNING);
	secured_tick(&scene->keeper);
	assert_let_go(control);
	assert_false(scene->keeper.failed);
	assert_int_equal(timerfd_gettime(s->timer.watch.fd, &when), 0);
	assert_true(when.it_value.tv_sec || when.it_value.tv_nsec);
	timer_close(&s->timer);
}

static void test_alone_without_a_timer(void **state)
{
	int control = without_launcher(true);

	(void)state;
	secured()->timer.watch.fd = -1;
	assert_true(say(SPLIT_PROVEN, 22));
	secured_hear(&secured()->watch, EPOLLIN);
	assert_let_go(control);
	assert_true(scene->keeper.failed);
}

/* A launcher that never worked would not the next time: strazhd goes on without a server. */
static void test_never_launched(void **state)
{
	int control = without_launcher(false);

	(void)state;
	secured()->timer.watch.fd = -1;
	secured()->state = SECURED_STARTING;
	secured_kill(&scene->keeper, NULL);
	assert_let_go(control);
	assert_false(scene->keeper.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_flood, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_accusations, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_ports, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_silence, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stuck, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_start, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_alone_without_a_timer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_never_launched, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
