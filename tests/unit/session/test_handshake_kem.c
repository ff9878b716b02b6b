/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Hybrid handshakes with the KEM that OpenSSL has, or has not: which of the two lists of tests is
 * run, OpenSSL decides. Frames, byte by byte, are shown in test_handshake_hybrid.
 */
#include <tests/unit/session/rig.h>
#include <user/wire/frame.h>

#define KEM_KEY_AT (4 + 48 + 3)
#define KEM_TEXT_AT (4 + 32)

static const uint8_t HYBRID[] = {PH_NK1 | PH_SUITE_HYBRID, PH_XK1 | PH_SUITE_HYBRID,
				 PH_NX | PH_SUITE_HYBRID, PH_XX | PH_SUITE_HYBRID};

static void open_hybrid(struct rig *rig)
{
	rig_open(rig);
	for (size_t i = 0; i < sizeof(HYBRID); i++)
		rig->server.suites |= HS_SUITE_BIT(HYBRID[i]);
}

static void test_each_suite(void **state)
{
	struct rig rig;

	(void)state;
	open_hybrid(&rig);
	for (size_t i = 0; i < sizeof(HYBRID); i++) {
		struct session_keys client, server;

		rig_begin(&rig, HYBRID[i]);
		rig_finish(&rig, &client, &server);
		assert_int_equal(client.suite, HYBRID[i]);
		assert_int_equal(server.suite, HYBRID[i]);
		assert_int_equal(server.identified, i % 2);
		assert_memory_equal(client.h, server.h, sizeof(client.h));
		assert_memory_equal(client.t, server.t, sizeof(client.t));
	}
	rig_close(&rig);
}

static void test_ticket(void **state)
{
	struct session_keys client, server;
	struct rig rig;

	(void)state;
	open_hybrid(&rig);
	rig_ticket(&rig, HYBRID[1]);
	rig_begin(&rig, PH_RESUME);
	rig_finish(&rig, &client, &server);
	assert_int_equal(server.origin, HYBRID[1]);
	assert_memory_equal(client.t, server.t, sizeof(client.t));
	rig_close(&rig);
}

/* A text that was changed gives another secret (FIPS 203, 6.3): the seal after it does not open. */
static void test_changed_text(void **state)
{
	struct frame_bytes answer;
	struct rig rig;

	(void)state;
	open_hybrid(&rig);
	for (size_t i = 0; i < sizeof(HYBRID); i++)
		for (size_t at = 0; at < PH_KEM_TEXT_LEN; at += 64) {
			rig_begin(&rig, HYBRID[i]);
			rig_pass(&rig, &rig.cl, &rig.s);
			assert_int_equal(rig_write(&rig, &rig.s, &answer), 0);
			answer.bytes[KEM_TEXT_AT + at] ^= 1;
			assert_int_equal(rig_read(&rig, &rig.cl, &answer), HS_BAD);
			assert_wiped(&rig.cl);
		}
	rig_close(&rig);
}

/* Coefficients above q (FIPS 203, 7.2). */
static void test_no_key(void **state)
{
	struct frame_bytes hello, answer;
	struct rig rig;

	(void)state;
	open_hybrid(&rig);
	for (size_t i = 0; i < sizeof(HYBRID); i++) {
		rig_begin(&rig, HYBRID[i]);
		assert_int_equal(rig_write(&rig, &rig.cl, &hello), 0);
		assert_int_equal(hello.len, KEM_KEY_AT + PH_KEM_KEY_LEN);
		memset(hello.bytes + KEM_KEY_AT, 0xff, 3);
		assert_int_equal(rig_read(&rig, &rig.s, &hello), 0);
		assert_int_equal(rig_write(&rig, &rig.s, &answer), HS_KEM);
		assert_wiped(&rig.s);
	}
	rig_close(&rig);
}

/* Where there is none both sides say so, whatever the other has. */
static void test_refused(void **state)
{
	struct frame_bytes hello;
	struct rig rig;

	(void)state;
	open_hybrid(&rig);
	for (size_t i = 0; i < sizeof(HYBRID); i++) {
		rig_begin(&rig, HYBRID[i]);
		assert_int_equal(rig_write(&rig, &rig.cl, &hello), HS_NO_KEM);
		assert_wiped(&rig.cl);
		hello = (struct frame_bytes){.len = KEM_KEY_AT + PH_KEM_KEY_LEN};
		frame_emit(PH_CLIENT_HELLO, HYBRID[i], (uint16_t)(hello.len - 4), hello.bytes);
		assert_int_equal(rig_read(&rig, &rig.s, &hello), HS_NO_KEM);
		assert_wiped(&rig.s);
	}
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest there[] = {
		cmocka_unit_test(test_each_suite),
		cmocka_unit_test(test_ticket),
		cmocka_unit_test(test_changed_text),
		cmocka_unit_test(test_no_key),
	};
	const struct CMUnitTest missing[] = {
		cmocka_unit_test(test_refused),
	};
	struct crypto *c;
	bool has;

	if (crypto_new(&c))
		return 1;
	has = kem_available(c);
	crypto_free(c);
	return has ? cmocka_run_group_tests(there, NULL, NULL)
		   : cmocka_run_group_tests(missing, NULL, NULL);
}
