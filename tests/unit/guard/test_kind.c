/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The list of kinds, and their names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <user/guard/kind.h>

static void the_list(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GUARD_KIND_COUNT; i++) {
		const struct guard_kind_info *info = &guard_kinds[i];

		assert_true(info->weight > 0 && info->weight <= info->cap && info->cap < 1);
		assert_true(info->name[0] >= 'A' && info->name[0] <= 'Z');
		assert_null(strchr(info->name, ','));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(info->name, guard_kinds[j].name);
	}
}

/* What was asked for, word for word: whoever changes a weight changes it here, too. */
static void the_weights(void **state)
{
	static const struct {
		const char *name;
		float weight;
	} asked[] = {
		{"HighPacketRate", 0.4F},
		{"BurstTraffic", 0.3F},
		{"SmallPacketFlood", 0.6F},
		{"ConnectionFlood", 0.5F},
		{"UnusualPacketSize", 0.2F},
		{"SQLInjectionAttempt", 0.8F},
		{"ORMQueryFlood", 0.4F},
		{"HandshakeFailure", 0.3F},
		{"BadRecord", 0.5F},
		{"AuthFailure", 0.4F},
		{"ScanPattern", 0.3F},
		{"FeedListed", 0.7F},
		/* Ours. */
		{"MalformedPackets", 0.3F},
		{"Reported", 0.9F},
	};

	(void)state;
	assert_int_equal(ARRAY_LEN(asked), GUARD_KIND_COUNT);
	/* In the order of the bits that gate and store keep. */
	for (unsigned i = 0; i < GUARD_KIND_COUNT; i++) {
		assert_string_equal(guard_kinds[i].name, asked[i].name);
		assert_true(guard_kinds[i].weight == asked[i].weight);
	}
}

/* Against a ban at 0.7: kinds that need another one, and what is spoofable or may be a fault. */
static void the_caps(void **state)
{
	static const struct {
		unsigned kind;
		float cap;
	} caps[] = {
		{GUARD_KIND_HIGH_PACKET_RATE, 0.6F},	{GUARD_KIND_BURST_TRAFFIC, 0.4F},
		{GUARD_KIND_SMALL_PACKET_FLOOD, 0.9F},	{GUARD_KIND_CONNECTION_FLOOD, 0.9F},
		{GUARD_KIND_UNUSUAL_PACKET_SIZE, 0.4F}, {GUARD_KIND_SQL_INJECTION, 0.95F},
		{GUARD_KIND_QUERY_FLOOD, 0.8F},		{GUARD_KIND_HANDSHAKE_FAILURE, 0.9F},
		{GUARD_KIND_BAD_RECORD, 0.9F},		{GUARD_KIND_AUTH_FAILURE, 0.9F},
		{GUARD_KIND_SCAN_PATTERN, 0.75F},	{GUARD_KIND_FEED_LISTED, 0.95F},
		{GUARD_KIND_MALFORMED, 0.6F},		{GUARD_KIND_REPORTED, 0.99F},
	};

	(void)state;
	assert_int_equal(ARRAY_LEN(caps), GUARD_KIND_COUNT);
	for (unsigned i = 0; i < GUARD_KIND_COUNT; i++)
		assert_true(guard_kinds[caps[i].kind].cap == caps[i].cap);
}

static void names(void **state)
{
	char text[GUARD_KIND_NAMES_LEN];

	(void)state;
	assert_string_equal(guard_kind_names(0, text), "none");
	assert_string_equal(guard_kind_names(1U << GUARD_KIND_BAD_RECORD, text), "BadRecord");
	assert_string_equal(guard_kind_names(3, text), "HighPacketRate,BurstTraffic");
	/* All of them fit. */
	guard_kind_names(UINT32_MAX, text);
	assert_string_equal(text + strlen(text) - strlen(guard_kinds[GUARD_KIND_COUNT - 1].name),
			    guard_kinds[GUARD_KIND_COUNT - 1].name);
	assert_true(strlen(text) < GUARD_KIND_NAMES_LEN - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_list),
					   cmocka_unit_test(the_weights),
					   cmocka_unit_test(the_caps), cmocka_unit_test(names)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
