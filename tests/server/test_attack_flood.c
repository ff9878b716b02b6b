/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Many strangers, slow ones, and ones that send anything: what they hold is bounded, they are
 * counted, and honest clients get in. Figures go to stderr.
 */
#include <tests/server/house.h>
#include <tests/server/raw.h>
#include <user/base/sanitized.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <user/crypto/crypto.h>

static void rest(unsigned ms)
{
	const struct timespec pause = {ms / 1000, (long)(ms % 1000) * 1000000};

	nanosleep(&pause, NULL);
}

static void hang_up(int fd)
{
	const struct linger now = {.l_onoff = 1};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)); /* no TIME_WAIT */
	close(fd);
}

static bool is_closed(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDHUP};

	return poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static void brief(struct server_limits *limits)
{
	limits->hello_ms = limits->finish_ms = 400;
}

/* ---- a byte now and then ---- */

enum { SLOW_ONES = 40 };

struct slow_one {
	struct raw raw;
	const uint8_t *bytes;
	size_t at, len;
};

/* All of them a byte each 20 ms, until the server has had enough of each; it is far from the end.
 */
static void dribble(struct slow_one *all)
{
	unsigned open = SLOW_ONES;

	while (open) {
		open = 0;
		for (unsigned i = 0; i < SLOW_ONES; i++) {
			struct slow_one *one = &all[i];

			if (is_closed(one->raw.fd))
				continue;
			open++;
			if (one->at < one->len - 1)
				raw_send(&one->raw, one->bytes + one->at++, 1);
		}
		rest(20);
	}
}

static void slow_hellos(void **state)
{
	struct slow_one *all = calloc(SLOW_ONES, sizeof(*all));
	struct strazh *client;
	struct house house;

	(void)state;
	assert_non_null(all);
	house_open(&house, &(struct house_plan){.limits = brief});
	for (unsigned i = 0; i < SLOW_ONES; i++) {
		raw_open(&all[i].raw, &house, i % 2 ? PH_NK1 : PH_XK1);
		all[i].bytes = all[i].raw.hello;
		all[i].len = all[i].raw.hello_len;
		/* Who has said nothing when the others are made is late, too, but no handshake. */
		raw_send(&all[i].raw, all[i].bytes, 1);
		all[i].at = 1;
	}
	dribble(all);
	client = house_client(&house, NULL);
	assert_int_equal(house_echo(client, 1, 100, 5000), 0);
	strazh_close(client);
	for (unsigned i = 0; i < SLOW_ONES; i++) {
		assert_int_equal(raw_rest(&all[i].raw), 0);
		raw_close(&all[i].raw);
	}
	house_quiet(&house);
	assert_int_equal(house_ended(&house, CONN_LATE_HELLO), SLOW_ONES);
	assert_int_equal(house.signs[SERVER_BAD_HANDSHAKE], SLOW_ONES);
	house_close(&house);
	free(all);
}

/* Once those of NK1 were not told to the watcher: they are links by then. */
static void slow_finishes(void **state)
{
	struct slow_one *all = calloc(SLOW_ONES, sizeof(*all));
	struct house house;

	(void)state;
	assert_non_null(all);
	house_open(&house, &(struct house_plan){.limits = brief});
	for (unsigned i = 0; i < SLOW_ONES; i++) {
		raw_open(&all[i].raw, &house, i % 2 ? PH_NK1 : PH_XK1);
		assert_true(raw_shake(&all[i].raw));
		raw_seal_echo(&all[i].raw, 1, "abc", 3);
		all[i].bytes = all[i].raw.out;
		all[i].len = i % 2 ? 80 : 84;
	}
	dribble(all);
	for (unsigned i = 0; i < SLOW_ONES; i++) {
		assert_int_equal(raw_rest(&all[i].raw), 0);
		raw_close(&all[i].raw);
	}
	house_quiet(&house);
	assert_int_equal(house_ended(&house, CONN_LATE_FINISH), SLOW_ONES);
	assert_int_equal(house.signs[SERVER_BAD_HANDSHAKE], SLOW_ONES);
	assert_int_equal(HOUSE_COUNT(&house, opened), 0);
	house_close(&house);
	free(all);
}

/* ---- half a hello, and nothing at all ---- */

enum { SLOTS = 64, HALVES = 1500, SILENT = 1500 };

static void few_slots(struct server_limits *limits)
{
	brief(limits);
	limits->half_open = SLOTS;
}

