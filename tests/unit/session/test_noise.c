/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The machine by itself; that its bytes are Noise's is shown by run-vectors --noise. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <user/session/noise.h>

#define MESSAGE_MAX 512

/* Each pattern, some with a psk at each place. */
static const char *const PATTERNS[] = {
	"NN",	  "NK",	    "NX",	   "XK",	  "IK",	    "XX",      "NK1",
	"XK1",	  "NNpsk0", "NNpsk1",	   "NNpsk2",	  "NKpsk0", "NKpsk2",  "XXpsk0",
	"XXpsk1", "XXpsk3", "NNpsk0+psk2", "XKpsk1+psk3", "IKpsk1", "NK1psk2", "XK1psk3",
};

static struct crypto *c;
static uint8_t secrets[2][32], publics[2][32];
static const uint8_t PSK[32] = {42};

static int open_crypto(void **state)
{
	(void)state;
	return crypto_new(&c) || dh_generate(c, secrets[0], publics[0]) ||
	       dh_generate(c, secrets[1], publics[1]);
}

static int close_crypto(void **state)
{
	(void)state;
	crypto_free(c);
	return 0;
}

static void begin_with(struct noise *noise, const char *pattern, bool initiator,
		       const char *prologue)
{
	const struct noise_bytes piece = {prologue, strlen(prologue)};
	unsigned own = initiator ? 0 : 1;

	assert_int_equal(noise_init(noise,
				    &(struct noise_setup){
					    .pattern = pattern,
					    .initiator = initiator,
					    .own_public = publics[own],
					    .remote_public = publics[!own],
					    .psk = PSK,
				    }),
			 0);
	noise_begin(noise, &piece, 1);
	noise_lend(noise, secrets[own]);
}

static void begin(struct noise noise[2], const char *pattern)
{
	begin_with(&noise[0], pattern, true, "prologue");
	begin_with(&noise[1], pattern, false, "prologue");
}

static void test_both_sides_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(PATTERNS); i++) {
		uint8_t message[MESSAGE_MAX], got[MESSAGE_MAX], t[2][3][32];
		struct noise noise[2];
		size_t len, got_len;

		begin(noise, PATTERNS[i]);
		for (unsigned m = 0; !noise_done(&noise[0]); m++) {
			char payload[8] = "payload";

			payload[0] = (char)('0' + m);
			assert_int_equal(noise_write(&noise[m % 2], c, payload, sizeof(payload),
						     message, sizeof(message), &len),
					 0);
			assert_int_equal(noise_read(&noise[!(m % 2)], c, message, len, got,
						    sizeof(got), &got_len),
					 0);
			assert_int_equal(got_len, sizeof(payload));
			assert_memory_equal(got, payload, sizeof(payload));
		}
		assert_true(noise_done(&noise[1]));
		assert_memory_equal(noise_hash(&noise[0]), noise_hash(&noise[1]), 32);
		noise_split(&noise[0], t[0]);
		noise_split(&noise[1], t[1]);
		assert_memory_equal(t[0], t[1], sizeof(t[0]));
		if (strchr("XI", PATTERNS[i][0]))
			assert_memory_equal(noise_remote(&noise[1]), publics[0], 32);
		else
			assert_null(noise_remote(&noise[1]));
		if (PATTERNS[i][1] != 'N')
			assert_memory_equal(noise_remote(&noise[0]), publics[1], 32);
	}
}

/* The messages of a pattern up to `m`, which is left unread. */
static size_t message_of(struct noise noise[2], const char *pattern, unsigned m, uint8_t *message)
{
	uint8_t got[MESSAGE_MAX];
	size_t len = 0, got_len;

	begin(noise, pattern);
	for (unsigned i = 0; i <= m; i++) {
		if (noise_done(&noise[0]))
			return 0;
		assert_int_equal(
			noise_write(&noise[i % 2], c, "payload", 7, message, MESSAGE_MAX, &len), 0);
		if (i < m)
			assert_int_equal(noise_read(&noise[!(i % 2)], c, message, len, got,
						    sizeof(got), &got_len),
					 0);
	}
	return len;
}

static void assert_zero(const struct noise *noise)
{
	static const struct noise zero;

	assert_memory_equal(noise, &zero, sizeof(zero));
}

/* A message cut anywhere: without a tag only its fixed part can be missed, the rest is payload. */
static void test_cut_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(PATTERNS); i++)
		for (unsigned m = 0; m < 3; m++) {
			uint8_t message[MESSAGE_MAX], got[MESSAGE_MAX];
			struct noise noise[2];
			size_t len = message_of(noise, PATTERNS[i], m, message), got_len;

			for (size_t to = 0; to < len; to++) {
				struct noise reader = noise[!(m % 2)];
				uint8_t *exact = test_malloc(to ? to : 1);
				int r;

				memcpy(exact, message, to);
				r = noise_read(&reader, c, exact, to, got, sizeof(got), &got_len);
				test_free(exact);
				if (!r) { /* message 1 without a key */
					assert_int_equal(m, 0);
					assert_true(to >= 32 && got_len == to - 32);
					continue;
				}
				assert_true(r == NOISE_SHORT || r == NOISE_BAD);
				assert_zero(&reader);
			}
		}
}

static void test_flipped_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(PATTERNS); i++)
		for (unsigned m = 1; m < 3; m++) {
			uint8_t message[MESSAGE_MAX], got[MESSAGE_MAX];
			struct noise noise[2];
			size_t len = message_of(noise, PATTERNS[i], m, message), got_len;

			for (size_t at = 0; at < len; at++) {
				struct noise reader = noise[!(m % 2)];

				message[at] ^= 0x80;
				assert_int_equal(noise_read(&reader, c, message, len, got,
							    sizeof(got), &got_len),
						 NOISE_BAD);
				assert_zero(&reader);
				message[at] ^= 0x80;
			}
		}
}

