/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Key files: texts made by another program (Python's hashlib and cryptography, from the format's
 * description) are read, what is written is read back, and nothing but what would be written is
 * taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include <user/crypto/keyfile.h>

#include <tests/unit/crypto/hex.h>

#define PASSPHRASE "correct horse"
#define HEAD(kind, public)                                                                         \
	"strazh key 1\nkind: " kind "\nname: front 1\ncreated: 2026-11-21T10:00:00Z\n"             \
	"until: 2027-11-21T10:00:00Z\npublic: " public "\n"
#define SEALED "scrypt: 10 8 1\nsalt: oKGio6SlpqeoqaqrrK2urw==\nsealed: "
#define SERVER HEAD("server", "B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw=")
#define ROOT HEAD("root", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
#define SECRET "secret: AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n"

static const struct sample {
	const char *text, *secret, *id;
	enum keyfile_kind kind;
	bool sealed;
} samples[] = {
	{SERVER SECRET, "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
	 "aaa8fff703b50b22", KEYFILE_SERVER, false},
	{SERVER SEALED "MzNugVpfeS20P4wPFyRQo4INDu2VXYF/veAEkhvTmhzf1ONhITNmeyJDvCHgwSWo\n",
	 "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20", "aaa8fff703b50b22",
	 KEYFILE_SERVER, true},
	{ROOT "secret: nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n",
	 "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "21fe31dfa154a261",
	 KEYFILE_ROOT, false},
	{ROOT SEALED "r1DcGLCkJEUHsc33iMZzd9dW2JD7ef9+1MGzjRpj+lx3TJAJS4FUG5Uye9WNttN7\n",
	 "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "21fe31dfa154a261",
	 KEYFILE_ROOT, true},
};

static struct crypto *crypto;

static int setup(void **state)
{
	(void)state;
	return crypto_new(&crypto);
}

static int teardown(void **state)
{
	(void)state;
	crypto_free(crypto);
	return 0;
}

static int parse(const char *text, struct keyfile *ret_file, unsigned int *ret_line)
{
	struct keyfile_fault fault = {0};
	int r = keyfile_parse(text, strlen(text), ret_file, &fault);

	*ret_line = fault.line;
	if (r) {
		assert_int_equal(r, KEYFILE_MALFORMED);
		assert_true(fault.line > 0);
		assert_non_null(fault.why);
	}
	return r;
}

static void test_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		const struct sample *sample = &samples[i];
		char id[KEYFILE_ID_TEXT_LEN], again[KEYFILE_TEXT_MAX];
		struct keyfile file;
		unsigned int line;

		assert_int_equal(parse(sample->text, &file, &line), 0);
		assert_int_equal(file.kind, sample->kind);
		assert_int_equal(file.sealed, sample->sealed);
		assert_string_equal(file.name, "front 1");
		assert_int_equal(file.created_s, 1795255200);
		assert_int_equal(file.until_s, 1826791200);
		assert_string_equal(keyfile_id_text(file.public, id), sample->id);
		assert_int_equal(keyfile_emit(&file, again), strlen(sample->text));
		assert_string_equal(again, sample->text);
		if (sample->sealed) {
			assert_int_equal(keyfile_unlock(crypto, &file, NULL, 0), KEYFILE_LOCKED);
			assert_int_equal(keyfile_unlock(crypto, &file, PASSPHRASE, 12),
					 KEYFILE_PASSPHRASE);
			assert_int_equal(keyfile_unlock(crypto, &file, "", 0), KEYFILE_PASSPHRASE);
		}
		assert_int_equal(keyfile_unlock(crypto, &file, PASSPHRASE, strlen(PASSPHRASE)), 0);
		assert_hex(file.secret.bytes, sample->secret);
	}
}

