/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reports of operators and what services say of queries, from the keeper's side into its guard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <user/base/clock.h>
#include <user/daemon/guarding/guarding.h>
#include <user/daemon/keeper.h>
#include <user/service/service.h>

static struct {
	struct keeper keeper;
	struct guarding guarding;
	unsigned bans, limits;
	struct prefix banned;
} * scene;

static void on_ban(void *owner, const struct guard_ban *ban)
{
	(void)owner;
	scene->bans++;
	scene->banned = ban->prefix;
}

static void on_limit(void *owner, const struct guard_limit *limit)
{
	(void)owner;
	(void)limit;
	scene->limits++;
}

static uint64_t now_ms(void)
{
	return clock_boot_ns() / 1000000;
}

static void open_guard(bool learning)
{
	static const struct guard_ops ops = {.ban = on_ban, .limit = on_limit};
	struct guard_config config = guard_config_usual();

	config.learning = learning;
	assert_int_equal(guard_new(&config, &ops, NULL, now_ms(), &scene->guarding.guard), 0);
}

static int set_up(void **state)
{
	(void)state;
	scene = calloc(1, sizeof(*scene));
	if (!scene)
		return -1;
	scene->guarding.keeper = &scene->keeper;
	scene->keeper.guarding = &scene->guarding;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_free(scene->guarding.guard);
	free(scene);
	return 0;
}

static struct prefix host_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, strlen(text), &prefix), 0);
	return prefix;
}

static enum host_reported report(const char *text, unsigned weight)
{
	const struct prefix host = host_of(text);

	return guarding_report(&scene->keeper, &host, weight, 0);
}

static void nobody_weighs(void **state)
{
	(void)state;
	assert_int_equal(report("192.0.2.1", 0), HOST_REPORTED_OFF);
}

static void by_weight(void **state)
{
	(void)state;
	open_guard(false);
	assert_int_equal(report("192.0.2.1", 20), HOST_REPORTED_HELD);
	assert_int_equal(report("192.0.2.2", 40), HOST_REPORTED_LIMITED);
	assert_int_equal(scene->limits, 1);
	assert_int_equal(report("192.0.2.3", 70), HOST_REPORTED_LIMITED); /* not above the bar */
	assert_int_equal(scene->bans, 0);
	assert_int_equal(report("192.0.2.4", 71), HOST_REPORTED_BANNED);
	assert_int_equal(report("192.0.2.5", 0), HOST_REPORTED_BANNED);
	assert_int_equal(report("2001:db8::/64", 100), HOST_REPORTED_BANNED);
	assert_int_equal(scene->bans, 3);
	assert_int_equal(scene->banned.family, 6);
	assert_int_equal(scene->banned.len, 64);
}

/* The same report, not more of it: but a heavier one is heavier. */
static void again(void **state)
{
	(void)state;
	open_guard(false);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(report("192.0.2.1", 40), HOST_REPORTED_LIMITED);
	assert_int_equal(scene->bans, 0);
	assert_int_equal(report("192.0.2.1", 80), HOST_REPORTED_BANNED);
	assert_int_equal(scene->bans, 1);
}

static void learning(void **state)
{
	char text[2048];
	const struct prefix host = host_of("192.0.2.1");

	(void)state;
	open_guard(true);
	assert_int_equal(report("192.0.2.1", 0), HOST_REPORTED_HELD);
	assert_int_equal(scene->bans, 0);
	assert_true(guarding_why(&scene->keeper, &host, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "would be banned"));
	assert_non_null(strstr(text, "Reported: 1 reports of an operator"));
}

static void spared(void **state)
{
	const struct guard_spared never = {host_of("192.0.2.0/24"), true};

	(void)state;
	open_guard(false);
	assert_int_equal(guard_spare(scene->guarding.guard, &never, 1, now_ms()), 0);
	assert_int_equal(report("192.0.2.1", 0), HOST_REPORTED_HELD);
	assert_int_equal(scene->bans, 0);
}

/* It adds up with what was seen: neither would do alone. */
static void beside_what_was_seen(void **state)
{
	const struct split_message flood = {.type = SPLIT_BAD_QUERY,
					    .family = 4,
					    .addr = {192, 0, 2, 1},
					    .condition = PEER_FLOOD};

	(void)state;
	open_guard(false);
	guarding_sign(&scene->keeper, &flood);
	assert_int_equal(scene->bans, 0);
	assert_int_equal(report("192.0.2.2", 60), HOST_REPORTED_LIMITED);
	assert_int_equal(report("192.0.2.1", 60), HOST_REPORTED_BANNED);
}

static void what_services_say(void **state)
{
	struct split_message m = {.type = SPLIT_BAD_QUERY,
				  .family = 4,
				  .addr = {192, 0, 2, 7},
				  .condition = PEER_INJECTION};
	const struct prefix host = host_of("192.0.2.8");
	char text[2048];

	(void)state;
	open_guard(false);
	guarding_sign(&scene->keeper, &m);
	assert_int_equal(scene->bans, 1);
	m.addr[3] = 8;
	m.condition = PEER_FLOOD;
	guarding_sign(&scene->keeper, &m);
	assert_int_equal(scene->bans, 1);
	assert_true(guarding_why(&scene->keeper, &host, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "ORMQueryFlood: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_weighs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(by_weight, set_up, tear_down),
		cmocka_unit_test_setup_teardown(again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(learning, set_up, tear_down),
		cmocka_unit_test_setup_teardown(spared, set_up, tear_down),
		cmocka_unit_test_setup_teardown(beside_what_was_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_services_say, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
