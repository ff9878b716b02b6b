/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Crowds and trust. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <user/guard/trust.h>

#define DAY_S 86400U

static struct trust_config config;
static struct source source;
static uint32_t now_s;

static int set_up(void **state)
{
	(void)state;
	now_s = 100 * DAY_S;
	config = trust_config_usual();
	source = (struct source){.window_s = now_s, .day = (uint8_t)(now_s / DAY_S)};
	return 0;
}

static void pass(uint32_t s)
{
	now_s += s;
	trust_touch(&config, &source, now_s);
}

/* One session of a minute. */
static bool session(void)
{
	trust_opened(&source, 1);
	pass(60);
	return trust_ended(&config, &source, 60000, now_s);
}

static void sessions_count_once_they_last(void **state)
{
	(void)state;
	trust_opened(&source, 10);
	assert_true(trust_crowd(&config, &source) == 2.5F);
	pass(30); /* the window in which they came: there were none at its begin */
	assert_true(trust_crowd(&config, &source) == 2.5F);
	pass(29);
	assert_true(trust_crowd(&config, &source) == 2.5F);
	pass(1);
	assert_true(trust_crowd(&config, &source) == 10);
	assert_true(trust_factor(&config, &source) < 0.17F);
	/* Those that break count no longer, at once. */
	for (unsigned i = 0; i < 5; i++)
		trust_lost(&source);
	assert_true(trust_crowd(&config, &source) == 5);
}

/* 500 clients come at once: they are a crowd before one of them has done anything. */
static void a_crowd_that_comes_at_once(void **state)
{
	(void)state;
	trust_opened(&source, 500);
	assert_true(trust_crowd(&config, &source) >= config.crowd_floor);
}

static void short_sessions_earn_it_by_time(void **state)
{
	(void)state;
	for (unsigned s = 0; s < 600; s++) {
		for (unsigned k = 0; k < 20; k++) {
			trust_opened(&source, 1);
			(void)trust_ended(&config, &source, 500, now_s);
		}
		if (s < 90)
			assert_true(trust_crowd(&config, &source) < config.crowd_floor);
		pass(1);
	}
	assert_true(trust_crowd(&config, &source) >= config.crowd_floor);
	/* More ends than begins: what was lost on the way to us. */
	trust_lost(&source);
	assert_int_equal(source.live, 0);
	trust_opened(&source, UINT32_MAX);
	assert_int_equal(source.live, UINT16_MAX);
}

static void good_sessions_are_forgotten(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		assert_true(session());
	assert_true(source.good > 9.5F && source.good <= 10);
	pass(12 * 3600);
	assert_true(source.good > 4.5F && source.good < 5.5F);
	pass(100 * DAY_S);
	assert_true(source.good < 0.01F);
}

static void days_earn_trust(void **state)
{
	(void)state;
	/* Many sessions on one day are one day. */
	for (unsigned i = 0; i < 50; i++)
		assert_true(session());
	assert_false(trust_has(&source, now_s));
	pass(DAY_S);
	assert_true(session());
	assert_false(trust_has(&source, now_s));
	pass(DAY_S);
	assert_true(session());
	assert_true(trust_has(&source, now_s));
	/* And it ends. */
	pass(29 * DAY_S);
	assert_true(trust_has(&source, now_s));
	pass(2 * DAY_S);
	assert_false(trust_has(&source, now_s));
}

static void a_long_session_earns_it_as_well(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		assert_true(session());
	trust_opened(&source, 1);
	for (unsigned i = 0; i < 3 * 24; i++)
		pass(3600);
	assert_true(trust_has(&source, now_s));
}

static void doubt(void **state)
{
	(void)state;
	for (unsigned day = 0; day < 5; day++, pass(DAY_S)) {
		for (unsigned i = 0; i < 4; i++)
			assert_true(session());
		trust_doubt(&source, false);
	}
	assert_false(trust_has(&source, now_s));
	for (unsigned day = 0; day < 3; day++, pass(DAY_S))
		for (unsigned i = 0; i < 4; i++)
			assert_true(session());
	assert_true(trust_has(&source, now_s));
	trust_doubt(&source, true);
	assert_false(trust_has(&source, now_s));
	assert_true(trust_crowd(&config, &source) == 0);
}

static void away_for_long(void **state)
{
	(void)state;
	for (unsigned day = 0; day < 10; day++, pass(15 * DAY_S))
		for (unsigned i = 0; i < 12; i++)
			assert_true(session());
	assert_false(trust_has(&source, now_s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sessions_count_once_they_last, set_up),
		cmocka_unit_test_setup(a_crowd_that_comes_at_once, set_up),
		cmocka_unit_test_setup(short_sessions_earn_it_by_time, set_up),
		cmocka_unit_test_setup(good_sessions_are_forgotten, set_up),
		cmocka_unit_test_setup(days_earn_trust, set_up),
		cmocka_unit_test_setup(a_long_session_earns_it_as_well, set_up),
		cmocka_unit_test_setup(doubt, set_up),
		cmocka_unit_test_setup(away_for_long, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
