/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Reactors in threads: an echo over each of them, calls from one into the other, a stop that
 * drains, and a start that fails half-way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/net/listener.h>
#include <user/net/reactors.h>

#define COUNT 3
#define CLIENTS 24
#define LETTERS 3000

struct world {
	struct sources *sources;
	struct sockaddr_in address;
	int started, stopped, fail_at;
	_Atomic(unsigned) letters, released, refused;
	struct reactors *reactors;
};

static const struct conn_limits limits = {
	.in_max = CONN_IN_MAX,
	.out_max = 1 << 20,
	.high = 256 << 10,
	.low = 64 << 10,
	.slow_ms = 5000,
	.linger_ms = 5000,
};

static size_t echo_bytes(struct conn *conn, uint8_t *bytes, size_t len)
{
	if (conn_send(conn, bytes, len))
		conn_drop(conn);
	return len;
}

static void echo_pressure(struct conn *conn, bool high)
{
	if (high)
		conn_pause(conn);
	else
		conn_resume(conn);
}

static void echo_end(struct conn *conn, enum conn_end why)
{
	(void)conn;
	(void)why;
}

static const struct conn_ops echo_ops = {
	.on_bytes = echo_bytes,
	.on_pressure = echo_pressure,
	.on_end = echo_end,
};

static void echo_conn(struct listener *listener, struct conn *conn)
{
	(void)listener;
	conn_set_ops(conn, &echo_ops, NULL);
	conn_opened(conn);
	conn_wait(conn, CONN_IDLE, 60000);
}

static const struct listener_ops listener_ops = {.on_conn = echo_conn};

static int start(struct reactor *reactor, void *context)
{
	struct world *world = context;
	struct listener_config config = {
		.address_len = sizeof(world->address),
		.backlog = 64,
		.hello_ms = 5000,
		.limits = &limits,
	};
	struct sockaddr_storage address;
	struct listener *listener;
	int r;

	if (world->started == world->fail_at)
		return -EADDRINUSE;
	memcpy(&config.address, &world->address, sizeof(world->address));
	r = listener_new(reactor, &config, &listener_ops, NULL, &listener);
	if (r)
		return r;
	world->started++;
	r = listener_address(listener, &address);
	/* The first gets a port, the others share it. */
	memcpy(&world->address, &address, sizeof(world->address));
	return r;
}

static void stop(struct reactor *reactor, void *context)
{
	struct world *world = context;

	(void)reactor;
	world->stopped++;
}

static void world_init(struct world *world, unsigned count, int fail_at)
{
	const struct sources_limits most = {1000, 1000, 1000, 1000};
	struct reactors_config config = {
		.count = count,
		.each = {.conns_max = 100, .buffers_max = 16 << 20, .mailbox_len = 64},
		.start = start,
		.stop = stop,
		.context = world,
	};

	*world = (struct world){
		.address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
		.fail_at = fail_at,
	};
	assert_int_equal(sources_new(&most, &world->sources), 0);
	config.each.sources = world->sources;
	assert_int_equal(reactors_new(&config, &world->reactors), fail_at < 0 ? 0 : -EADDRINUSE);
}

static int dial(const struct world *world)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(
		connect(fd, (const struct sockaddr *)&world->address, sizeof(world->address)), 0);
	return fd;
}

