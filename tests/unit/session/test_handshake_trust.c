/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who is let in and who is believed: pins, names, certificates, clients, tickets, puzzles. */
#include <errno.h>

#include <tests/unit/session/rig.h>

/* The client's verdict on the server's answer. */
static int answer_of(struct rig *rig, uint8_t suite)
{
	struct frame_bytes frame;

	rig_begin(rig, suite);
	rig_pass(rig, &rig->cl, &rig->s);
	assert_int_equal(rig_write(rig, &rig->s, &frame), 0);
	return rig_read(rig, &rig->cl, &frame);
}

/* The server's verdict on a hello. */
static int hello_of(struct rig *rig, uint8_t suite)
{
	struct frame_bytes frame;

	rig_begin(rig, suite);
	assert_int_equal(rig_write(rig, &rig->cl, &frame), 0);
	return rig_read(rig, &rig->s, &frame);
}

/* ---- the server ---- */

static void test_wrong_pin(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig.client.server_key = rig.keys[1].public; /* the server answers with its first */
	assert_int_equal(answer_of(&rig, PH_NK1), HS_BAD);
	assert_wiped(&rig.cl);
	assert_int_equal(answer_of(&rig, PH_XK1), HS_BAD);
	/* Somebody in the middle who claims the pinned key and does not have its secret. */
	rig.client.server_key = rig.keys[0].public;
	assert_int_equal(answer_of(&rig, PH_NK1), 0);
	memcpy(rig.secrets[0], rig.secrets[1], PH_KEY_LEN);
	assert_int_equal(answer_of(&rig, PH_NK1), HS_BAD);
	assert_int_equal(answer_of(&rig, PH_XK1), HS_BAD);
	assert_int_equal(answer_of(&rig, PH_NX), HS_BAD);
	assert_int_equal(answer_of(&rig, PH_XX), HS_BAD);
	rig_close(&rig);
}

static void test_wrong_name(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig_ticket(&rig, PH_NK1);
	rig.client.name = "Strazh";
	for (size_t i = 0; i < sizeof(SUITES) - 1; i++)
		assert_int_equal(answer_of(&rig, SUITES[i]), HS_BAD);
	assert_int_equal(hello_of(&rig, PH_RESUME), HS_BAD);
	rig_close(&rig);
}

static void test_certificates(void **state)
{
	static const uint8_t certified[] = {PH_NX, PH_XX};
	uint8_t other_root[32], other_public[32];
	struct rig rig;

	(void)state;
	rig_open(&rig);
	assert_int_equal(sign_generate(rig.c, other_root, other_public), 0);
	for (size_t i = 0; i < sizeof(certified); i++) {
		uint8_t suite = certified[i];

		rig_cert(&rig, 0, rig.root_secret, "strazh", NOW, NOW);
		assert_int_equal(answer_of(&rig, suite), 0);
		rig_cert(&rig, 0, rig.root_secret, "strazh", NOW - 5, NOW - 1);
		assert_int_equal(answer_of(&rig, suite), HS_CERT_TIME);
		rig_cert(&rig, 0, rig.root_secret, "strazh", NOW + 1, NOW + 5);
		assert_int_equal(answer_of(&rig, suite), HS_CERT_TIME);
		rig_cert(&rig, 0, rig.root_secret, "strazh2", NOW, NOW);
		assert_int_equal(answer_of(&rig, suite), HS_CERT_NAME);
		rig_cert(&rig, 0, rig.root_secret, "straz", NOW, NOW);
		assert_int_equal(answer_of(&rig, suite), HS_CERT_NAME);
		rig_cert(&rig, 0, other_root, "strazh", NOW, NOW);
		assert_int_equal(answer_of(&rig, suite), HS_CERT_ROOT);
		/* A good certificate, of another key. */
		rig.keys[0].cert = rig.certs[1];
		rig.keys[0].cert_len = rig.keys[1].cert_len;
		assert_int_equal(answer_of(&rig, suite), HS_CERT);
		assert_wiped(&rig.cl);
		rig.keys[0].cert_len--;
		assert_int_equal(answer_of(&rig, suite), HS_CERT);
		rig.keys[0].cert_len = 0;
		assert_int_equal(answer_of(&rig, suite), HS_CERT);
		rig.keys[0].cert = rig.certs[0];
	}
	rig_close(&rig);
}

