// SPDX-License-Identifier: AGPL-3.0-or-later
/* The encoding of audit records is fixed: a hash computed elsewhere, and no two records alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <user/store/chain.h>

static const struct store_record one = {
	.seq = 1,
	.at_ms = 1700000000000,
	.actor = "guard",
	.action = "ban",
	.subject = "192.0.2.1",
	.cause = "312 handshakes failed",
	.detail = "",
};

static void known_hash(void **state)
{
	uint8_t hash[STORE_HASH_LEN] = {0};
	char hex[STORE_HEX_LEN];

	(void)state;
	assert_int_equal(store_chain_hash(hash, &one, hash), 0);
	/* by python3's hashlib, from the text of chain.h */
	assert_string_equal(store_chain_hex(hash, hex),
			    "91e5060bf016493b1fc623a98e0c7e5aec16f527ea3ef03f0155f8ec27017650");
	struct store_record two = one;
	two.seq = 2;
	two.detail = "{\"ё\":1}";
	assert_int_equal(store_chain_hash(hash, &two, hash), 0);
	assert_string_equal(store_chain_hex(hash, hex),
			    "8de4a4f14ea9f483a92c74291903a317221d34daae8f0b03b9f9bed983709052");
}

/* What moves from one text to its neighbour changes the hash. */
static void texts_do_not_run_together(void **state)
{
	struct store_record a = one, b = one;
	uint8_t zero[STORE_HASH_LEN] = {0}, x[STORE_HASH_LEN], y[STORE_HASH_LEN];

	(void)state;
	a.actor = "ab", a.action = "c";
	b.actor = "a", b.action = "bc";
	assert_int_equal(store_chain_hash(zero, &a, x), 0);
	assert_int_equal(store_chain_hash(zero, &b, y), 0);
	assert_memory_not_equal(x, y, STORE_HASH_LEN);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_hash),
		cmocka_unit_test(texts_do_not_run_together),
	};

	return cmocka_run_group_tests_name("store/chain", tests, NULL, NULL);
}
