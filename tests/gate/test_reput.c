/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Sources with limits of their own: whose limits a host has, and what the journal brings back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <tests/gate/fake_gate.h>
#include <user/base/clock.h>
#include <user/ctl/rate.h>
#include <user/gate/reput.h>

static void put(struct gate *gate, const char *source, uint8_t tier, uint32_t until_s)
{
	const struct sz_reput reput = {.tier = tier, .slow = SZ_SLOW_ONE, .until_s = until_s};
	struct prefix prefix = pfx(source);

	assert_int_equal(reput_put(gate, &prefix, &reput), 0);
}

/* `whose` NULL: everybody's. */
static void expect(struct gate *gate, const char *source, const char *whose, uint8_t tier)
{
	struct prefix prefix = pfx(source), key, want;
	struct sz_reput reput = {.tier = 77};
	int r = reput_standing(gate, &prefix, clock_boot_s(), &reput, &key);

	if (!whose) {
		assert_int_equal(r, REPUT_ABSENT);
		assert_int_equal(reput.tier, 77); /* untouched */
		return;
	}
	want = pfx(whose);
	assert_int_equal(r, 0);
	assert_memory_equal(&key, &want, sizeof(want));
	assert_int_equal(reput.tier, tier);
}

/* As the gate asks: see bpf/lib/reput.h. */
static void own_before_prefix(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct prefix wide = pfx("10.0.0.0/8"), key;
	struct sz_reput reput;

	(void)state;
	expect(gate, "192.0.2.7", NULL, 0);
	put(gate, "192.0.2.0/24", 2, 0);
	expect(gate, "192.0.2.7", "192.0.2.0/24", 2);
	expect(gate, "192.0.2.0/24", "192.0.2.0/24", 2);
	expect(gate, "192.0.3.7", NULL, 0);
	put(gate, "192.0.2.7", 3, 0);
	expect(gate, "192.0.2.7", "192.0.2.7", 3);
	expect(gate, "192.0.2.8", "192.0.2.0/24", 2);
	put(gate, "2001:db8:1::/48", 4, 0);
	expect(gate, "2001:db8:1:2::3", "2001:db8:1::/48", 4);
	put(gate, "2001:db8:1:2::9", 5, 0);
	expect(gate, "2001:db8:1:2::3", "2001:db8:1:2::/64", 5);
	assert_int_equal(reput_standing(gate, &wide, 1, &reput, &key), REPUT_LENGTH);
	gate_close(gate);
}

static void what_is_over_says_nothing(void **state)
{
	struct gate *gate = fake_gate(NULL);

	(void)state;
	put(gate, "192.0.2.7", 3, 1); /* over long ago */
	expect(gate, "192.0.2.7", NULL, 0);
	put(gate, "192.0.2.0/24", 2, clock_boot_s() + 100);
	expect(gate, "192.0.2.7", "192.0.2.0/24", 2);
	put(gate, "192.0.2.0/24", 2, 1);
	expect(gate, "192.0.2.7", NULL, 0);
	gate_close(gate);
}

/* The guard gives way to an operator, and both may do as they like where the other is over. */
static void whose_it_is(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct prefix host = pfx("192.0.2.7");
	struct sz_reput guards = {
		.tier = 2, .slow = SZ_SLOW_ONE, .origin = SZ_ORIGIN_GUARD, .first_s = 7};
	struct sz_reput reput;

	(void)state;
	assert_int_equal(reput_put(gate, &host, &guards), 0);
	put(gate, "192.0.2.7", 3, clock_boot_s() + 100);
	assert_int_equal(reput_put(gate, &host, &guards), REPUT_FOREIGN);
	assert_int_equal(reput_drop(gate, &host, SZ_ORIGIN_GUARD), REPUT_FOREIGN);
	expect(gate, "192.0.2.7", "192.0.2.7", 3);
	put(gate, "192.0.2.7", 3, 1);
	guards.first_s = 9;
	assert_int_equal(reput_put(gate, &host, &guards), 0);
	expect(gate, "192.0.2.7", "192.0.2.7", 2);
	assert_int_equal(reput_get(gate, &host, &reput), 0);
	assert_int_equal(reput.first_s, 7); /* of the first of them */
	assert_int_equal(reput_drop(gate, &host, SZ_ORIGIN_OPERATOR), 0);
	assert_int_equal(reput_drop(gate, &host, SZ_ORIGIN_GUARD), REPUT_ABSENT);
	gate_close(gate);
}

static void redo(struct gate *gate, const char *name, const char *value, int want)
{
	int r = rate_redo_source(gate, name, value);

	if (r != want)
		fail_msg("%s = %s: %d, wanted %d", name, value ? value : "NULL", r, want);
}

static void journal_brings_back(void **state)
{
	static const char *const nonsense[] = {"",	"8,16,0",  "1,0,0",	   "1,65536,0",
					       "1,16",	"1,16,0,", "1,16,0 ",	   "-1,16,0",
					       "slow,", NULL,	   "none of these"};
	struct gate *gate = fake_gate(NULL);
	struct prefix host = pfx("192.0.2.7"), key;
	struct sz_reput reput;
	char value[60];

	(void)state;
	redo(gate, "rate.2.host.udp", "1,16,0", -ENOENT);
	redo(gate, "mode", "observe", -ENOENT);
	for (size_t i = 0; i < ARRAY_LEN(nonsense); i++)
		redo(gate, "rate.source.192.0.2.7", nonsense[i], -EINVAL);
	redo(gate, "rate.source.here", "1,16,0", -EINVAL);
	redo(gate, "rate.source.10.0.0.0/8", "1,16,0", REPUT_LENGTH);
	redo(gate, "rate.source.192.0.2.7", "none", 0);
	redo(gate, "rate.source.192.0.2.7", "1,16,1000", 0); /* over in 1970 */
	expect(gate, "192.0.2.7", NULL, 0);
	redo(gate, "rate.source.192.0.2.0/24", "6,16,0", 0);
	expect(gate, "192.0.2.7", "192.0.2.0/24", 6);
	(void)snprintf(value, sizeof(value), "0,40,%llu", (unsigned long long)clock_wall_s() + 600);
	redo(gate, "rate.source.192.0.2.7", value, 0);
	assert_int_equal(reput_standing(gate, &host, clock_boot_s(), &reput, &key), 0);
	assert_int_equal(reput.slow, 40);
	assert_in_range(reput.until_s, clock_boot_s() + 595, clock_boot_s() + 602);
	gate_close(gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_before_prefix),
		cmocka_unit_test(what_is_over_says_nothing),
		cmocka_unit_test(whose_it_is),
		cmocka_unit_test(journal_brings_back),
	};

	return cmocka_run_group_tests_name("reput", tests, NULL, NULL);
}
