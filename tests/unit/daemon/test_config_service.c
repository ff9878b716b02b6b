/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the table of keys says of a service is what the service takes: each default, each bound, and
 * not one step beyond.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <user/daemon/config/config_service.h>

static const struct service_ops *const services[] = {&service_echo, &service_relay,
						     &service_tunnel};
static struct service_setting settings[CONFIG_SETTINGS_MAX];
static struct config_faults faults;
static char why[SERVICE_WHY_LEN];

static int open_service(const struct service_ops *ops, size_t count)
{
	const struct service_config config = {settings, count};
	void *shared = NULL;
	int r = ops->open(&config, &shared, why);

	if (!r)
		ops->close(shared);
	return r;
}

static size_t position(const char *key, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(settings[i].key, key) == 0)
			return i;
	fail_msg("no setting '%s'", key);
	return 0;
}

static void test_defaults(void **state)
{
	struct config *config = config_new();

	(void)state;
	assert_non_null(config);
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		size_t n = config_service_settings(config, services[i]->name, settings);

		if (open_service(services[i], n))
			fail_msg("%s: %s", services[i]->name, why);
	}
	assert_true(config_service_enabled(config, "echo"));
	assert_true(config_service_enabled(config, "relay"));
	assert_false(config_service_enabled(config, "tunnel"));
	assert_false(config_service_enabled(config, "nothing"));
	config_free(config);
}

static void try_number(const struct service_ops *ops, const struct config_about *about, size_t n,
		       uint64_t number, bool right)
{
	struct service_setting *setting = &settings[position(about->name, n)];
	const char *before = setting->value;
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	setting->value = text;
	if (!open_service(ops, n) != right)
		fail_msg("%s.%s = %s: %s", about->section, about->name, text, why);
	setting->value = before;
}

static void test_bounds(void **state)
{
	struct config *config = config_new();

	(void)state;
	assert_non_null(config);
	for (size_t s = 0; s < ARRAY_LEN(services); s++) {
		size_t n = config_service_settings(config, services[s]->name, settings);

		for (size_t i = 0; i < CFG_KEYS; i++) {
			const struct config_about *about = &config_about[i];
			const char *dot = strchr(about->section, '.');

			if (!dot || strcmp(dot + 1, services[s]->name) != 0 ||
			    about->kind > KIND_TIME)
				continue;
			try_number(services[s], about, n, about->least, true);
			try_number(services[s], about, n, about->most, true);
			try_number(services[s], about, n, about->most + 1, false);
			if (about->least)
				try_number(services[s], about, n, about->least - 1, false);
		}
	}
	config_free(config);
}

static void test_words(void **state)
{
	static const struct {
		const struct service_ops *ops;
		enum config_key key;
	} cases[] = {{&service_relay, CFG_RELAY_POLICY}, {&service_tunnel, CFG_TUNNEL_CLIENTS}};
	struct config *config = config_new();

	(void)state;
	assert_non_null(config);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n = config_service_settings(config, cases[i].ops->name, settings);
		const struct config_about *about = &config_about[cases[i].key];
		struct service_setting *setting = &settings[position(about->name, n)];
		const char *at = about->words;
		char word[CONFIG_ITEM_LEN];

		setting->value = word;
		while (config_item(&at, word))
			if (open_service(cases[i].ops, n))
				fail_msg("%s", why);
	}
	config_free(config);
}

static void test_upstreams(void **state)
{
	static const char text[] = "[service.tunnel]\nweb = 127.0.0.1:80\nsix = [::1]:81\n";
	struct config *config = config_new();
	size_t n;

	(void)state;
	assert_non_null(config);
	assert_int_equal(config_read(config, "f", text, sizeof(text) - 1, &faults), 0);
	assert_int_equal(faults.total, 0);
	n = config_service_settings(config, "tunnel", settings);
	assert_string_equal(settings[position("web", n)].value, "127.0.0.1:80");
	if (open_service(&service_tunnel, n))
		fail_msg("%s", why);
	n = config_service_settings(config, "relay", settings);
	for (size_t i = 0; i < n; i++)
		assert_string_not_equal(settings[i].key, "web");
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_upstreams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
