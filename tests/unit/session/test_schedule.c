/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The schedule against the words of its description, computed here seed by seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <user/session/schedule.h>

struct info {
	uint8_t bytes[64];
	size_t len;
};

static void add(struct info *info, const void *bytes, size_t len)
{
	memcpy(info->bytes + info->len, bytes, len);
	info->len += len;
}

/* Expand1(key, label | d | value), key and result plain. */
static void expand(const uint8_t key[32], const char *label, uint8_t d, const void *value,
		   size_t len, uint8_t to[32])
{
	struct info info = {.len = 0};
	struct hmac_key k;

	add(&info, label, strlen(label));
	add(&info, &d, 1);
	add(&info, value, len);
	add(&info, "\1", 1);
	hmac_key_set(&k, key, 32);
	hmac(&k, info.bytes, info.len, to);
}

static void next_seed(uint8_t seed[32], uint8_t d, uint64_t j)
{
	uint8_t number[8], to[32];

	for (int i = 0; i < 8; i++)
		number[i] = (uint8_t)(j >> (56 - 8 * i));
	expand(seed, "PHS1 next", d, number, 8, to);
	memcpy(seed, to, 32);
}

static void has_seed(const struct schedule *s, const uint8_t seed[32])
{
	struct hmac_key k;

	hmac_key_set(&k, seed, 32);
	assert_memory_equal(&s->key.seed, &k, sizeof(k));
}

static void keys_fill(struct session_keys *keys)
{
	memset(keys, 0, sizeof(*keys));
	for (int i = 0; i < 32; i++) {
		keys->h[i] = (uint8_t)i;
		keys->t[0][i] = (uint8_t)(i + 100);
		keys->t[1][i] = (uint8_t)(i + 200);
	}
}

static void blocks(void **state)
{
	struct session_keys keys;

	(void)state;
	keys_fill(&keys);
	for (uint8_t d = 0; d < 2; d++) {
		uint8_t seed[32], iv[32];
		struct schedule s;

		schedule_init(&s, &keys, d);
		expand(keys.t[d], "PHS1 seed", d, keys.h, 32, seed);
		expand(keys.t[d], "PHS1 iv", d, keys.h, 32, iv);
		has_seed(&s, seed);
		assert_memory_equal(s.key.iv, iv, 12);
		for (uint64_t n = 0; n < 2000;) {
			uint32_t step = (uint32_t)(n * 37 % 101) + 1;

			assert_int_equal(s.n, n);
			assert_int_equal(schedule_run(&s), 256 - n % 256);
			step = step < schedule_run(&s) ? step : schedule_run(&s);
			schedule_advance(&s, step, step * 16);
			n += step;
			if (n % 256 == 0)
				next_seed(seed, d, n / 256);
			has_seed(&s, seed);
			assert_int_equal(s.bytes, n * 16);
		}
		schedule_wipe(&s);
		memset(seed, 0, 32);
		assert_memory_equal(&s.key.seed.inner, seed, 32);
	}
}

static void strict(void **state)
{
	struct session_keys keys;
	struct schedule s;
	uint8_t seed[32];

	(void)state;
	keys_fill(&keys);
	keys.strict = true;
	schedule_init(&s, &keys, 1);
	expand(keys.t[1], "PHS1 seed", 1, keys.h, 32, seed);
	for (uint64_t n = 1; n < 600; n++) {
		assert_int_equal(schedule_run(&s), 1);
		schedule_advance(&s, 1, 16);
		next_seed(seed, 1, n);
		has_seed(&s, seed);
	}
}

static void rekey(void **state)
{
	static const uint64_t places[] = {0, 1, 255, 256, 257, 511, 1000};
	uint8_t dh[32], hash[32];

	(void)state;
	memset(dh, 0xd1, 32);
	memset(hash, 0x4a, 32);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct session_keys keys;
		struct hmac_key k;
		struct schedule s;
		uint8_t seed[32], mixed[32];
		uint64_t n;

		keys_fill(&keys);
		schedule_init(&s, &keys, 0);
		expand(keys.t[0], "PHS1 seed", 0, keys.h, 32, seed);
		for (n = 0; n < places[i]; n++)
			schedule_advance(&s, 1, 16);
		for (uint64_t j = 1; j <= places[i] / 256; j++)
			next_seed(seed, 0, j);
		has_seed(&s, seed);
		schedule_rekey(&s, dh, hash);
		hmac_key_set(&k, seed, 32);
		hmac(&k, dh, 32, mixed);
		expand(mixed, "PHS1 rekey", 0, hash, 32, seed);
		has_seed(&s, seed);
		assert_true(s.epoch);
		assert_int_equal(s.n, places[i]);
		assert_int_equal(schedule_age(&s), 0);
		assert_int_equal(s.bytes, 0);
		/* j counts on. */
		while (++n <= 1280) {
			schedule_advance(&s, 1, 16);
			if (n % 256 == 0)
				next_seed(seed, 0, n / 256);
		}
		has_seed(&s, seed);
		assert_int_equal(schedule_age(&s), 1280 - places[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks),
		cmocka_unit_test(strict),
		cmocka_unit_test(rekey),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
