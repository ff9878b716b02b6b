/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Hybrid handshakes where OpenSSL has no ML-KEM: the five functions of the KEM are defined here, as
 * a KEM of X25519 in ML-KEM's sizes, and so take the place of those of libuser. What is shown is
 * Noise hfs and the frames, not ML-KEM.
 */
#include <errno.h>
#include <stdlib.h>

#include <tests/unit/session/rig.h>

struct kem_key {
	uint8_t secret[32], public[32];
};

static bool available = true;
static int keys_alive;

bool kem_available(const struct crypto *c)
{
	return c && available;
}

int kem_generate(struct crypto *c, struct kem_key **ret_key, uint8_t ret_public[1184])
{
	struct kem_key *key = calloc(1, sizeof(*key));
	int r = key ? dh_generate(c, key->secret, key->public) : -ENOMEM;

	if (r) {
		free(key);
		return r;
	}
	memset(ret_public, 0xee, 1184);
	memcpy(ret_public, key->public, 32);
	keys_alive++;
	*ret_key = key;
	return 0;
}

void kem_key_free(struct kem_key *key)
{
	keys_alive -= key != NULL;
	free(key);
}

/* A key whose last byte is not that of kem_generate() is none. */
int kem_encapsulate(struct crypto *c, const uint8_t public[1184], uint8_t ret_text[1088],
		    uint8_t ret_shared[32])
{
	uint8_t secret[32];
	int r;

	if (public[1183] != 0xee)
		return CRYPTO_BAD;
	memset(ret_text, 0xdd, 1088);
	r = dh_generate(c, secret, ret_text);
	return r ? r : dh_shared(c, secret, public, ret_shared);
}

int kem_decapsulate(struct crypto *c, struct kem_key *key, const uint8_t text[1088],
		    uint8_t ret_shared[32])
{
	return dh_shared(c, key->secret, text, ret_shared);
}

static const uint8_t HYBRID[] = {PH_NK1 | PH_SUITE_HYBRID, PH_XK1 | PH_SUITE_HYBRID,
				 PH_NX | PH_SUITE_HYBRID, PH_XX | PH_SUITE_HYBRID};

static void open_hybrid(struct rig *rig)
{
	rig_open(rig);
	for (size_t i = 0; i < sizeof(HYBRID); i++)
		rig->server.suites |= HS_SUITE_BIT(HYBRID[i]);
	available = true;
	keys_alive = 0;
}

static void test_all_suites(void **state)
{
	struct session_keys client, server;
	struct rig rig;

	(void)state;
	open_hybrid(&rig);
	for (size_t i = 0; i < sizeof(HYBRID); i++) {
		struct frame_bytes hello, answer;

		rig_begin(&rig, HYBRID[i]);
		assert_int_equal(rig_write(&rig, &rig.cl, &hello), 0);
		assert_int_equal(hello.len, 4 + 48 + 3 + PH_KEM_KEY_LEN);
		assert_int_equal(rig_read(&rig, &rig.s, &hello), 0);
		assert_int_equal(rig_write(&rig, &rig.s, &answer), 0);
		if (i < 2) /* key | text and tag | nonce and tag */
			assert_int_equal(answer.len, 4 + 32 + PH_KEM_TEXT_LEN + 16 + 32);
		assert_int_equal(rig_read(&rig, &rig.cl, &answer), 0);
		assert_int_equal(keys_alive, 0);
		rig_finish(&rig, &client, &server);
		assert_int_equal(server.suite, HYBRID[i]);
		assert_memory_equal(client.h, server.h, sizeof(client.h));
		assert_memory_equal(client.t, server.t, sizeof(client.t));
	}
	rig_close(&rig);
}

