/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What an event of the gate proves about its source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/abi/rate.h>
#include <strazh/abi/reason.h>
#include <strazh/base/compiler.h>
#include <user/guard/observation.h>

static enum guard_input input_of(unsigned reason, unsigned rate_class)
{
	struct sz_event event = {
		.reason = (uint16_t)reason, .family = 4, .rate_class = (uint8_t)rate_class};
	const char *why = NULL;
	enum guard_input input = observation_of_event(&event, &why);

	assert_non_null(why);
	/* The words begin with what the table says. */
	if (input == GUARD_INPUT_COUNT)
		assert_int_equal(strncmp(why, "nothing:", 8), 0);
	else if (guard_inputs[input].evidence == GUARD_PROVEN)
		assert_int_equal(strncmp(why, "proven:", 7), 0);
	else
		assert_int_equal(strncmp(why, "spoofable:", 10), 0);
	return input;
}

/* Two, and no others: whoever adds a reason to the gate has to say here if it proves anything. */
static void what_is_proven(void **state)
{
	unsigned proven = 0;

	(void)state;
	for (unsigned reason = 0; reason < SZ_REASON_COUNT + 5; reason++) {
		for (unsigned class = 0; class <= SZ_RATE_CLASSES; class ++) {
			enum guard_input input = input_of(reason, class);

			if (input == GUARD_INPUT_COUNT ||
			    guard_inputs[input].evidence != GUARD_PROVEN)
				continue;
			proven++;
			assert_true(reason == SZ_REASON_RATE_HOST && class == SZ_RATE_CONN + 1);
		}
	}
	assert_int_equal(proven, 1);
}

static void what_says_nothing(void **state)
{
	static const unsigned nothing[] = {SZ_REASON_PASS,	   SZ_REASON_DENY_HOST,
					   SZ_REASON_LAND,	   SZ_REASON_BOGON,
					   SZ_REASON_RATE_SERVICE, SZ_REASON_RATE_NET,
					   SZ_REASON_SYN_COOKIE,   SZ_REASON_PROVEN};
	struct sz_event event = {.reason = SZ_REASON_RATE_HOST};
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nothing); i++)
		assert_int_equal(input_of(nothing[i], 0), GUARD_INPUT_COUNT);
	/* No address was read. */
	assert_int_equal(observation_of_event(&event, &why), GUARD_INPUT_COUNT);
	assert_int_equal(input_of(SZ_REASON_RATE_HOST, SZ_RATE_SYN + 1), GUARD_IN_SYNS);
	assert_int_equal(input_of(SZ_REASON_RATE_HOST, SZ_RATE_UDP + 1), GUARD_IN_PACKETS);
	assert_int_equal(input_of(SZ_REASON_TCP_XMAS, 0), GUARD_IN_MALFORMED);
	assert_int_equal(input_of(SZ_REASON_SIZE, 0), GUARD_IN_ODD_SIZE);
}

/* Packets to a connected socket of UDP prove nothing about whose they are. */
static void a_datagram_proves_nothing(void **state)
{
	struct sz_event event = {.reason = SZ_REASON_RATE_FLOW,
				 .family = 4,
				 .proto = 17,
				 .rate_class = SZ_RATE_FLOW + 1};
	const char *why;

	(void)state;
	assert_int_equal(observation_of_event(&event, &why), GUARD_IN_PACKETS);
	assert_int_equal(strncmp(why, "spoofable:", 10), 0);
	event.proto = 6;
	assert_int_equal(observation_of_event(&event, &why), GUARD_IN_FLOW_OVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_proven),
					   cmocka_unit_test(what_says_nothing),
					   cmocka_unit_test(a_datagram_proves_nothing)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
