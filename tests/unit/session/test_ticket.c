/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <user/crypto/hash.h>
#include <user/session/ticket.h>

#define NOW 1000000
#define LIFETIME 600
#define CHAIN 6000

struct rig {
	struct crypto *c;
	struct ticket_keys keys;
	struct ticket ticket;
	uint8_t bytes[TICKET_LEN];
};

static void rig_open(struct rig *rig)
{
	*rig = (struct rig){0};
	assert_int_equal(crypto_new(&rig->c), 0);
	assert_int_equal(ticket_keys_init(&rig->keys, LIFETIME, CHAIN, NOW), 0);
	rig->ticket = (struct ticket){
		.expires_s = NOW + LIFETIME,
		.origin_s = NOW - 5,
		.origin = PH_XK1,
		.identified = true,
	};
	memset(rig->ticket.psk, 7, PH_KEY_LEN);
	memset(rig->ticket.client_key, 9, PH_KEY_LEN);
	assert_int_equal(ticket_seal(&rig->keys, rig->c, &rig->ticket, rig->bytes), 0);
}

static void rig_close(struct rig *rig)
{
	ticket_keys_deinit(&rig->keys);
	crypto_free(rig->c);
}

static int open_at(struct rig *rig, uint64_t now_s, struct ticket *ret_ticket)
{
	return ticket_open(&rig->keys, rig->c, rig->bytes, TICKET_LEN, now_s, ret_ticket);
}

static void test_round_trip(void **state)
{
	struct ticket got;
	uint8_t again[TICKET_LEN];
	struct rig rig;

	(void)state;
	rig_open(&rig);
	assert_int_equal(open_at(&rig, NOW, &got), 0);
	assert_memory_equal(got.psk, rig.ticket.psk, PH_KEY_LEN);
	assert_memory_equal(got.client_key, rig.ticket.client_key, PH_KEY_LEN);
	assert_int_equal(got.expires_s, rig.ticket.expires_s);
	assert_int_equal(got.origin_s, rig.ticket.origin_s);
	assert_int_equal(got.origin, PH_XK1);
	assert_true(got.identified);
	/* Twice the same ticket is not twice the same bytes, and they say nothing. */
	assert_int_equal(ticket_seal(&rig.keys, rig.c, &rig.ticket, again), 0);
	assert_memory_not_equal(again + 8, rig.bytes + 8, TICKET_NONCE_LEN);
	assert_null(memmem(again, sizeof(again), rig.ticket.psk, 4));
	assert_null(memmem(again, sizeof(again), rig.ticket.client_key, 4));
	rig_close(&rig);
}

static void test_refused(void **state)
{
	struct ticket got, untouched;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	memset(&got, 0x55, sizeof(got));
	untouched = got;
	for (size_t len = 0; len <= TICKET_LEN + 1; len++) {
		uint8_t longer[TICKET_LEN + 1] = {0};

		memcpy(longer, rig.bytes, TICKET_LEN);
		if (len != TICKET_LEN)
			assert_int_equal(ticket_open(&rig.keys, rig.c, longer, len, NOW, &got),
					 TICKET_LAYOUT);
	}
	for (size_t bit = 0; bit < 8 * TICKET_LEN; bit++) {
		rig.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(open_at(&rig, NOW, &got),
				 bit / 8 < TICKET_KEY_ID_LEN ? TICKET_KEY : TICKET_BAD);
		rig.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(open_at(&rig, NOW + LIFETIME, &got), TICKET_EXPIRED);
	rig.ticket.expires_s = NOW + 100 * CHAIN;
	assert_int_equal(ticket_seal(&rig.keys, rig.c, &rig.ticket, rig.bytes), 0);
	assert_int_equal(open_at(&rig, NOW - 5 + CHAIN + 1, &got), TICKET_CHAIN);
	assert_memory_equal(&got, &untouched, sizeof(got));
	assert_int_equal(open_at(&rig, NOW - 5 + CHAIN, &got), 0);
	rig_close(&rig);
}

static void test_turning(void **state)
{
	struct ticket_key first;
	struct ticket got;
	struct rig rig;
	bool turned = true;

	(void)state;
	rig_open(&rig);
	first = rig.keys.keys[0];
	assert_int_equal(ticket_keys_turn(&rig.keys, NOW + LIFETIME - 1, &turned), 0);
	assert_false(turned);
	assert_memory_equal(&first, &rig.keys.keys[0], sizeof(first));
	assert_int_equal(ticket_keys_turn(&rig.keys, NOW + LIFETIME, &turned), 0);
	assert_true(turned);
	assert_memory_not_equal(first.key, rig.keys.keys[0].key, PH_KEY_LEN);
	assert_memory_equal(&first, &rig.keys.keys[1], sizeof(first));
	assert_int_equal(open_at(&rig, NOW, &got), 0);
	assert_int_equal(ticket_keys_turn(&rig.keys, NOW + 2 * LIFETIME, &turned), 0);
	assert_int_equal(open_at(&rig, NOW, &got), TICKET_KEY);
	assert_null(memmem(&rig.keys, sizeof(rig.keys), first.key, PH_KEY_LEN));
	/* After a long sleep, or with a clock set back, neither key stays. */
	first = rig.keys.keys[0];
	assert_int_equal(ticket_keys_turn(&rig.keys, NOW + 9 * LIFETIME, &turned), 0);
	assert_null(memmem(&rig.keys, sizeof(rig.keys), first.key, PH_KEY_LEN));
	first = rig.keys.keys[0];
	assert_int_equal(ticket_keys_turn(&rig.keys, NOW, &turned), 0);
	assert_true(turned);
	assert_null(memmem(&rig.keys, sizeof(rig.keys), first.key, PH_KEY_LEN));
	assert_false(rig.keys.keys[1].set);
	assert_int_equal(ticket_keys_init(&rig.keys, 0, CHAIN, NOW), -EINVAL);
	rig_close(&rig);
}

/* Expand1(t3, "PHS1 res" | h), spelled out with HMAC: another way to the same bytes. */
static void test_psk(void **state)
{
	struct session_keys session = {0};
	uint8_t psk[PH_KEY_LEN], want[32], text[8 + 32 + 1] = "PHS1 res";
	struct hmac_key key;

	(void)state;
	memset(session.h, 0x11, sizeof(session.h));
	memset(session.t[2], 0x22, PH_KEY_LEN);
	memset(text + 8, 0x11, 32);
	text[40] = 1;
	hmac_key_set(&key, session.t[2], PH_KEY_LEN);
	hmac(&key, text, sizeof(text), want);
	ticket_psk(&session, psk);
	assert_memory_equal(psk, want, sizeof(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_turning),
		cmocka_unit_test(test_psk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