/* Each byte of the certificate, under a handshake that is right otherwise. */
static void test_forged_certificates(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	for (size_t at = 0; at < rig.keys[0].cert_len; at++) {
		int r;

		rig.certs[0][at] ^= 0x04;
		r = answer_of(&rig, PH_NX);
		assert_true(r == HS_CERT || r == HS_CERT_ROOT);
		rig.certs[0][at] ^= 0x04;
	}
	assert_int_equal(answer_of(&rig, PH_NX), 0);
	rig_close(&rig);
}

/* ---- keys of low order ---- */

static void test_low_order(void **state)
{
	/* RFC 7748: 0 and 1 give zeros, whatever the secret. */
	uint8_t low[PH_KEY_LEN] = {0};
	struct frame_bytes frame;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig_ticket(&rig, PH_NK1);
	for (size_t i = 0; i < 4; i++)
		for (low[0] = 0; low[0] < 2; low[0]++) {
			rig_begin(&rig, SUITES[i]);
			assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
			memcpy(frame.bytes + 4, low, sizeof(low));
			assert_int_equal(rig_read(&rig, &rig.s, &frame), 0);
			assert_int_equal(rig_write(&rig, &rig.s, &frame), HS_LOW_ORDER);
			assert_wiped(&rig.s);
			rig_begin(&rig, SUITES[i]);
			rig_pass(&rig, &rig.cl, &rig.s);
			assert_int_equal(rig_write(&rig, &rig.s, &frame), 0);
			memcpy(frame.bytes + 4, low, sizeof(low));
			assert_int_equal(rig_read(&rig, &rig.cl, &frame), HS_LOW_ORDER);
			assert_wiped(&rig.cl);
		}
	/* A static key, of a client or pinned. */
	memset(rig.client_public, 0, PH_KEY_LEN);
	rig_begin(&rig, PH_XK1);
	rig_pass(&rig, &rig.cl, &rig.s);
	rig_pass(&rig, &rig.s, &rig.cl);
	assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
	assert_int_equal(rig_read(&rig, &rig.s, &frame), HS_LOW_ORDER);
	rig_close(&rig);
}

/* ---- the client ---- */

static bool knows_none(void *owner, const uint8_t key[PH_KEY_LEN])
{
	struct rig *rig = owner;

	assert_memory_equal(key, rig->client_public, PH_KEY_LEN);
	return false;
}

static void test_unknown_client(void **state)
{
	struct frame_bytes frame;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig_ticket(&rig, PH_XX);
	rig.server.owner = &rig;
	rig.server.known = knows_none;
	for (int suite = PH_XK1; suite <= PH_XX; suite += PH_XX - PH_XK1) {
		assert_int_equal(answer_of(&rig, (uint8_t)suite), 0);
		assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
		assert_int_equal(rig_read(&rig, &rig.s, &frame), HS_CLIENT);
		assert_wiped(&rig.s);
	}
	/* Who was struck off the list does not come back on a ticket. */
	assert_int_equal(hello_of(&rig, PH_RESUME), HS_CLIENT);
	assert_int_equal(hello_of(&rig, PH_NK1), 0);
	rig_close(&rig);
}

/* A client that names a key whose secret it has not. */
static void test_stolen_name(void **state)
{
	struct frame_bytes frame;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	memcpy(rig.client_public, rig.keys[1].public, PH_KEY_LEN);
	assert_int_equal(answer_of(&rig, PH_XK1), 0);
	assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
	assert_int_equal(rig_read(&rig, &rig.s, &frame), HS_BAD);
	rig_close(&rig);
}

/* ---- tickets ---- */

