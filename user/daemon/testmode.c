/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/daemon/testmode.h>

#include <stdio.h>

#include <strazh/base/compiler.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/keeper.h>

#define SAY_S 60U
#define TEXT_LEN 400

bool testmode_is_on(const struct config *config)
{
	return config_number(config, CFG_TEST_MODE);
}

void testmode_relax_guard(const struct config *config, struct guard_config *guard)
{
	if (!testmode_is_on(config))
		return;
#define X(member, value, text) guard->member = MAX(guard->member, value);
	TEST_MODE_GUARD(X)
#undef X
#define X(kind, value, text)                                                                       \
	guard->cap[GUARD_KIND_##kind] = MIN(guard->cap[GUARD_KIND_##kind], value);                 \
	guard->weight[GUARD_KIND_##kind] = MIN(guard->weight[GUARD_KIND_##kind],                   \
					       guard->cap[GUARD_KIND_##kind]);
	TEST_MODE_CAPS(X)
#undef X
}

void testmode_relax_sources(const struct config *config, struct sources_limits *limits)
{
	if (!testmode_is_on(config))
		return;
#define X(member, value, text) limits->member = MAX(limits->member, limits->value);
	TEST_MODE_SOURCES(X)
#undef X
}

bool testmode_is_due(uint32_t *said_s, uint32_t now_s)
{
	if (*said_s && now_s - *said_s < SAY_S)
		return false;
	*said_s = MAX(now_s, 1U);
	return true;
}

static void say(void)
{
	static const char *const texts[] = {
#define X(member, value, text) text,
		TEST_MODE_SOURCES(X) TEST_MODE_GUARD(X) TEST_MODE_CAPS(X)
#undef X
	};
	char all[TEXT_LEN];
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_LEN(texts) && at < sizeof(all); i++)
		if (texts[i])
			at += (size_t)snprintf(all + at, sizeof(all) - at, "%s%s", at ? ", " : "",
					       texts[i]);
	log_warning("TEST MODE, not for machines that strangers reach: %s", all);
}

void testmode_tick(struct keeper *keeper)
{
	bool on = testmode_is_on(keeper->options->config);

	if (on && testmode_is_due(&keeper->test_said_s, clock_boot_s()))
		say();
	if (!on && keeper->test_said_s) {
		keeper->test_said_s = 0;
		log_info("test mode is over: limits are those of the configuration");
	}
}

bool testmode_show(void *context)
{
	const struct keeper *keeper = context;

	return testmode_is_on(keeper->options->config);
}
