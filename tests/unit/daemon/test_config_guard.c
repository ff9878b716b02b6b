/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* [guard]: each bound of each key is one that the guard takes, alone and with all others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <tests/unit/daemon/config_text.h>
#include <user/daemon/config/config_guard.h>

static void takes(const char *text)
{
	struct config *config = read_text(text);
	struct guard_config guard = config_guard(config);
	const char *why = "";

	if (faults.total)
		fail_msg("%s%s", text, faults.list[0].why);
	if (guard_config_check(&guard, &why))
		fail_msg("%s%s", text, why);
	config_free(config);
}

static void refuses(const char *text, const char *key, const char *why)
{
	struct config *config = read_text(text);

	assert_int_equal(faults.total, 1);
	assert_string_equal(faults.list[0].key, key);
	if (!strstr(faults.list[0].why, why))
		fail_msg("%s", faults.list[0].why);
	config_free(config);
}

/* By members: between them may be anything. */
static void same(const struct guard_config *one, const struct guard_config *other)
{
	for (unsigned i = 0; i < GUARD_KIND_COUNT; i++) {
		assert_true(one->weight[i] == other->weight[i]);
		assert_true(one->cap[i] == other->cap[i]);
	}
	for (unsigned i = 0; i < METER_COUNT; i++) {
		assert_true(one->detect.meters[i].burst == other->detect.meters[i].burst);
		assert_true(one->detect.meters[i].step == other->detect.meters[i].step);
		assert_true(one->detect.meters[i].per_s == other->detect.meters[i].per_s);
	}
	assert_int_equal(one->strangers, other->strangers);
	assert_int_equal(one->proven, other->proven);
	assert_int_equal(one->prefix_bad, other->prefix_bad);
	assert_true(one->prefix_share == other->prefix_share);
	assert_int_equal(one->detect.ports, other->detect.ports);
	assert_true(one->detect.high_pps == other->detect.high_pps);
	assert_true(one->detect.burst_pps == other->detect.burst_pps);
	assert_true(one->detect.small_pps == other->detect.small_pps);
	assert_true(one->attack.high == other->attack.high);
	assert_true(one->attack.critical == other->attack.critical);
	assert_true(one->attack.hostile == other->attack.hostile);
	assert_true(one->attack.psi_full == other->attack.psi_full);
	assert_int_equal(one->trust.days, other->trust.days);
	assert_int_equal(one->trust.sessions, other->trust.sessions);
}

static void test_usual(void **state)
{
	struct config *config = read_text("");
	struct guard_config guard = config_guard(config), usual = guard_config_usual();

	(void)state;
	assert_int_equal(config_guard_mode(config), GUARDING_LEARN);
	assert_true(guard.learning);
	assert_float_equal(guard.half_s, usual.half_s, 0.01);
	assert_float_equal(guard.free, usual.free, 1e-6);
	assert_float_equal(guard.limit, usual.limit, 1e-6);
	assert_float_equal(guard.ban, usual.ban, 1e-6);
	assert_float_equal(guard.trusted_limit, usual.trusted_limit, 1e-6);
	assert_float_equal(guard.trusted_ban, usual.trusted_ban, 1e-6);
	assert_float_equal(guard.block, usual.block, 1e-6);
	assert_int_equal(guard.ban_s, usual.ban_s);
	assert_int_equal(guard.ban_max_s, usual.ban_max_s);
	/* And with the mode, which is not the guard's to have, all of it. */
	guard.learning = usual.learning;
	same(&guard, &usual);
	config_free(config);
}

