/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The loop, timers, signals, and lines over unix sockets: bounded both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/net/lines.h>
#include <user/net/loop.h>
#include <user/net/unix.h>

/* ---- loop ---- */

struct counter {
	struct loop *loop;
	int times, stop_at;
};

static void count_timer(struct timer *timer)
{
	struct counter *counter = timer->context;

	if (++counter->times == counter->stop_at)
		loop_stop(counter->loop);
}

static void test_timer_repeats(void **state)
{
	struct counter counter = {.stop_at = 3};
	struct timer timer;

	(void)state;
	assert_int_equal(loop_new(&counter.loop), 0);
	assert_int_equal(timer_open(counter.loop, &timer, count_timer, &counter), 0);
	assert_int_equal(timer_start(&timer, 0, 1), 0);
	assert_int_equal(loop_run(counter.loop), 0);
	assert_int_equal(counter.times, 3);
	timer_close(&timer);
	timer_close(&timer);
	loop_free(counter.loop);
}

struct pair {
	struct loop *loop;
	struct watch first, second;
	int calls;
};

static void remove_both(struct watch *watch, uint32_t events)
{
	struct pair *pair = watch->context;

	(void)events;
	pair->calls++;
	loop_remove(pair->loop, &pair->first);
	loop_remove(pair->loop, &pair->second);
}