static void test_round_trips(void **state)
{
	static const char *const names[] = {"", "x", "front-1 of Riga"};
	char text[KEYFILE_TEXT_MAX], longest[KEYFILE_NAME_MAX + 1];

	(void)state;
	memset(longest, '~', KEYFILE_NAME_MAX);
	longest[KEYFILE_NAME_MAX] = '\0';
	for (size_t i = 0; i < KEYFILE_KIND_COUNT * (ARRAY_LEN(names) + 1); i++) {
		const size_t n = i / KEYFILE_KIND_COUNT;
		struct keyfile file, back;
		struct secret32 secret;
		unsigned int line;

		assert_int_equal(keyfile_generate(crypto,
						  (enum keyfile_kind)(i % KEYFILE_KIND_COUNT),
						  n < ARRAY_LEN(names) ? names[n] : longest,
						  253402300799, &file),
				 0);
		secret = file.secret;
		file.until_s = i % 2 ? 1 : 0;
		assert_true(keyfile_emit(&file, text) < KEYFILE_TEXT_MAX);
		assert_int_equal(parse(text, &back, &line), 0);
		assert_memory_equal(&back, &file, sizeof(file));
		assert_int_equal(keyfile_unlock(crypto, &back, NULL, 0), 0);
		assert_int_equal(keyfile_lock(crypto, &file, "pass", 4, 10), 0);
		assert_true(keyfile_emit(&file, text) < KEYFILE_TEXT_MAX);
		assert_null(strstr(text, "secret"));
		assert_int_equal(parse(text, &back, &line), 0);
		assert_int_equal(keyfile_unlock(crypto, &back, "Pass", 4), KEYFILE_PASSPHRASE);
		assert_int_equal(keyfile_unlock(crypto, &back, "pass", 4), 0);
		assert_memory_equal(&back.secret, &secret, sizeof(secret));
	}
}

/* Two keys are never the same, nor two seals of one. */
static void test_fresh(void **state)
{
	struct keyfile a, b;

	(void)state;
	assert_int_equal(keyfile_generate(crypto, KEYFILE_CLIENT, "", 1, &a), 0);
	assert_int_equal(keyfile_generate(crypto, KEYFILE_CLIENT, "", 1, &b), 0);
	assert_memory_not_equal(a.secret.bytes, b.secret.bytes, 32);
	b = a;
	assert_int_equal(keyfile_lock(crypto, &a, "pass", 4, 10), 0);
	assert_int_equal(keyfile_lock(crypto, &b, "pass", 4, 10), 0);
	assert_memory_not_equal(a.seal.salt, b.seal.salt, sizeof(a.seal.salt));
	assert_memory_not_equal(a.seal.box, b.seal.box, sizeof(a.seal.box));
	assert_int_equal(keyfile_lock(crypto, &b, "pass", 0, 10), -EINVAL);
	assert_int_equal(keyfile_lock(crypto, &b, "pass", 4, 9), -EINVAL);
	assert_int_equal(keyfile_lock(crypto, &b, "pass", 4, 19), -EINVAL);
}

static void test_cut_short(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		const char *text = samples[i].text;
		struct keyfile_fault fault;
		struct keyfile file;
		unsigned int lines = 1;

		for (size_t len = 0; len < strlen(text); len++) {
			char *exact = malloc(len + 1); /* a sanitizer sees who reads on */

			assert_non_null(exact);
			memcpy(exact, text, len);
			assert_int_equal(keyfile_parse(exact, len, &file, &fault),
					 KEYFILE_MALFORMED);
			assert_int_equal(fault.line, lines);
			free(exact);
			lines += text[len] == '\n';
		}
	}
}

/* Whatever bit is changed: it is refused, or it is told when the key is taken out; a plain file
 * cannot tell a change of its name, times or kind of X25519 key. */