static void test_modes(void **state)
{
	static const struct {
		const char *text;
		enum guarding_mode mode;
		bool learning;
	} cases[] = {
		{"[guard]\nmode = off\n", GUARDING_OFF, true},
		{"[guard]\nmode = learn\n", GUARDING_LEARN, true},
		{"[guard]\nmode = enforce\n", GUARDING_ENFORCE, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct config *config = read_text(cases[i].text);

		assert_int_equal(config_guard_mode(config), cases[i].mode);
		assert_int_equal(config_guard(config).learning, cases[i].learning);
		config_free(config);
	}
}

static void test_values(void **state)
{
	struct config *config = read_text("[guard]\nhalf_life = 1h\nlimit = 40\nban = 80\n"
					  "ban_time = 1m\nban_time_most = 1d\n");
	struct guard_config guard = config_guard(config);

	(void)state;
	assert_int_equal(faults.total, 0);
	assert_float_equal(guard.half_s, 3600, 0.01);
	assert_float_equal(guard.limit, 0.4, 1e-6);
	assert_float_equal(guard.ban, 0.8, 1e-6);
	assert_int_equal(guard.ban_s, 60);
	assert_int_equal(guard.ban_max_s, 86400);
	config_free(config);
}

/* Every least and most of two keys at once, and the order among them. */
static void test_bounds(void **state)
{
	(void)state;
	takes("[guard]\nlimit = 1\nban = 1\n");
	takes("[guard]\nlimit = 1\nban = 98\n");
	takes("[guard]\nlimit = 90\nban = 90\n");
	takes("[guard]\nlimit = 90\nban = 98\n");
	takes("[guard]\nhalf_life = 1s\nban_time = 1s\nban_time_most = 1s\n");
	takes("[guard]\nhalf_life = 30d\nban_time = 400d\nban_time_most = 400d\n");
	refuses("[guard]\nlimit = 71\n", "guard.limit", "above guard.ban, 70");
	refuses("[guard]\nban = 29\n", "guard.limit", "above guard.ban, 29");
	refuses("[guard]\nban_time = 8d\n", "guard.ban_time", "more than guard.ban_time_most, ");
	refuses("[guard]\nban = 99\n", "guard.ban", "a number from 1 to 98");
}

/* A key for each kind that is seen, and its weight alone is another one. */
static void test_weights(void **state)
{
	static const struct {
		unsigned kind;
		const char *key;
	} kinds[] = {
#define SEEN(code, key, ...) {GUARD_KIND_##code, #key},
		GUARD_KINDS_BY(SEEN, CONFIG_GUARD_SAID_)
#undef SEEN
	};
	const struct guard_config usual = guard_config_usual();

	(void)state;
	/* Of listings and reports the weight is said by who says them. */
	assert_int_equal(ARRAY_LEN(kinds), GUARD_KIND_COUNT - 2);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct guard_config guard;
		struct config *config;
		char text[100];

		snprintf(text, sizeof(text), "[guard]\nweight_%s = 99\n", kinds[i].key);
		takes(text);
		config = read_text(text);
		guard = config_guard(config);
		config_free(config);
		assert_true(guard.weight[kinds[i].kind] == 0.99F);
		/* Above its cap: the cap goes with it. */
		assert_true(guard.cap[kinds[i].kind] == 0.99F);
		guard.weight[kinds[i].kind] = usual.weight[kinds[i].kind];
		guard.cap[kinds[i].kind] = usual.cap[kinds[i].kind];
		same(&guard, &usual);

		snprintf(text, sizeof(text), "[guard]\nweight_%s = 1\n", kinds[i].key);
		takes(text);
		config = read_text(text);
		guard = config_guard(config);
		config_free(config);
		assert_true(guard.weight[kinds[i].kind] == 0.01F);
		assert_true(guard.cap[kinds[i].kind] == usual.cap[kinds[i].kind]);
	}
	refuses("[guard]\nweight_bad_record = 100\n", "guard.weight_bad_record",
		"'100': a number from 1 to 99");
	refuses("[guard]\nweight_bad_record = 0\n", "guard.weight_bad_record", "from 1 to 99");
	refuses("[guard]\nweight_bad_record = 0.5\n", "guard.weight_bad_record", "from 1 to 99");
	refuses("[guard]\nweight_bad_recrod = 5\n", "guard.weight_bad_recrod",
		"did you mean 'weight_bad_record'?");
}