static void test_tampered_ticket(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig_ticket(&rig, PH_NK1);
	for (size_t at = 0; at < TICKET_LEN; at++) {
		rig.ticket[at] ^= 0x10;
		assert_int_equal(hello_of(&rig, PH_RESUME),
				 at < TICKET_KEY_ID_LEN ? HS_TICKET_KEY : HS_TICKET);
		assert_wiped(&rig.s);
		rig.ticket[at] ^= 0x10;
	}
	rig.resume.len = TICKET_LEN - 1;
	assert_int_equal(hello_of(&rig, PH_RESUME), HS_TICKET);
	rig.resume.len = TICKET_LEN;
	/* Stolen on the way: without what it stands for. */
	rig.resume.psk[0] ^= 1;
	assert_int_equal(hello_of(&rig, PH_RESUME), HS_BAD);
	rig.resume.psk[0] ^= 1;
	assert_int_equal(hello_of(&rig, PH_RESUME), 0);
	rig.server.tickets = NULL;
	assert_int_equal(hello_of(&rig, PH_RESUME), HS_SUITE);
	rig_close(&rig);
}

static void test_old_tickets(void **state)
{
	struct rig rig;
	bool turned;

	(void)state;
	rig_open(&rig);
	rig_ticket(&rig, PH_NK1);
	rig.now_s = NOW + LIFETIME - 1;
	assert_int_equal(hello_of(&rig, PH_RESUME), 0);
	rig.now_s = NOW + LIFETIME;
	assert_int_equal(hello_of(&rig, PH_RESUME), HS_TICKET_EXPIRED);
	/* One turn: the key still opens. Two: it is gone. */
	rig.now_s = NOW + LIFETIME - 1;
	assert_int_equal(ticket_keys_turn(&rig.tickets, NOW + LIFETIME, &turned), 0);
	assert_true(turned);
	assert_int_equal(hello_of(&rig, PH_RESUME), 0);
	assert_int_equal(ticket_keys_turn(&rig.tickets, NOW + 2 * LIFETIME, &turned), 0);
	assert_int_equal(hello_of(&rig, PH_RESUME), HS_TICKET_KEY);
	rig_close(&rig);
}

/* ---- puzzles ---- */

/* Up to a Retry on its way; the frame is what the server sent. */
static void ask(struct rig *rig, uint8_t suite, struct frame_bytes *ret_retry)
{
	rig_begin(rig, suite);
	rig_pass(rig, &rig->cl, &rig->s);
	assert_int_equal(handshake_ask(&rig->s, PH_PUZZLE_BITS_MIN), 0);
	assert_int_equal(rig_write(rig, &rig->s, ret_retry), 0);
}

/* Whether a hello fits the server's puzzle: what is wrong does so once in 2^14 times, by chance. */
static bool is_solved(const struct rig *rig, const struct frame_bytes *hello)
{
	return puzzle_fits(&rig->s.puzzle, hello->bytes + 4, hello->bytes + hello->len - 8);
}

static void test_puzzle_not_solved(void **state)
{
	struct frame_bytes retry, plain, solved;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	ask(&rig, PH_NK1, &retry);
	handshake_deinit(&rig.cl);
	assert_int_equal(handshake_connect(&rig.cl, &rig.client), 0);
	assert_int_equal(rig_write(&rig, &rig.cl, &plain), 0);
	assert_int_equal(rig_read(&rig, &rig.s, &plain), HS_PUZZLE_NONE);
	assert_wiped(&rig.s);
	/* A wrong one, and no second attempt. */
	ask(&rig, PH_NK1, &retry);
	assert_int_equal(rig_read(&rig, &rig.cl, &retry), 0);
	assert_int_equal(rig_write(&rig, &rig.cl, &solved), 0);
	plain = solved;
	assert_true(is_solved(&rig, &plain));
	while (is_solved(&rig, &plain))
		plain.bytes[plain.len - 1]++;
	assert_int_equal(rig_read(&rig, &rig.s, &plain), HS_PUZZLE_WRONG);
	assert_wiped(&rig.s);
	assert_int_equal(rig_read(&rig, &rig.s, &solved), -EINVAL);
	rig_close(&rig);
}