static void test_each_bit(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		const size_t len = strlen(samples[i].text);
		char text[KEYFILE_TEXT_MAX], again[KEYFILE_TEXT_MAX];

		memcpy(text, samples[i].text, len + 1);
		for (size_t bit = 0; bit < len * 8; bit++) {
			const char *of_key = strstr(samples[i].text, "public: ");
			struct keyfile_fault fault;
			struct keyfile file;
			int r;

			text[bit / 8] ^= (char)(1 << bit % 8);
			r = keyfile_parse(text, len, &file, &fault);
			if (r == 0) {
				assert_int_equal(keyfile_emit(&file, again), len);
				assert_memory_equal(again, text, len);
				/* Cheap ones only: another N is another second of scrypt. */
				if (file.sealed && file.seal.log2n > 11)
					file.seal.log2n = 11;
				r = keyfile_unlock(crypto, &file, PASSPHRASE, strlen(PASSPHRASE));
				if (samples[i].sealed)
					assert_int_equal(r, KEYFILE_PASSPHRASE);
				else if (bit / 8 > (size_t)(of_key - samples[i].text))
					assert_true(r == KEYFILE_MISMATCH || bit / 8 > len - 46);
			}
			text[bit / 8] ^= (char)(1 << bit % 8);
		}
	}
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
	} texts[] = {
		{"strazh key 2\n", 1},
		{"strazh key 1 \n", 1},
		{"strazh key 1\r\n", 1},
		{"strazh certificate 1\n", 1},
		{"\nstrazh key 1\n", 1},
		{"strazh key 1\nkind: Server\n", 2},
		{"strazh key 1\nkind:server\n", 2},
		{"strazh key 1\nkind:  server\n", 2},
		{"strazh key 1\nkind: \n", 2},
		{"strazh key 1\nkind: root\nname: \n", 3},
		{"strazh key 1\nkind: root\nname:  a\n", 3},
		{"strazh key 1\nkind: root\nname: a \n", 3},
		{"strazh key 1\nkind: root\nname: a\tb\n", 3},
		{"strazh key 1\nkind: root\nname: a\nname: b\n", 4},
		{"strazh key 1\nkind: root\ncreated: 2026-02-30T10:00:00Z\n", 3},
		{"strazh key 1\nkind: root\ncreated: 2026-11-21T24:00:00Z\n", 3},
		{"strazh key 1\nkind: root\ncreated: 2026-11-21T10:00:60Z\n", 3},
		{"strazh key 1\nkind: root\ncreated: 2026-11-21 10:00:00Z\n", 3},
		{"strazh key 1\nkind: root\ncreated: 1969-11-21T10:00:00Z\n", 3},
		{"strazh key 1\nkind: root\ncreated: 1970-01-01T00:00:00Z\n", 3},
		{"strazh key 1\nkind: root\ncreated: 202a-11-21T10:00:00Z\n", 3},
		{"strazh key 1\nkind: root\ncreated: 1795255200\n", 3},
		{SERVER "secret: \n", 7},
		{SERVER "secret: AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA\n", 7},
		{SERVER "secret: AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyB=\n", 7},
		{SERVER "secret: AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh\n", 7},
		{SERVER "secret: AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw==\n", 7},
		{SERVER SECRET "\n", 8},
		{SERVER SECRET SECRET, 8},
		{SERVER "scrypt: 09 8 1\n", 7},
		{SERVER "scrypt: 19 8 1\n", 7},
		{SERVER "scrypt: 10 9 1\n", 7},
		{SERVER "scrypt: 10 8 1 \n", 7},
		{SERVER "scrypt: 10 8 1\nsecret: AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n",
		 8},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct keyfile file;
		unsigned int line = 0;

		if (parse(texts[i].text, &file, &line) != KEYFILE_MALFORMED ||
		    line != texts[i].line)
			fail_msg("line %u, not %u: %s", line, texts[i].line, texts[i].text);
	}
}

static void test_names(void **state)
{
	static const char *const bad[] = {"", " a", "a ", "a\nb", "a\x7f", "\xc3\xa9"};
	char text[KEYFILE_NAME_MAX + 2];
	struct keyfile file;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(keyfile_name_fits(bad[i]));
	memset(text, 'a', sizeof(text));
	text[KEYFILE_NAME_MAX + 1] = '\0';
	assert_false(keyfile_name_fits(text));
	assert_int_equal(keyfile_generate(crypto, KEYFILE_ROOT, text, 1, &file), -EINVAL);
	text[KEYFILE_NAME_MAX] = '\0';
	assert_true(keyfile_name_fits(text));
}

static void test_certificates(void **state)
{
	uint8_t bytes[KEYFILE_CERT_MAX + 1], back[KEYFILE_CERT_MAX];
	char text[KEYFILE_TEXT_MAX];
	struct keyfile_fault fault;
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t n = 1; n <= KEYFILE_CERT_MAX; n++) {
		assert_int_equal(certfile_emit(bytes, n, text), 0);
		assert_int_equal(certfile_parse(text, strlen(text), back, &len, &fault), 0);
		assert_int_equal(len, n);
		assert_memory_equal(back, bytes, n);
	}
	assert_int_equal(certfile_emit(bytes, 0, text), -EMSGSIZE);
	assert_int_equal(certfile_emit(bytes, sizeof(bytes), text), -EMSGSIZE);
	assert_int_equal(certfile_emit(bytes, 100, text), 0);
	for (size_t n = 0; n < strlen(text); n++)
		assert_int_equal(certfile_parse(text, n, back, &len, &fault), KEYFILE_MALFORMED);
	assert_int_equal(
		certfile_parse(samples[0].text, strlen(samples[0].text), back, &len, &fault),
		KEYFILE_MALFORMED);
	assert_int_equal(fault.line, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),	 cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_fresh),	 cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_each_bit), cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_names),	 cmocka_unit_test(test_certificates),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
