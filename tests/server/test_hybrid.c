/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * ML-KEM-768 beside X25519: allowed, required, asked for. There are two lists of tests: for an
 * OpenSSL that has it (3.5) and for one that has not, where that is said and nothing weaker is
 * used.
 */
#include <errno.h>
#include <sys/socket.h>

#include <tests/server/house.h>

#define PLAIN                                                                                      \
	(HS_SUITE_BIT(PH_NK1) | HS_SUITE_BIT(PH_XK1) | HS_SUITE_BIT(PH_NX) | HS_SUITE_BIT(PH_XX))
#define RESUME HS_SUITE_BIT(PH_RESUME)

/* As strazhd makes them of `hybrid = on` and `require`. */
static const struct house_plan on = {.suites = PLAIN | RESUME, .hybrid = true};
static const struct house_plan require = {.suites = PLAIN << PH_SUITE_HYBRID | RESUME};

static uint8_t client_secret[32];

static struct strazh_options suite_options(const struct house *house, unsigned i, bool demand)
{
	struct strazh_options options = house_options(house);

	if (i >= 2) {
		options.server_key = NULL;
		options.root_key = house->root;
	}
	if (i % 2)
		options.client_key = client_secret;
	options.demand_hybrid = demand;
	return options;
}

static void served(const struct house *house, unsigned i, bool demand, const char *suite)
{
	struct strazh_options options = suite_options(house, i, demand);
	struct strazh *client = house_client(house, &options);
	struct strazh_about about;

	for (uint32_t n = 1; n <= 300; n++)
		assert_int_equal(house_echo(client, n, 64, 10000), 0);
	strazh_about(client, &about);
	assert_string_equal(about.suite, suite);
	strazh_close(client);
}

static void refused(const struct house *house, unsigned i, bool demand)
{
	struct strazh_options options = suite_options(house, i, demand);
	struct strazh *client = house_client(house, &options);

	assert_int_equal(strazh_connect(client, 10000), STRAZH_E_REFUSED);
	assert_non_null(strstr(strazh_error(client)->text, "hybrid or not"));
	strazh_close(client);
}

static void open_with(struct house *house, const struct house_plan *plan)
{
	uint8_t public[32];

	house_open(house, plan);
	assert_int_equal(dh_generate(house->crypto, client_secret, public), 0);
}

static const char *const hybrid_names[] = {"NK1+ML-KEM-768", "XK1+ML-KEM-768", "NX+ML-KEM-768",
					   "XX+ML-KEM-768"};
static const char *const plain_names[] = {"NK1", "XK1", "NX", "XX"};

/* Who asks for it has it, who does not is served as well. */
static void allowed(void **state)
{
	struct house house;

	(void)state;
	open_with(&house, &on);
	for (unsigned i = 0; i < 4; i++) {
		served(&house, i, true, hybrid_names[i]);
		served(&house, i, false, plain_names[i]);
	}
	HOUSE_WAIT(&house, opened, 8);
	assert_int_equal(house_failed(&house), 0);
	house_close(&house);
}

static void required(void **state)
{
	struct house house;

	(void)state;
	open_with(&house, &require);
	for (unsigned i = 0; i < 4; i++) {
		refused(&house, i, false);
		HOUSE_WAIT(&house, handshake[HS_SUITE], i + 1);
		served(&house, i, true, hybrid_names[i]);
	}
	HOUSE_WAIT(&house, opened, 4);
	house_close(&house);
}

static void off(void **state)
{
	static const struct house_plan none = {.suites = PLAIN | RESUME};
	struct house house;

	(void)state;
	open_with(&house, &none);
	refused(&house, 0, true);
	HOUSE_WAIT(&house, handshake[HS_SUITE], 1);
	served(&house, 0, false, "NK1");
	house_close(&house);
}

/* ---- where there is none ---- */

/* The client does not even begin. */
static void asked_in_vain(void **state)
{
	struct strazh_error error;
	struct strazh *client;
	struct house house;

	(void)state;
	open_with(&house, &on);
	for (unsigned i = 0; i < 4; i++) {
		struct strazh_options options = suite_options(&house, i, true);

		assert_int_equal(strazh_open(&options, &client, &error), STRAZH_E_UNSUPPORTED);
		assert_non_null(strstr(error.text, "ML-KEM-768"));
		served(&house, i, false, plain_names[i]);
	}
	house_close(&house);
}

/* Nor does the server. */
static void required_in_vain(void **state)
{
	struct identity_faults faults = {0};
	char key[128];
	struct identity_config config = {
		.name = PH_NAME_DEFAULT, .suites = require.suites, .key_path = key};
	struct identity *identity = NULL;
	struct house house;

	(void)state;
	open_with(&house, NULL);
	snprintf(key, sizeof(key), "%s/key", house.folder);
	assert_int_equal(identity_load(&config, &identity, &faults), -EINVAL);
	assert_null(identity);
	assert_non_null(strstr(faults.why[IDENTITY_HYBRID], "ML-KEM-768"));
	house_close(&house);
}

int main(void)
{
	const struct CMUnitTest there[] = {
		cmocka_unit_test(allowed),
		cmocka_unit_test(required),
		cmocka_unit_test(off),
	};
	const struct CMUnitTest missing[] = {
		cmocka_unit_test(asked_in_vain),
		cmocka_unit_test(required_in_vain),
	};
	struct crypto *crypto;
	bool has;

	if (crypto_new(&crypto))
		return 1;
	has = kem_available(crypto);
	crypto_free(crypto);
	return has ? cmocka_run_group_tests(there, NULL, NULL)
		   : cmocka_run_group_tests(missing, NULL, NULL);
}