/* A solution is of one connection and one key. */
static void test_puzzle_elsewhere(void **state)
{
	struct frame_bytes retry, solved, frame;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	ask(&rig, PH_NK1, &retry);
	assert_int_equal(rig_read(&rig, &rig.cl, &retry), 0);
	assert_int_equal(rig_write(&rig, &rig.cl, &solved), 0);
	assert_int_equal(rig_read(&rig, &rig.s, &solved), 0);
	/* On a new connection, where nothing was asked; and where something else was. */
	rig_begin(&rig, PH_NK1);
	assert_int_equal(rig_read(&rig, &rig.s, &solved), HS_PUZZLE_UNASKED);
	do
		ask(&rig, PH_NK1, &retry);
	while (is_solved(&rig, &solved));
	assert_int_equal(rig_read(&rig, &rig.s, &solved), HS_PUZZLE_WRONG);
	/* With another key. */
	ask(&rig, PH_NK1, &retry);
	assert_int_equal(rig_read(&rig, &rig.cl, &retry), 0);
	assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
	while (is_solved(&rig, &frame))
		frame.bytes[4]++;
	assert_int_equal(rig_read(&rig, &rig.s, &frame), HS_PUZZLE_WRONG);
	/* In another suite. */
	ask(&rig, PH_NK1, &retry);
	assert_int_equal(rig_read(&rig, &rig.cl, &retry), 0);
	assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
	frame.bytes[1] = PH_XK1;
	assert_int_equal(rig_read(&rig, &rig.s, &frame), HS_SUITE_OTHER);
	rig_close(&rig);
}

static void test_retry_tampered(void **state)
{
	struct frame_bytes retry, frame;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	for (size_t at = 0; at < 4 + 17; at++) {
		int r;

		ask(&rig, PH_XK1, &retry);
		retry.bytes[at] ^= 0x01;
		r = rig_read(&rig, &rig.cl, &retry);
		if (at == 4) { /* more bits than were asked: harder, and another Retry */
			assert_int_equal(r, 0);
			assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
			assert_int_equal(rig_read(&rig, &rig.s, &frame), 0);
			assert_int_equal(rig_write(&rig, &rig.s, &frame), 0);
			assert_int_equal(rig_read(&rig, &rig.cl, &frame), HS_BAD);
		} else if (at > 4) {
			assert_int_equal(r, 0);
			assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
			while (is_solved(&rig, &frame))
				frame.bytes[frame.len - 1]++;
			assert_int_equal(rig_read(&rig, &rig.s, &frame), HS_PUZZLE_WRONG);
		} else {
			assert_int_equal(r, at == 0   ? HS_TYPE
					    : at == 1 ? HS_SUITE_OTHER
						      : HS_FRAME);
		}
	}
	rig_close(&rig);
}

/* A server cannot make a client work as it likes. */
static void test_retry_limits(void **state)
{
	static const uint8_t bits[] = {0, PH_PUZZLE_BITS_MIN - 1, PH_PUZZLE_BITS_MAX + 1, 255};
	struct frame_bytes retry;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < sizeof(bits); i++) {
		ask(&rig, PH_NX, &retry);
		retry.bytes[4] = bits[i];
		assert_int_equal(rig_read(&rig, &rig.cl, &retry), HS_PUZZLE_BITS);
		assert_wiped(&rig.cl);
	}
	rig.client.puzzle_max = PH_PUZZLE_BITS_MIN;
	ask(&rig, PH_NX, &retry);
	retry.bytes[4] = PH_PUZZLE_BITS_MIN + 1;
	assert_int_equal(rig_read(&rig, &rig.cl, &retry), HS_PUZZLE_BITS);
	/* Nor twice. */
	ask(&rig, PH_NX, &retry);
	assert_int_equal(rig_read(&rig, &rig.cl, &retry), 0);
	rig_pass(&rig, &rig.cl, &rig.s);
	assert_int_equal(rig_read(&rig, &rig.cl, &retry), HS_RETRY_AGAIN);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_pin),	 cmocka_unit_test(test_wrong_name),
		cmocka_unit_test(test_certificates),	 cmocka_unit_test(test_forged_certificates),
		cmocka_unit_test(test_low_order),	 cmocka_unit_test(test_unknown_client),
		cmocka_unit_test(test_stolen_name),	 cmocka_unit_test(test_tampered_ticket),
		cmocka_unit_test(test_old_tickets),	 cmocka_unit_test(test_puzzle_not_solved),
		cmocka_unit_test(test_puzzle_elsewhere), cmocka_unit_test(test_retry_tampered),
		cmocka_unit_test(test_retry_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
