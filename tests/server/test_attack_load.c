/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Clients that do not read, and more handshakes than the server wants to do. */
#include <tests/server/house.h>
#include <tests/server/raw.h>
#include <user/base/sanitized.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <user/client/parts.h>
#include <user/server/parts.h>

static void rest(unsigned ms)
{
	const struct timespec pause = {ms / 1000, (long)(ms % 1000) * 1000000};

	nanosleep(&pause, NULL);
}

/* ---- who does not read ---- */

static void slow_soon(struct server_limits *limits)
{
	limits->conn.slow_ms = 600;
}

enum { FLOOD_MAX = 48 << 20, READERS = 8, MEMORY_MAX = 24 << 20 };

/* As much as it takes, at once. False: closed. */
static bool push_some(struct raw *raw, size_t *sent)
{
	static const uint8_t payload[8000];

	for (unsigned i = 0; i < 100; i++) {
		ssize_t n;

		if (!raw->out_len)
			raw_seal_echo(raw, 1, payload, sizeof(payload));
		n = send(raw->fd, raw->out, raw->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN;
		*sent += (size_t)n;
		raw->out_len -= (size_t)n;
		memmove(raw->out, raw->out + n, raw->out_len);
	}
	return true;
}

/* Floods with echoes; reads `bytes` every 100 ms. The server stops reading, and then has enough. */
static void flood_and_read(size_t bytes)
{
	static struct raw raws[READERS];
	uint8_t got[64];
	size_t sent = 0;
	unsigned open = READERS;
	struct house house;
	long before, most = 0;

	house_open(&house, &(struct house_plan){.limits = slow_soon});
	for (unsigned i = 0; i < READERS; i++) {
		const int small = 4096, some = 65536; /* so that what it takes is the server's */

		raw_open(&raws[i], &house, PH_NK1);
		assert_int_equal(
			setsockopt(raws[i].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
		assert_int_equal(setsockopt(raws[i].fd, SOL_SOCKET, SO_SNDBUF, &some, sizeof(some)),
				 0);
		assert_true(raw_shake(&raws[i]));
	}
	before = memory_resident();
	for (unsigned turn = 0; open && turn < 300; turn++) {
		open = 0;
		for (unsigned i = 0; i < READERS; i++) {
			if (bytes && turn % 5 == 0)
				(void)!recv(raws[i].fd, got, bytes, MSG_DONTWAIT);
			open += push_some(&raws[i], &sent);
		}
		most = MAX(most, memory_resident());
		rest(20);
	}
	fprintf(stderr,
		"# %d that read %zu bytes at a time: took %zu KiB of them, memory +%ld KiB\n",
		READERS, bytes, sent >> 10, (most - before) / 1024);
	assert_int_equal(open, 0);
	assert_true(sent < FLOOD_MAX);
	if (!SANITIZED)
		assert_true(most - before < MEMORY_MAX);
	house_quiet(&house);
	assert_int_equal(house_ended(&house, CONN_SLOW), READERS);
	for (unsigned i = 0; i < READERS; i++)
		raw_close(&raws[i]);
	house_close(&house);
}

static void who_never_reads(void **state)
{
	(void)state;
	flood_and_read(0);
}

static void who_reads_a_byte(void **state)
{
	(void)state;
	flood_and_read(1);
}

/* ---- who does not go ---- */

static void linger_little(struct server_limits *limits)
{
	limits->conn.linger_ms = 500;
}

static void send_away(void *receiver, void *item)
{
	struct house *h = item;

	/* The only one, and the first that there was. */
	if (receiver && h->servers[0]->links[0].conn)
		peer_close(link_peer(&h->servers[0]->links[0]), "test");
}

/* Told to go, it talks on; once that kept its session for ever. */
static void who_does_not_go(void **state)
{
	struct raw *raw = calloc(1, sizeof(*raw));
	uint64_t begun;
	struct house house;

	(void)state;
	assert_non_null(raw);
	house_open(&house, &(struct house_plan){.limits = linger_little});
	raw_open(raw, &house, PH_NK1);
	assert_true(raw_shake(raw));
	raw_seal_echo(raw, 1, "abc", 3);
	raw_flush(raw);
	assert_true(raw_wait(raw, 1));
	assert_int_equal(reactor_post(reactors_get(house.reactors, 0), send_away, &house), 0);
	begun = house_now_ms();
	while (sources_count(house.sources).total && house_now_ms() - begun < 20000) {
		raw_seal_echo(raw, 2, "abc", 3);
		raw_flush(raw);
		rest(50);
	}
	assert_int_equal(sources_count(house.sources).total, 0);
	house_drain(&house);
	assert_int_equal(house_ended(&house, CONN_LINGERED), 1);
	assert_int_equal(HOUSE_COUNT(&house, messages_in), 1);
	raw_close(raw);
	house_free(&house);
	free(raw);
}

/* ---- more hellos than the server wants ---- */

enum { RATE = 8, BITS = 16, FLOODERS = 4 };

static void little(struct server_limits *limits)
{
	limits->handshakes_s = RATE;
	limits->puzzle_bits = BITS;
	limits->finish_ms = 20000; /* the work is done on a machine that has other work */
}

struct flooder {
	pthread_t thread;
	const struct house *house;
	atomic_bool *ending;
	_Atomic(uint64_t) hellos;
};

/* Valid hellos, one after the other, whose puzzles nobody solves. */
static void *say_hello(void *arg)
{
	struct flooder *f = arg;
	struct raw *raw = calloc(1, sizeof(*raw));
	uint8_t answer[4];

	while (raw && !atomic_load(f->ending)) {
		raw_open(raw, f->house, PH_NK1);
		raw_send(raw, raw->hello, raw->hello_len);
		(void)!recv(raw->fd, answer, sizeof(answer), 0);
		raw_close(raw);
		atomic_fetch_add(&f->hellos, 1);
	}
	free(raw);
	return NULL;
}

struct bits {
	struct house *house;
	_Atomic(int) bits;
};

static void ask_bits(void *receiver, void *item)
{
	struct bits *b = item;

	atomic_store(&b->bits, receiver ? (int)server_puzzle(b->house->servers[0]) : 0);
}

static bool has_bits(const void *context)
{
	return atomic_load(&((struct bits *)(uintptr_t)context)->bits) >= 0;
}

/* What strangers are asked for; the reactor's thread knows. */
static int puzzle_bits(struct house *h)
{
	static struct bits b;

	b.house = h;
	atomic_store(&b.bits, -1);
	assert_int_equal(reactor_post(reactors_get(h->reactors, 0), ask_bits, &b), 0);
	assert_true(house_until(has_bits, &b));
	return atomic_load(&b.bits);
}

static struct strazh *patient_client(const struct house *h)
{
	struct strazh_options options = house_options(h);

	options.connect_timeout_ms = 20000;
	options.reconnects = 50;
	return house_client(h, &options);
}

static int break_off(struct strazh *client)
{
	shutdown(client->socket, SHUT_RDWR);
	return house_echo(client, 90, 10, 20000) == 0 ? 0 : house_echo(client, 91, 10, 30000);
}

static void hellos_under_load(void **state)
{
	struct flooder flooders[FLOODERS];
	atomic_bool ending = false;
	struct strazh *early, *late;
	uint64_t hellos = 0, begun;
	struct strazh_about about;
	struct house house;
	unsigned worked = 0;
	int most = 0, bits = 0;

	(void)state;
	house_open(&house, &(struct house_plan){.limits = little});
	early = patient_client(&house);
	assert_int_equal(house_echo(early, 1, 100, 10000), 0);
	assert_int_equal(puzzle_bits(&house), 0);
	for (unsigned i = 0; i < FLOODERS; i++) {
		flooders[i] = (struct flooder){.house = &house, .ending = &ending};
		assert_int_equal(pthread_create(&flooders[i].thread, NULL, say_hello, &flooders[i]),
				 0);
	}
	HOUSE_AT_LEAST(&house, asked, 50);
	begun = house_now_ms();
	while (worked < 20 && house_now_ms() - begun < 30000) {
		late = patient_client(&house);
		assert_int_equal(house_echo(late, 1, 100, 60000), 0);
		strazh_close(late);
		worked++;
		bits = puzzle_bits(&house);
		most = MAX(most, bits);
	}
	/* Who was here before comes in by its ticket. */
	assert_int_equal(break_off(early), 0);
	strazh_about(early, &about);
	assert_true(about.resumed);
	atomic_store(&ending, true);
	for (unsigned i = 0; i < FLOODERS; i++) {
		assert_int_equal(pthread_join(flooders[i].thread, NULL), 0);
		hellos += atomic_load(&flooders[i].hellos);
	}
	fprintf(stderr, "# %lu hellos, %lu of them asked for work; %u honest ones got in %lu ms\n",
		(unsigned long)hellos, (unsigned long)HOUSE_COUNT(&house, asked), worked,
		(unsigned long)(house_now_ms() - begun));
	assert_true(worked >= 1);
	assert_true(most >= PH_PUZZLE_BITS_MIN && most <= BITS);
	/* What is expensive was done at the rate that was allowed, and a bucket at most besides. */
	assert_true(HOUSE_COUNT(&house, answered) <=
		    RATE * ((house_now_ms() - begun) / 1000 + 20) + RATE);
	strazh_close(early);
	/* And down again, once it is quiet. */
	for (unsigned i = 0; i < 100 && (bits = puzzle_bits(&house)) != 0; i++) {
		late = patient_client(&house);
		assert_int_equal(house_echo(late, 1, 100, 60000), 0);
		strazh_close(late);
		rest(300);
	}
	assert_int_equal(bits, 0);
	house_quiet(&house);
	house_close(&house);
}

/* Everybody has to work, in each suite; who does not is turned away. */
static void all_work(struct server_limits *limits)
{
	limits->puzzle_always = true;
	limits->puzzle_bits = PH_PUZZLE_BITS_MIN;
}

static void work_for_all(void **state)
{
	struct strazh_options options;
	uint8_t secret[32], public[32];
	struct house house;
	uint8_t answer[21];
	struct raw *raw = calloc(1, sizeof(*raw));

	(void)state;
	assert_non_null(raw);
	house_open(&house, &(struct house_plan){.limits = all_work});
	options = house_options(&house);
	assert_int_equal(dh_generate(house.crypto, secret, public), 0);
	for (unsigned i = 0; i < 4; i++) {
		struct strazh *client;

		options.server_key = i < 2 ? house.key : NULL;
		options.root_key = i < 2 ? NULL : house.root;
		options.client_key = i % 2 ? secret : NULL;
		client = house_client(&house, &options);
		assert_int_equal(house_echo(client, 1, 100, 20000), 0);
		strazh_close(client);
	}
	assert_int_equal(HOUSE_COUNT(&house, asked), 4);
	/* The same hello again is no answer. */
	raw_open(raw, &house, PH_NK1);
	raw_send(raw, raw->hello, raw->hello_len);
	assert_int_equal(recv(raw->fd, answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
	assert_int_equal(answer[0], PH_RETRY);
	raw_send(raw, raw->hello, raw->hello_len);
	assert_int_equal(raw_rest(raw), 0);
	raw_close(raw);
	house_quiet(&house);
	assert_int_equal(house_count(&house, offsetof(struct server_counters, handshake) +
						     HS_PUZZLE_NONE * sizeof(_Atomic(uint64_t))),
			 1);
	house_close(&house);
	free(raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_never_reads),   cmocka_unit_test(who_reads_a_byte),
		cmocka_unit_test(who_does_not_go),   cmocka_unit_test(work_for_all),
		cmocka_unit_test(hellos_under_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