static void talk(int fd, unsigned seed)
{
	uint8_t bytes[3000], back[3000];
	size_t len = 1 + seed * 97 % sizeof(bytes), got = 0;

	memset(bytes, (int)seed, len);
	assert_int_equal(send(fd, bytes, len, 0), len);
	while (got < len) {
		ssize_t n = recv(fd, back + got, len - got, 0);

		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_memory_equal(bytes, back, len);
}

static void test_echo_over_all(void **state)
{
	struct world world;
	int fds[CLIENTS], without = 0;
	char byte;

	(void)state;
	world_init(&world, COUNT, -1);
	assert_int_equal(reactors_count(world.reactors), COUNT);
	assert_int_equal(reactors_start(world.reactors), 0);
	for (unsigned i = 0; i < CLIENTS; i++)
		fds[i] = dial(&world);
	for (unsigned round = 0; round < 20; round++)
		for (unsigned i = 0; i < CLIENTS; i++)
			talk(fds[i], round * CLIENTS + i);
	assert_int_equal(reactors_counted(world.reactors, NET_ACCEPTED), CLIENTS);
	assert_int_equal(sources_count(world.sources).total, CLIENTS);
	for (unsigned i = 0; i < COUNT; i++)
		without += !net_counted(&reactors_get(world.reactors, i)->stats, NET_ACCEPTED);
	/* The kernel spreads them; that one of three gets all of 24 does not happen. */
	assert_true(without < COUNT - 1);
	reactors_stop(world.reactors, 60000);
	for (unsigned i = 0; i < CLIENTS; i++) {
		assert_int_equal(recv(fds[i], &byte, 1, 0), 0);
		close(fds[i]);
	}
	assert_int_equal(reactors_join(world.reactors), 0);
	assert_int_equal(sources_count(world.sources).total, 0);
	assert_int_equal(reactors_counted(world.reactors, NET_BYTES_IN),
			 reactors_counted(world.reactors, NET_BYTES_OUT));
	reactors_free(world.reactors);
	assert_int_equal(world.stopped, COUNT);
	sources_free(world.sources);
}

/* ---- calls between them ---- */

struct ball {
	struct world *world;
	unsigned left;
};

/* From reactor to reactor until it has been passed often enough. */
static void pass_ball(void *receiver, void *item)
{
	struct reactor *reactor = receiver;
	struct ball *ball = item;
	struct world *world = ball->world;
	unsigned next;

	if (!reactor) {
		world->released++;
		free(ball);
		return;
	}
	world->letters++;
	if (!--ball->left) {
		free(ball);
		return;
	}
	next = (reactor->number + 1) % COUNT;
	if (reactor_post(reactors_get(world->reactors, next), pass_ball, ball)) {
		world->refused++;
		free(ball);
	}
}

static void throw_balls(struct world *world, unsigned count, unsigned passes)
{
	for (unsigned i = 0; i < count; i++) {
		struct ball *ball = malloc(sizeof(*ball));

		assert_non_null(ball);
		*ball = (struct ball){world, passes};
		while (reactor_post(reactors_get(world->reactors, i % COUNT), pass_ball, ball))
			usleep(100);
	}
}

static void test_posts(void **state)
{
	struct world world;

	(void)state;
	world_init(&world, COUNT, -1);
	assert_int_equal(reactors_start(world.reactors), 0);
	/* 30 at once never fill a box of 64. */
	throw_balls(&world, 30, LETTERS / 30);
	for (int i = 0; i < 6000 && world.letters < LETTERS; i++)
		usleep(10000);
	assert_int_equal(world.letters, LETTERS);
	assert_int_equal(world.refused, 0);
	reactors_stop(world.reactors, 0);
	assert_int_equal(reactors_join(world.reactors), 0);
	assert_int_equal(reactors_counted(world.reactors, NET_POSTED), LETTERS);
	/* What comes when they have stopped is run as well, before their owner is told. */
	throw_balls(&world, 5, 1);
	reactors_free(world.reactors);
	assert_int_equal(world.letters, LETTERS + 5);
	assert_int_equal(world.released, 0);
	sources_free(world.sources);
}

static void *stop_soon(void *context)
{
	struct world *world = context;
	int fd = dial(world);

	talk(fd, 5);
	reactors_stop(world->reactors, 0);
	close(fd);
	return NULL;
}

static void test_one_runs_in_the_callers_thread(void **state)
{
	struct world world;
	pthread_t thread;

	(void)state;
	world_init(&world, 1, -1);
	assert_int_equal(pthread_create(&thread, NULL, stop_soon, &world), 0);
	assert_int_equal(reactors_run(world.reactors), 0);
	pthread_join(thread, NULL);
	reactors_free(world.reactors);
	sources_free(world.sources);
}

static void test_start_fails(void **state)
{
	struct world world;

	(void)state;
	world_init(&world, COUNT, 2);
	assert_int_equal(world.started, 2);
	assert_int_equal(world.stopped, 2);
	sources_free(world.sources);
}

/* Freed while they run. */
static void test_free_running(void **state)
{
	struct world world;
	int fd;

	(void)state;
	world_init(&world, 2, -1);
	assert_int_equal(reactors_start(world.reactors), 0);
	fd = dial(&world);
	talk(fd, 9);
	reactors_free(world.reactors);
	assert_int_equal(sources_count(world.sources).total, 0);
	sources_free(world.sources);
	close(fd);
}

struct letter {
	struct world *world;
	unsigned passes;
};

static void late_letter(void *receiver, void *item)
{
	struct letter *letter = item;
	struct world *world = letter->world;
	unsigned next;

	assert_non_null(receiver);
	assert_int_equal(world->stopped, 0);
	world->letters++;
	if (!letter->passes--)
		return;
	next = (((struct reactor *)receiver)->number + 1) % COUNT;
	assert_int_equal(reactor_post(reactors_get(world->reactors, next), late_letter, letter), 0);
}

/* What was posted once ran after stop(), into what that had freed. */
static void test_posts_before_stop(void **state)
{
	struct world world;
	struct letter letter = {.world = &world, .passes = 10};

	(void)state;
	world_init(&world, COUNT, -1);
	assert_int_equal(reactors_start(world.reactors), 0);
	reactors_stop(world.reactors, 1000);
	assert_int_equal(reactors_join(world.reactors), 0);
	assert_int_equal(reactor_post(reactors_get(world.reactors, 1), late_letter, &letter), 0);
	reactors_free(world.reactors);
	assert_int_equal(world.letters, 11);
	assert_int_equal(world.stopped, COUNT);
	sources_free(world.sources);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo_over_all),
		cmocka_unit_test(test_posts),
		cmocka_unit_test(test_one_runs_in_the_callers_thread),
		cmocka_unit_test(test_start_fails),
		cmocka_unit_test(test_free_running),
		cmocka_unit_test(test_posts_before_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