static void test_figures(void **state)
{
	struct config *config = read_text(
		"[guard]\nsources = 1000\nprefix_bad = 12\nprefix_share = 25\n"
		"connections = 128\nconnections_per_s = 20\nhandshake_failures = 10\n"
		"handshake_failures_every = 1m\nscan_ports = 20\nhigh_rate = 1000\n"
		"burst_rate = 5000\nsmall_rate = 3000\nhigh = 40\ncritical = 90\nhostile = 60\n");
	struct guard_config guard = config_guard(config), want = guard_config_usual();

	(void)state;
	assert_int_equal(faults.total, 0);
	want.strangers = 250;
	want.proven = 750;
	want.prefix_bad = 12;
	want.prefix_share = 0.25F;
	want.detect.meters[METER_CONN] = (struct detect_meter){128, 20, 96};
	want.detect.meters[METER_HELLO] = (struct detect_meter){10, 1 / 60.0F, 10};
	want.detect.ports = 20;
	want.detect.high_pps = 1000;
	want.detect.burst_pps = 5000;
	want.detect.small_pps = 3000;
	want.attack.high = 0.4F;
	want.attack.critical = 0.9F;
	want.attack.hostile = 0.6F;
	same(&guard, &want);
	config_free(config);
}

/* Both ends of each key of [guard] are what the guard takes, and what is beyond is refused. */
static void test_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < CFG_KEYS; i++) {
		const struct config_about *about = &config_about[i];
		char text[200], key[64];
		/* What has to be in order with it, see test_bounds() and test_order(). */
		const char *beside = i == CFG_GUARD_LIMIT	    ? "ban = 98\n"
				     : i == CFG_GUARD_BAN	    ? "limit = 1\n"
				     : i == CFG_GUARD_BAN_TIME	    ? "ban_time_most = 400d\n"
				     : i == CFG_GUARD_BAN_TIME_MOST ? "ban_time = 1s\n"
				     : i == CFG_GUARD_HIGH	    ? "critical = 100\n"
				     : i == CFG_GUARD_CRITICAL	    ? "high = 20\n"
								    : "";
		const char *unit = about->kind == KIND_TIME ? "s" : "";

		if (strcmp(about->section, "guard") != 0 ||
		    (about->kind != KIND_NUMBER && about->kind != KIND_TIME))
			continue;
		snprintf(text, sizeof(text), "[guard]\n%s%s = %llu%s\n", beside, about->name,
			 (unsigned long long)about->least, unit);
		takes(text);
		snprintf(text, sizeof(text), "[guard]\n%s%s = %llu%s\n", beside, about->name,
			 (unsigned long long)about->most, unit);
		takes(text);
		snprintf(text, sizeof(text), "[guard]\n%s%s = %llu%s\n", beside, about->name,
			 (unsigned long long)about->most + 1, unit);
		snprintf(key, sizeof(key), "guard.%s", about->name);
		refuses(text, key, " to ");
	}
}

static void test_order(void **state)
{
	(void)state;
	takes("[guard]\nhigh = 79\n");
	refuses("[guard]\nhigh = 80\n", "guard.high", "not below guard.critical, 80");
	refuses("[guard]\ncritical = 50\n", "guard.high", "not below guard.critical, 50");
}

/* Test mode relaxes them, whatever they are: an order of weight and cap holds then, too. */
static void test_relaxed(void **state)
{
	struct guard_config guard;
	struct config *config;

	(void)state;
	takes("[daemon]\ntest_mode = on\n[guard]\nweight_connection_flood = 99\n"
	      "weight_query_flood = 99\nweight_small_packet_flood = 99\n");
	config = read_text("[daemon]\ntest_mode = on\n[guard]\nweight_query_flood = 99\n"
			   "weight_high_packet_rate = 99\nweight_burst_traffic = 99\n"
			   "weight_unusual_packet_size = 99\n");
	guard = config_guard(config);
	config_free(config);
	assert_true(guard.cap[GUARD_KIND_QUERY_FLOOD] == 0.8F);
	assert_true(guard.cap[GUARD_KIND_HIGH_PACKET_RATE] == 0.6F);
	assert_true(guard.cap[GUARD_KIND_BURST_TRAFFIC] == 0.4F);
	assert_true(guard.cap[GUARD_KIND_UNUSUAL_PACKET_SIZE] == 0.4F);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual),	cmocka_unit_test(test_modes),
		cmocka_unit_test(test_values),	cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_weights), cmocka_unit_test(test_figures),
		cmocka_unit_test(test_ends),	cmocka_unit_test(test_order),
		cmocka_unit_test(test_relaxed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