/* With a Retry the KEM key is fresh, too; and a ticket carries on what it gave. */
static void test_retry_and_ticket(void **state)
{
	struct frame_bytes hellos[2];
	struct session_keys client, server;
	struct rig rig;

	(void)state;
	open_hybrid(&rig);
	rig_begin(&rig, HYBRID[0]);
	assert_int_equal(rig_write(&rig, &rig.cl, &hellos[0]), 0);
	assert_int_equal(rig_read(&rig, &rig.s, &hellos[0]), 0);
	assert_int_equal(handshake_ask(&rig.s, PH_PUZZLE_BITS_MIN), 0);
	rig_pass(&rig, &rig.s, &rig.cl);
	assert_int_equal(keys_alive, 0);
	assert_int_equal(rig_write(&rig, &rig.cl, &hellos[1]), 0);
	assert_memory_not_equal(hellos[0].bytes + 4 + 48 + 3, hellos[1].bytes + 4 + 48 + 3 + 11,
				32);
	assert_int_equal(rig_read(&rig, &rig.s, &hellos[1]), 0);
	rig_finish(&rig, &client, &server);
	assert_memory_equal(client.t, server.t, sizeof(client.t));
	rig_ticket(&rig, HYBRID[1]);
	rig_begin(&rig, PH_RESUME);
	rig_finish(&rig, &client, &server);
	assert_int_equal(server.origin, HYBRID[1]);
	rig_close(&rig);
	assert_int_equal(keys_alive, 0);
}

static void test_each_byte_flipped(void **state)
{
	struct frame_bytes hello, answer;
	struct rig rig;

	(void)state;
	open_hybrid(&rig);
	for (size_t at = 4; at < 4 + 48 + 3 + PH_KEM_KEY_LEN; at++) {
		int r;

		rig_begin(&rig, HYBRID[0]);
		assert_int_equal(rig_write(&rig, &rig.cl, &hello), 0);
		hello.bytes[at] ^= 0x40;
		r = rig_read(&rig, &rig.s, &hello);
		if (r) {
			assert_true(r == HS_MALFORMED || r == HS_EXTENSION);
			continue;
		}
		r = rig_write(&rig, &rig.s, &answer);
		if (r) {
			assert_int_equal(r, HS_KEM);
			assert_wiped(&rig.s);
			continue;
		}
		assert_int_equal(rig_read(&rig, &rig.cl, &answer), HS_BAD);
		assert_wiped(&rig.cl);
	}
	for (size_t at = 4; at < 4 + 32 + PH_KEM_TEXT_LEN + 16 + 32; at++) {
		rig_begin(&rig, HYBRID[0]);
		rig_pass(&rig, &rig.cl, &rig.s);
		assert_int_equal(rig_write(&rig, &rig.s, &answer), 0);
		answer.bytes[at] ^= 0x40;
		assert_int_equal(rig_read(&rig, &rig.cl, &answer), HS_BAD);
	}
	rig_close(&rig);
	assert_int_equal(keys_alive, 0);
}

/* Not negotiated away: without the bit, or without the key, there is no session. */
static void test_downgrade(void **state)
{
	struct frame_bytes frame;
	struct rig rig;

	(void)state;
	open_hybrid(&rig);
	rig_begin(&rig, HYBRID[0]);
	assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
	frame.bytes[1] = PH_NK1;
	assert_int_equal(rig_read(&rig, &rig.s, &frame), HS_EXTENSION);
	rig_begin(&rig, HYBRID[0]);
	assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
	frame.len = 4 + 48;
	frame.bytes[2] = 0;
	frame.bytes[3] = 48;
	assert_int_equal(rig_read(&rig, &rig.s, &frame), HS_EXTENSION);
	rig_begin(&rig, HYBRID[0]);
	assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
	frame.len = 4 + 48;
	frame.bytes[1] = PH_NK1;
	frame.bytes[2] = 0;
	frame.bytes[3] = 48;
	assert_int_equal(rig_read(&rig, &rig.s, &frame), 0);
	assert_int_equal(rig_write(&rig, &rig.s, &frame), 0);
	frame.bytes[1] = HYBRID[0];
	assert_int_equal(rig_read(&rig, &rig.cl, &frame), HS_MALFORMED);
	rig_close(&rig);
}

static void test_not_there(void **state)
{
	struct frame_bytes frame;
	struct rig rig;

	(void)state;
	open_hybrid(&rig);
	rig_begin(&rig, HYBRID[1]);
	assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
	available = false;
	assert_int_equal(rig_read(&rig, &rig.s, &frame), HS_NO_KEM);
	rig_begin(&rig, HYBRID[1]);
	assert_int_equal(rig_write(&rig, &rig.cl, &frame), HS_NO_KEM);
	assert_wiped(&rig.cl);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_suites),	  cmocka_unit_test(test_retry_and_ticket),
		cmocka_unit_test(test_each_byte_flipped), cmocka_unit_test(test_downgrade),
		cmocka_unit_test(test_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
