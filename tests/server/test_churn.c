/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Sessions and strangers come and go, in order and not: afterwards the server has as much memory
 * and as many descriptors as before. STRAZH_CHURN says how many come (default 1,200).
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <user/wire/relay.h>

#include <tests/server/house.h>
#include <tests/server/raw.h>
#include <user/base/sanitized.h>

#define USUAL 1200
#define WARM 300
#define GROWTH_MAX (4L << 20)

static void break_off(int fd)
{
	const struct linger at_once = {.l_onoff = 1};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
}

static void say(struct raw *raw, uint8_t opcode, const void *payload, size_t len)
{
	raw_seal(raw, &(struct ph_message){.service = PH_S_RELAY,
					   .opcode = opcode,
					   .priority = PH_NORMAL,
					   .request = 7,
					   .payload = payload,
					   .len = len});
}

/* A session whose end is one of several. */
static void one_session(struct raw *raw, const struct house *house, unsigned n)
{
	const uint8_t join[] = {RELAY_WANT_PRESENCE | RELAY_WANT_HISTORY, 2, 'h',
				(uint8_t)('a' + n % 5)};
	static const uint8_t half[40];

	raw_open(raw, house, PH_NK1);
	break_off(raw->fd);
	assert_true(raw_shake(raw));
	raw_seal_echo(raw, 1, "hello", 5);
	say(raw, RELAY_JOIN, join, sizeof(join));
	raw_flush(raw);
	assert_true(raw_wait(raw, 2));
	switch (n % 4) {
	case 0: /* a record that is none */
		raw_send(raw, half, sizeof(half));
		break;
	case 1: /* half of one */
		raw_seal_echo(raw, 2, "hello", 5);
		raw_send(raw, raw->out, raw->out_len / 2);
		break;
	case 2: /* a question that nobody waits for */
		say(raw, RELAY_PRESENCE, "\0\0\0\1", 4);
		raw_flush(raw);
		break;
	default:
		break;
	}
	raw_close(raw);
}

/* Nothing, something, half a hello, a proxy's header. */
static void one_stranger(struct raw *raw, const struct house *house, unsigned n)
{
	raw_open(raw, house, PH_NK1);
	break_off(raw->fd);
	if (n % 4 == 1)
		raw_send(raw, "\x16\x03\x01", 3);
	else if (n % 4 == 2)
		raw_send(raw, raw->hello, raw->hello_len / 2);
	else if (n % 4 == 3)
		raw_send(raw, "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16);
	raw_close(raw);
}

static void churn(struct raw *raw, const struct house *house, unsigned count)
{
	for (unsigned n = 0; n < count; n++) {
		one_session(raw, house, n);
		one_stranger(raw, house, n);
	}
	house_quiet(house);
}

static void come_and_go(void **state)
{
	const struct house_plan plan = {.reactors = 2, .relay = true};
	const char *asked = getenv("STRAZH_CHURN");
	unsigned count = asked ? (unsigned)strtoul(asked, NULL, 10) : USUAL, descriptors;
	struct raw *raw = malloc(sizeof(*raw));
	struct house house;
	long before, after;

	(void)state;
	assert_non_null(raw);
	house_open(&house, &plan);
	churn(raw, &house, WARM);
	before = memory_resident();
	descriptors = house_descriptors();
	churn(raw, &house, count);
	after = memory_resident();
	fprintf(stderr, "# %u sessions, %u strangers: %ld KiB before, %ld KiB after\n", count,
		count, before / 1024, after / 1024);
	assert_int_equal(house_descriptors(), descriptors);
	assert_int_equal(HOUSE_COUNT(&house, opened), WARM + count);
	if (!SANITIZED)
		assert_true(after - before < GROWTH_MAX);
	house_close(&house);
	free(raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