static void test_other_prologue(void **state)
{
	uint8_t message[MESSAGE_MAX], got[MESSAGE_MAX];
	struct noise noise[2];
	size_t len, got_len;

	(void)state;
	begin_with(&noise[0], "NK1", true, "prologue");
	begin_with(&noise[1], "NK1", false, "prologuE");
	assert_int_equal(noise_write(&noise[0], c, NULL, 0, message, MESSAGE_MAX, &len), 0);
	assert_int_equal(noise_read(&noise[1], c, message, len, got, MESSAGE_MAX, &got_len), 0);
	assert_int_equal(noise_write(&noise[1], c, NULL, 0, message, MESSAGE_MAX, &len), 0);
	assert_int_equal(noise_read(&noise[0], c, message, len, got, MESSAGE_MAX, &got_len),
			 NOISE_BAD);
}

/* The writer of message m, which has read all before it. */
static struct noise writer_of(struct noise noise[2], const char *pattern, unsigned m)
{
	uint8_t message[MESSAGE_MAX], got[MESSAGE_MAX];
	size_t len, got_len;

	if (!m) {
		begin(noise, pattern);
		return noise[0];
	}
	len = message_of(noise, pattern, m - 1, message);
	assert_int_equal(noise_read(&noise[m % 2], c, message, len, got, sizeof(got), &got_len), 0);
	return noise[m % 2];
}

/* No byte is written behind the room that there is, nor one read into it. */
static void test_little_room(void **state)
{
	uint8_t message[MESSAGE_MAX], got[MESSAGE_MAX];
	struct noise noise[2];

	(void)state;
	for (unsigned m = 0; m < 3; m++) {
		size_t len = message_of(noise, "XX", m, message), got_len;

		assert_int_equal(noise_read(&noise[!(m % 2)], c, message, len, got, 6, &got_len),
				 NOISE_LONG);
		for (size_t room = 0; room < len; room++) {
			struct noise writer = writer_of(noise, "XX", m);
			uint8_t *exact = test_malloc(room ? room : 1);
			size_t untouched = 99;

			assert_int_equal(
				noise_write(&writer, c, "payload", 7, exact, room, &untouched),
				-ENOBUFS);
			assert_int_equal(untouched, 99);
			assert_zero(&writer);
			test_free(exact);
		}
	}
}

static void test_turns(void **state)
{
	uint8_t message[MESSAGE_MAX], got[MESSAGE_MAX];
	struct noise noise[2];
	size_t len = 0, got_len;

	(void)state;
	begin(noise, "NN");
	assert_int_equal(noise_read(&noise[0], c, message, len, got, MESSAGE_MAX, &got_len),
			 -EINVAL);
	assert_zero(&noise[0]);
	assert_int_equal(noise_write(&noise[1], c, NULL, 0, message, MESSAGE_MAX, &len), -EINVAL);
	begin(noise, "NN");
	assert_int_equal(noise_write(&noise[0], c, NULL, 0, message, MESSAGE_MAX, &len), 0);
	assert_int_equal(noise_write(&noise[0], c, NULL, 0, message, MESSAGE_MAX, &len), -EINVAL);
	/* A secret that was not lent. */
	begin(noise, "NK1");
	noise_lend(&noise[1], NULL);
	assert_int_equal(noise_write(&noise[0], c, NULL, 0, message, MESSAGE_MAX, &len), 0);
	assert_int_equal(noise_read(&noise[1], c, message, len, got, MESSAGE_MAX, &got_len), 0);
	assert_int_equal(noise_write(&noise[1], c, NULL, 0, message, MESSAGE_MAX, &len), -EINVAL);
	assert_zero(&noise[1]);
}

static void test_setups(void **state)
{
	static const char *const unknown[] = {
		"",	   "N",	      "KK",	  "NN1",	"NNpsk", "NNpsk3", "NNpsk9",
		"NNpsk0+", "NN+psk0", "NNhfshfs", "NNpsk0+hfs", "NK1 ",	 "nn"};
	struct noise noise;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		assert_int_equal(
			noise_init(&noise, &(struct noise_setup){.pattern = unknown[i],
								 .remote_public = publics[0],
								 .psk = PSK}),
			-ENOENT);
	assert_int_equal(noise_init(&noise, &(struct noise_setup){.pattern = "NNpsk0"}), -EINVAL);
	assert_int_equal(noise_init(&noise, &(struct noise_setup){.pattern = "NK"}), -EINVAL);
	assert_int_equal(noise_init(&noise, &(struct noise_setup){.pattern = "NK",
								  .initiator = true,
								  .own_public = publics[0]}),
			 -EINVAL);
}

static void test_ephemeral_keys_are_fresh(void **state)
{
	uint8_t seen[16][32];
	struct noise noise;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		uint8_t again[32];

		begin_with(&noise, "NN", true, "");
		assert_int_equal(noise_ephemeral(&noise, c, seen[i]), 0);
		assert_int_equal(noise_ephemeral(&noise, c, again), 0);
		assert_memory_equal(seen[i], again, 32); /* within a handshake there is one */
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(seen[i], seen[k], 32);
		noise_deinit(&noise);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_sides_agree),
		cmocka_unit_test(test_cut_messages),
		cmocka_unit_test(test_flipped_messages),
		cmocka_unit_test(test_other_prologue),
		cmocka_unit_test(test_little_room),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_setups),
		cmocka_unit_test(test_ephemeral_keys_are_fresh),
	};

	return cmocka_run_group_tests(tests, open_crypto, close_crypto);
}
