/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <tests/server/secrets.h>

#include <stdlib.h>
#include <time.h>

#include <user/crypto/keyfile.h>
#include <user/session/schedule.h>

#define ECHOES 300U /* more than a block */

struct secrets *secrets_new(void)
{
	struct secrets *secrets = calloc(1, sizeof(*secrets));

	assert_non_null(secrets);
	return secrets;
}

void secrets_free(struct secrets *secrets)
{
	free(secrets);
}

void secrets_static(struct secrets *secrets, struct crypto *c, const char *key_path)
{
	own_keyfile struct keyfile file = {0};
	struct keyfile_fault fault = {0};

	assert_int_equal(keyfile_read(key_path, &file, &fault), 0);
	assert_int_equal(keyfile_unlock(c, &file, NULL, 0), 0);
	scan_want_key(&secrets->fixed, file.secret.bytes);
}

static void want_dh(struct scan *scan, struct crypto *c, const uint8_t ours[32],
		    const uint8_t theirs[32])
{
	uint8_t shared[32];

	assert_int_equal(dh_shared(c, ours, theirs, shared), 0);
	scan_want_key(scan, shared);
}

void secrets_handshake(struct scan *scan, const struct raw *raw, const uint8_t server_key[32])
{
	bool resumed = raw->client.suite == PH_RESUME;

	want_dh(scan, raw->crypto, raw->e, raw->server_e);
	if (resumed)
		scan_want_key(scan, raw->resume.psk);
	else
		want_dh(scan, raw->crypto, raw->e, server_key);
	if (raw->client.suite == PH_XK1 || raw->client.suite == PH_XX)
		want_dh(scan, raw->crypto, raw->secret, raw->server_e);
	scan_want_key(scan, raw->ck);
	for (unsigned i = 0; i < 3; i++)
		scan_want_key(scan, raw->keys.t[i]);
}

/* As it is kept: the midstates of its HMAC. */
static void want_seed(struct scan *scan, const struct hmac_key *seed)
{
	scan_want_key(scan, seed->inner);
	scan_want_key(scan, seed->outer);
}

static void want_operation(struct scan *scan, const struct hmac_key *seed, uint64_t n)
{
	static const char *const labels[] = {"PHS1 enc", "PHS1 mac"};
	uint8_t info[17], key[32];

	for (unsigned i = 0; i < 2; i++) {
		memcpy(info, labels[i], 8);
		info[8] = PH_DATA;
		for (unsigned b = 0; b < 8; b++)
			info[9 + b] = (uint8_t)(n >> (56 - 8 * b));
		kdf_expand1(seed, info, sizeof(info), key);
		scan_want_key(scan, key);
	}
}

void secrets_operations(struct scan *scan, const struct session_keys *keys, uint64_t last)
{
	for (uint8_t d = 0; d < 2; d++) {
		struct schedule s;

		schedule_init(&s, keys, d);
		want_operation(scan, &s.key.seed, 1);
		while (s.n / PH_BLOCK < last / PH_BLOCK) {
			want_seed(scan, &s.key.seed);
			want_operation(scan, &s.key.seed, s.n + PH_BLOCK - 1);
			schedule_advance(&s, PH_BLOCK, 0);
		}
		want_operation(scan, &s.key.seed, last); /* with the seed in use */
		schedule_wipe(&s);
	}
}

void secrets_seeds(struct scan *scan, const struct session_keys *keys, uint64_t last)
{
	for (uint8_t d = 0; d < 2; d++) {
		struct schedule s;

		schedule_init(&s, keys, d);
		while (s.n / PH_BLOCK < last / PH_BLOCK)
			schedule_advance(&s, PH_BLOCK, 0);
		want_seed(scan, &s.key.seed);
		schedule_wipe(&s);
	}
}

/* ---- sessions ---- */

void secrets_echo(struct raw *raw, unsigned count)
{
	unsigned before = raw->messages;

	for (unsigned i = 0; i < count; i++) {
		raw_seal_echo(raw, before + i, "0123456789abcdef", 16);
		raw_flush(raw);
		assert_true(raw_wait(raw, before + i + 1));
	}
}

static void end(struct secrets *secrets, struct raw *raw, const struct house *house)
{
	secrets_handshake(&secrets->over, raw, house->key);
	if (raw->messages) {
		secrets_operations(&secrets->over, &raw->keys, ECHOES);
		secrets_seeds(&secrets->over, &raw->keys, ECHOES);
	}
	raw_close(raw);
}

void secrets_sessions(struct secrets *secrets, const struct house *house)
{
	static const uint8_t suites[] = {PH_NK1, PH_XK1, PH_NX, PH_XX};
	struct raw *raw = calloc(1, sizeof(*raw));
	struct hs_resume resume;
	uint8_t ticket[TICKET_LEN];

	assert_non_null(raw);
	for (size_t i = 0; i < sizeof(suites); i++) {
		raw_open(raw, house, suites[i]);
		assert_true(raw_shake(raw));
		secrets_echo(raw, ECHOES);
		assert_int_equal(raw->ticket_len, TICKET_LEN);
		memcpy(ticket, raw->ticket, TICKET_LEN);
		resume = (struct hs_resume){.ticket = ticket,
					    .len = TICKET_LEN,
					    .origin = raw->keys.origin,
					    .origin_s = raw->keys.origin_s,
					    .identified = raw->keys.identified};
		ticket_psk(&raw->keys, resume.psk);
		end(secrets, raw, house);
	}
	raw_open_resumed(raw, house, &resume);
	assert_true(raw_shake(raw));
	secrets_echo(raw, ECHOES);
	end(secrets, raw, house);
	for (size_t i = 0; i < sizeof(suites); i++) {
		raw_open(raw, house, suites[i]);
		assert_true(raw_shake(raw));
		end(secrets, raw, house);
	}
	free(raw);
}