/* Both descriptors are ready at once: the one removed by the other's callback is not called. */
static void test_removed_watch_is_not_called(void **state)
{
	struct pair pair = {0};
	struct counter counter = {.stop_at = 1};
	struct timer timer;
	int a[2], b[2];

	(void)state;
	assert_int_equal(pipe(a), 0);
	assert_int_equal(pipe(b), 0);
	assert_int_equal(write(a[1], "x", 1), 1);
	assert_int_equal(write(b[1], "x", 1), 1);
	assert_int_equal(loop_new(&pair.loop), 0);
	pair.first = (struct watch){.fd = a[0], .on_ready = remove_both, .context = &pair};
	pair.second = (struct watch){.fd = b[0], .on_ready = remove_both, .context = &pair};
	assert_int_equal(loop_add(pair.loop, &pair.first, EPOLLIN), 0);
	assert_int_equal(loop_add(pair.loop, &pair.second, EPOLLIN), 0);
	counter.loop = pair.loop;
	assert_int_equal(timer_open(pair.loop, &timer, count_timer, &counter), 0);
	assert_int_equal(timer_start(&timer, 20, 0), 0);
	assert_int_equal(loop_run(pair.loop), 0);
	assert_int_equal(pair.calls, 1);
	timer_close(&timer);
	loop_free(pair.loop);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

static void stop_on_signal(struct signals *signals, const struct signalfd_siginfo *info)
{
	struct counter *counter = signals->context;

	counter->times = (int)info->ssi_signo;
	loop_stop(counter->loop);
}

static void test_signal(void **state)
{
	struct counter counter = {0};
	struct signals signals;
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	assert_int_equal(loop_new(&counter.loop), 0);
	assert_int_equal(signals_open(counter.loop, &signals, &set, stop_on_signal, &counter), 0);
	kill(getpid(), SIGUSR1);
	assert_int_equal(loop_run(counter.loop), 0);
	assert_int_equal(counter.times, SIGUSR1);
	signals_close(&signals);
	loop_free(counter.loop);
}

/* ---- lines ---- */

struct talk {
	struct loop *loop;
	struct lines lines;
	int peer;
	char got[8][64];
	int count;
	int ended; /* 1 + why */
	int drained;
	bool deinit_on_line, pause_on_line;
};

static void got_line(struct lines *lines, char *line, size_t len)
{
	struct talk *talk = lines->context;

	assert_int_equal(strlen(line), len);
	if (talk->count < 8)
		(void)snprintf(talk->got[talk->count], sizeof(talk->got[0]), "%s", line);
	talk->count++;
	if (talk->pause_on_line)
		lines_pause(lines);
	if (talk->deinit_on_line)
		lines_deinit(lines);
}

static void got_end(struct lines *lines, enum lines_end why)
{
	struct talk *talk = lines->context;

	talk->ended = 1 + (int)why;
	lines_deinit(lines);
	loop_stop(talk->loop);
}

static void got_drained(struct lines *lines)
{
	struct talk *talk = lines->context;

	talk->drained++;
}

static void stop_timer(struct timer *timer)
{
	loop_stop(timer->context);
}

/* Let the loop turn for some milliseconds. */
static void turn(struct talk *talk)
{
	struct timer timer;

	assert_int_equal(timer_open(talk->loop, &timer, stop_timer, talk->loop), 0);
	assert_int_equal(timer_start(&timer, 20, 0), 0);
	assert_int_equal(loop_run(talk->loop), 0);
	timer_close(&timer);
}

static void talk_begin(struct talk *talk, size_t out_max)
{
	int ends[2];

	memset(talk, 0, sizeof(*talk));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(loop_new(&talk->loop), 0);
	talk->peer = ends[1];
	talk->lines.on_line = got_line;
	talk->lines.on_end = got_end;
	talk->lines.on_drained = got_drained;
	talk->lines.context = talk;
	assert_int_equal(lines_init(&talk->lines, talk->loop, ends[0], out_max), 0);
}

static void talk_end(struct talk *talk)
{
	if (!talk->ended && !talk->deinit_on_line)
		lines_deinit(&talk->lines);
	if (talk->peer >= 0)
		close(talk->peer);
	loop_free(talk->loop);
}

static void say(struct talk *talk, const char *text)
{
	assert_int_equal(write(talk->peer, text, strlen(text)), strlen(text));
}

static void test_lines_arrive(void **state)
{
	struct talk talk;

	(void)state;
	talk_begin(&talk, 4096);
	say(&talk, "one\ntw");
	turn(&talk);
	assert_int_equal(talk.count, 1);
	say(&talk, "o\n\nlast");
	turn(&talk);
	assert_int_equal(talk.count, 3);
	assert_string_equal(talk.got[0], "one");
	assert_string_equal(talk.got[1], "two");
	assert_string_equal(talk.got[2], "");
	close(talk.peer);
	talk.peer = -1;
	turn(&talk);
	assert_int_equal(talk.ended, 1 + LINES_CLOSED);
	talk_end(&talk);
}

static void test_endless_line(void **state)
{
	static char flood[LINES_IN_MAX + 100];
	struct talk talk;
	size_t at = 0;

	(void)state;
	memset(flood, 'x', sizeof(flood));
	talk_begin(&talk, 4096);
	while (!talk.ended && at < sizeof(flood)) {
		ssize_t n = send(talk.peer, flood + at, sizeof(flood) - at, MSG_NOSIGNAL);

		at += n > 0 ? (size_t)n : 0;
		turn(&talk);
	}
	assert_int_equal(talk.ended, 1 + LINES_TOO_LONG);
	assert_int_equal(talk.count, 0);
	talk_end(&talk);
}

static void test_deinit_inside_a_line(void **state)
{
	struct talk talk;

	(void)state;
	talk_begin(&talk, 4096);
	talk.deinit_on_line = true;
	say(&talk, "one\ntwo\nthree\n");
	turn(&talk);
	assert_int_equal(talk.count, 1);
	talk_end(&talk);
}

static void test_pause(void **state)
{
	struct talk talk;

	(void)state;
	talk_begin(&talk, 4096);
	talk.pause_on_line = true;
	say(&talk, "one\ntwo\n");
	turn(&talk);
	assert_int_equal(talk.count, 1);
	talk.pause_on_line = false;
	lines_resume(&talk.lines);
	assert_int_equal(talk.count, 2);
	talk_end(&talk);
}

/* A peer that does not read costs out_max and no more; whole lines only are queued. */
static void test_slow_reader(void **state)
{
	static char block[4096];
	struct talk talk;
	size_t taken = 0, got = 0;
	ssize_t n;

	(void)state;
	memset(block, 'y', sizeof(block));
	talk_begin(&talk, 16384);
	while (lines_put(&talk.lines, block, sizeof(block)) == 0)
		taken += sizeof(block);
	assert_int_equal(lines_put(&talk.lines, block, sizeof(block)), -ENOBUFS);
	assert_true(talk.lines.out_size <= 16384);
	do {
		char scrap[65536];

		while ((n = read(talk.peer, scrap, sizeof(scrap))) > 0)
			got += (size_t)n;
		turn(&talk);
	} while (!talk.drained);
	while ((n = read(talk.peer, block, sizeof(block))) > 0)
		got += (size_t)n;
	assert_int_equal(got, taken);
	talk_end(&talk);
}

static void test_finish_sends_first(void **state)
{
	struct talk talk;
	char text[16] = "";

	(void)state;
	talk_begin(&talk, 4096);
	assert_int_equal(lines_put(&talk.lines, "bye\n", 4), 0);
	lines_finish(&talk.lines);
	assert_int_equal(talk.ended, 0);
	turn(&talk);
	assert_int_equal(talk.ended, 1 + LINES_CLOSED);
	assert_int_equal(read(talk.peer, text, sizeof(text)), 4);
	assert_string_equal(text, "bye\n");
	talk_end(&talk);
}

/* ---- unix ---- */

static void test_descriptor_passes(void **state)
{
	struct talk talk;
	struct stat sent, came;
	int file = open("/dev/null", O_RDONLY);

	(void)state;
	talk_begin(&talk, 4096);
	assert_int_equal(unix_send(talk.peer, "x\n", 2, file), 2);
	turn(&talk);
	assert_true(talk.lines.passed_fd >= 0);
	assert_int_equal(fstat(file, &sent), 0);
	assert_int_equal(fstat(talk.lines.passed_fd, &came), 0);
	assert_int_equal(sent.st_rdev, came.st_rdev);
	assert_true(fcntl(talk.lines.passed_fd, F_GETFD) & FD_CLOEXEC);
	close(file);
	talk_end(&talk);
}

static void test_listen_and_peer(void **state)
{
	char dir[] = "/tmp/strazh-net-XXXXXX", path[64], too_long[200];
	struct unix_peer peer;
	struct stat st;
	int listening, fd, fd2;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(unix_connect(path, &fd), -ENOENT);
	assert_int_equal(unix_listen(path, 0600, &listening), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(unix_connect(path, &fd), 0);
	fd2 = accept(listening, NULL, NULL);
	assert_true(fd2 >= 0);
	assert_int_equal(unix_peer(fd2, &peer), 0);
	assert_int_equal(peer.uid, getuid());
	assert_int_equal(peer.pid, getpid());
	assert_true(unix_peer_in(&peer, getgid()));
	assert_false(unix_peer_in(&peer, (gid_t)-2));
	close(fd);
	close(fd2);
	close(listening);
	assert_int_equal(unix_connect(path, &fd), -ECONNREFUSED);
	/* A dead one's socket file is replaced. */
	assert_int_equal(unix_listen(path, 0600, &listening), 0);
	close(listening);
	memset(too_long, 'a', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	assert_int_equal(unix_connect(too_long, &fd), -ENAMETOOLONG);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timer_repeats),
		cmocka_unit_test(test_removed_watch_is_not_called),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_lines_arrive),
		cmocka_unit_test(test_endless_line),
		cmocka_unit_test(test_deinit_inside_a_line),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_finish_sends_first),
		cmocka_unit_test(test_descriptor_passes),
		cmocka_unit_test(test_listen_and_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