static void half_open_flood(void **state)
{
	static int fds[HALVES + SILENT];
	struct strazh_options options;
	struct strazh *client;
	unsigned turned_away = 0;
	struct house house;

	(void)state;
	house_open(&house, &(struct house_plan){.limits = few_slots});
	options = house_options(&house);
	options.reconnects = 50;
	for (unsigned i = 0; i < HALVES + SILENT; i++) {
		fds[i] = house_socket(&house);
		if (i < HALVES)
			assert_int_equal(send(fds[i], "\xa0\x01\x00\x30half", 8, MSG_NOSIGNAL), 8);
	}
	/* Among them; those who say nothing are no reason to turn anyone away. */
	client = house_client(&house, &options);
	assert_int_equal(house_echo(client, 1, 100, 20000), 0);
	strazh_close(client);
	for (unsigned i = 0; i < HALVES + SILENT; i++) {
		assert_int_equal(socket_rest(fds[i]), 0);
		turned_away += i < HALVES;
		hang_up(fds[i]);
	}
	house_quiet(&house);
	/* Each of them held a slot or found none, never more at once than there are; but for a few
	 * whose first bytes a busy machine brought after their time: they were the listener's. */
	assert_true(HOUSE_COUNT(&house, no_slot) > 0);
	assert_true(HOUSE_COUNT(&house, no_slot) + house_ended(&house, CONN_LATE_HELLO) >=
		    HALVES - HALVES / 20);
	assert_int_equal(turned_away, HALVES);
	house_close(&house);
}

static int socket_from(const struct house *h, uint32_t from)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(from)};
	struct timeval limit = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	at.sin_port = htons(h->port);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* One that is refused at once may be reset before connect() returns. */
	assert_true(!connect(fd, (struct sockaddr *)&at, sizeof(at)) || errno == ECONNRESET);
	return fd;
}

static void patient(struct server_limits *limits)
{
	limits->hello_ms = 60000;
}

static uint64_t refused(const struct house *h)
{
	return reactors_counted(h->reactors, NET_REFUSED_SOURCE_HALF_OPEN) +
	       reactors_counted(h->reactors, NET_REFUSED_SOURCE_MUTE);
}

static bool all_refused(const void *context)
{
	return refused(context) == 492;
}

static void one_source(void **state)
{
	static int fds[500];
	struct house house;
	struct strazh *client;

	(void)state;
	house_open(&house, &(struct house_plan){.limits = patient, .sources = {1000, 1000, 16, 8}});
	for (unsigned i = 0; i < 500; i++)
		fds[i] = socket_from(&house, INADDR_LOOPBACK + 1);
	assert_true(house_until(all_refused, &house));
	assert_int_equal(sources_count(house.sources).half_open, 8);
	client = house_client(&house, NULL); /* from another one */
	assert_int_equal(house_echo(client, 1, 100, 5000), 0);
	strazh_close(client);
	for (unsigned i = 0; i < 500; i++)
		hang_up(fds[i]);
	house_quiet(&house);
	house_close(&house);
}

/* ---- garbage ---- */

enum { BATCH = 250, GARBAGE = SANITIZED ? 10000 : 100000, GARBAGE_MAX = 2500 };

static int start_socket(const struct house *h)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(h->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval limit = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Some are all random, some begin like a hello and go on at random. */
static void garbage_batch(const struct house *h)
{
	static int fds[BATCH];
	uint8_t bytes[GARBAGE_MAX];
	uint16_t len = 0;

	assert_int_equal(crypto_random(bytes, sizeof(bytes)), 0);
	for (unsigned i = 0; i < BATCH; i++) {
		size_t from;

		len = (uint16_t)(bytes[i] << 8 | bytes[i + 1]) % (i % 16 ? 300 : GARBAGE_MAX);
		from = (size_t)i % (GARBAGE_MAX - len);
		if (i % 3 == 0 && len > 4) {
			bytes[from] = PH_CLIENT_HELLO;
			bytes[from + 1] = (uint8_t)(1 + i % 5);
			bytes[from + 2] = 0;
		}
		fds[i] = start_socket(h);
		(void)!send(fds[i], bytes + from, len + 1U, MSG_NOSIGNAL);
		shutdown(fds[i], SHUT_WR);
	}
	for (unsigned i = 0; i < BATCH; i++) {
		(void)socket_rest(fds[i]);
		hang_up(fds[i]);
	}
}

static void garbage(void **state)
{
	const unsigned warm = 4;
	struct strazh *client;
	struct house house;
	long before, after;
	uint64_t begun;

	(void)state;
	house_open(&house, &(struct house_plan){.reactors = 2});
	for (unsigned i = 0; i < warm; i++)
		garbage_batch(&house);
	before = memory_resident();
	begun = house_now_ms();
	for (unsigned i = 0; i < GARBAGE / BATCH; i++)
		garbage_batch(&house);
	after = memory_resident();
	fprintf(stderr, "# %d garbage connections: %.1f s, memory %ld KiB before, %ld after\n",
		GARBAGE, (double)(house_now_ms() - begun) / 1000, before / 1024, after / 1024);
	house_quiet(&house);
	assert_int_equal(HOUSE_COUNT(&house, opened), 0);
	assert_int_equal(HOUSE_COUNT(&house, messages_in), 0);
	assert_true(house_failed(&house) > GARBAGE / 2);
	assert_true(after - before < (SANITIZED ? 64 << 20 : 1 << 20));
	client = house_client(&house, NULL);
	assert_int_equal(house_echo(client, 1, 100, 5000), 0);
	strazh_close(client);
	house_quiet(&house);
	house_close(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_hellos),	   cmocka_unit_test(slow_finishes),
		cmocka_unit_test(half_open_flood), cmocka_unit_test(one_source),
		cmocka_unit_test(garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
