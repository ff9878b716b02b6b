/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Everything at once for a while: clients that connect, echo, break off, resume, close and are
 * killed, strangers with garbage, and a server that renews its shield. Each echo must be the one
 * that was asked for, nothing may fail but what was made to fail, and memory must not grow.
 * STRAZH_SOAK_S: how long; else 30 seconds.
 */
#include <tests/server/house.h>
#include <user/base/sanitized.h>

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <user/client/parts.h>
#include <user/crypto/crypto.h>

enum { THREADS = 5, EACH = 20, SECONDS = 30, KINDS = 7 };

struct load {
	pthread_t thread;
	struct house *house;
	unsigned number;
	uint64_t until_ms;
	uint64_t state; /* of its dice */
	struct strazh *clients[EACH];
	uint32_t requests[EACH];
	uint8_t secret[32];
	uint64_t echoes, kills, opens, garbage, resumed;
	int class;
	char text[264];
};

/* xorshift64: what happens depends on the number of the thread, and on time. */
static unsigned dice(struct load *l, unsigned sides)
{
	l->state ^= l->state << 13;
	l->state ^= l->state >> 7;
	l->state ^= l->state << 17;
	return (unsigned)(l->state >> 33) % sides;
}

static void new_client(struct load *l, unsigned i)
{
	struct strazh_options options = house_options(l->house);

	options.reconnects = 10;
	options.strict = dice(l, 4) == 0;
	if (dice(l, 2))
		options.client_key = l->secret;
	if (dice(l, 3) == 0) {
		options.server_key = NULL;
		options.root_key = l->house->root;
	}
	strazh_close(l->clients[i]);
	l->class = strazh_open(&options, &l->clients[i], NULL);
	l->requests[i] = 0;
	l->opens++;
}

static void echo(struct load *l, unsigned i, size_t len)
{
	uint64_t lost = l->clients[i]->lost;
	int r = house_echo(l->clients[i], ++l->requests[i], len, 20000);

	/* Killed before: it finds out now. */
	if (r == STRAZH_E_LOST && l->clients[i]->lost > lost)
		r = house_echo(l->clients[i], ++l->requests[i], len, 20000);
	l->class = r;
	l->echoes++;
	l->resumed += l->clients[i]->about.resumed;
	if (r)
		snprintf(l->text, sizeof(l->text), "echo: %s", strazh_error(l->clients[i])->text);
}

static void kill_one(struct load *l, unsigned i)
{
	if (l->clients[i]->socket < 0)
		return;
	shutdown(l->clients[i]->socket, dice(l, 2) ? SHUT_RDWR : SHUT_WR);
	l->kills++;
}

static void say_garbage(struct load *l)
{
	uint8_t bytes[600];
	int fd = house_socket(l->house);

	l->class = crypto_random(bytes, sizeof(bytes));
	bytes[0] = dice(l, 2) ? PH_CLIENT_HELLO : bytes[0];
	(void)!send(fd, bytes, 1 + dice(l, sizeof(bytes)), MSG_NOSIGNAL);
	close(fd);
	l->garbage++;
}

static void *make_load(void *arg)
{
	struct load *l = arg;

	for (unsigned i = 0; i < EACH && !l->class; i++)
		new_client(l, i);
	while (!l->class && house_now_ms() < l->until_ms) {
		unsigned i = dice(l, EACH);

		switch (dice(l, KINDS)) {
		case 0:
			echo(l, i, dice(l, PH_MESSAGE_MAX));
			break;
		case 1:
			kill_one(l, i);
			break;
		case 2:
			if (dice(l, 4) == 0)
				new_client(l, i);
			break;
		case 3:
			if (dice(l, 4) == 0)
				say_garbage(l);
			break;
		case 4:
			if (l->number == 0)
				l->class = identity_renew(l->house->identity);
			break;
		default:
			echo(l, i, dice(l, 2000));
		}
	}
	for (unsigned i = 0; i < EACH; i++)
		strazh_close(l->clients[i]);
	return NULL;
}

static uint64_t seconds(void)
{
	const char *text = getenv("STRAZH_SOAK_S");
	char *end;
	unsigned long s = text ? strtoul(text, &end, 10) : 0;

	return s ? s : SECONDS;
}

static void soak(void **state)
{
	static struct load loads[THREADS];
	uint64_t echoes = 0, kills = 0, opens = 0, resumed = 0, now = house_now_ms();
	const struct timespec third = {.tv_sec = (time_t)seconds() / 3};
	struct house house;
	long before, after;
	uint8_t public[32];

	(void)state;
	house_open(&house, &(struct house_plan){.reactors = 3});
	for (unsigned i = 0; i < THREADS; i++) {
		loads[i] = (struct load){.house = &house,
					 .number = i,
					 .until_ms = now + seconds() * 1000,
					 .state = now * THREADS + i + 1};
		assert_int_equal(dh_generate(house.crypto, loads[i].secret, public), 0);
		assert_int_equal(pthread_create(&loads[i].thread, NULL, make_load, &loads[i]), 0);
	}
	nanosleep(&third, NULL);
	before = memory_resident();
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(loads[i].thread, NULL), 0);
		if (loads[i].class)
			fail_msg("thread %u: %s: %s", i, strazh_class_text(loads[i].class),
				 loads[i].text);
		echoes += loads[i].echoes;
		kills += loads[i].kills;
		opens += loads[i].opens;
		resumed += loads[i].resumed;
	}
	house_quiet(&house);
	after = memory_resident();
	fprintf(stderr,
		"# %lu s: %lu echoes, %lu clients, %lu kills, %lu resumed; memory %ld KiB after a "
		"third, %ld at the end\n",
		(unsigned long)seconds(), (unsigned long)echoes, (unsigned long)opens,
		(unsigned long)kills, (unsigned long)HOUSE_COUNT(&house, resumed), before / 1024,
		after / 1024);
	assert_true(resumed > 0);
	assert_true(HOUSE_COUNT(&house, messages_in) >= echoes);
	assert_int_equal(HOUSE_COUNT(&house, untold) + HOUSE_COUNT(&house, no_slot) +
				 HOUSE_COUNT(&house, no_link) + HOUSE_COUNT(&house, busy),
			 0);
	assert_int_equal(house_ended(&house, CONN_NO_BUFFER) + house_ended(&house, CONN_TOO_LONG),
			 0);
	house_drain(&house);
	for (unsigned i = 0; i < house.common.reactors; i++)
		assert_int_equal(server_links(house.servers[i]), 0);
	assert_true(after - before < (SANITIZED ? 256 << 20 : 16 << 20));
	house_free(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(soak)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
