/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the defaults are, and what is refused, with words. */
#include <tests/unit/guard/kit.h>

static void refused(struct guard_config config)
{
	const char *why = NULL;

	assert_int_equal(guard_config_check(&config, &why), -EINVAL);
	assert_non_null(why);
	assert_true(strlen(why) > 10);
}

static void the_usual_one(void **state)
{
	struct guard_config config = guard_config_usual();
	const char *why = "untouched";

	(void)state;
	assert_int_equal(guard_config_check(&config, &why), 0);
	assert_string_equal(why, "untouched");
	assert_int_equal(config.strangers + config.proven, 100000);
	assert_true(config.limit == 0.3F && config.ban == 0.7F);
	assert_int_equal(config.prefix_bad, 8);
	assert_true(config.prefix_share == 0.1F);
}

#define REFUSED(change)                                                                            \
	do {                                                                                       \
		struct guard_config config = guard_config_usual();                                 \
		change;                                                                            \
		refused(config);                                                                   \
	} while (0)

static void what_is_refused(void **state)
{
	const float nan = __builtin_nanf("");

	(void)state;
	REFUSED(config.weight[0] = 1);
	REFUSED(config.weight[0] = nan);
	REFUSED(config.weight[0] = 0.9F); /* above its cap */
	REFUSED(config.cap[2] = 1);
	REFUSED(config.half_s = 0);
	REFUSED(config.pressure_half_s = 600);
	REFUSED(config.free = 0.5F);
	REFUSED(config.ban = 0.2F);
	REFUSED(config.trusted_ban = 0.5F);
	REFUSED(config.trusted_limit = 0.1F);
	REFUSED(config.block_ms = 3600000); /* spoofable evidence: seconds at most */
	REFUSED(config.ban_s = 0);
	REFUSED(config.ban_max_s = 1);
	REFUSED(config.forget_h = 0);
	REFUSED(config.share_least = 0);
	REFUSED(config.share_least_known = 2000);
	REFUSED(config.review_ms = 1);
	REFUSED(config.limit_ms = config.review_ms);
	REFUSED(config.limits_s = 0);
	REFUSED(config.prefix_bad = 0);
	REFUSED(config.bad_outcomes = 0);
	REFUSED(config.detect.meters[METER_AUTH].per_s = 0);
	REFUSED(config.detect.meters[METER_AUTH].step = nan);
	REFUSED(config.detect.ports = 100);
	REFUSED(config.trust.window_s = 0);
	REFUSED(config.trust.crowd_half = 0);
	REFUSED(config.crowd_doubts = 0);
	REFUSED(config.crowd_doubts = 256);
	REFUSED(config.attack.delay_full_ms = 0);
	REFUSED(config.attack.high = 0.1F); /* less than gap: it would never fall */
	REFUSED(config.attack.hostile = 0.15F);
	REFUSED(config.attack.high = 0.8F); /* critical is above it */
	REFUSED(config.attack.critical = nan);
	REFUSED(config.attack.gap = nan);
	REFUSED(config.tiers[0].high = 1);
	REFUSED(config.admission.cut = 1);
	REFUSED(config.admission.settle_ms = 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_usual_one),
					   cmocka_unit_test(what_is_refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
