/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Proven flows on maps: put, renew, drop, full, expiry by hand, by need and by the sweep. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include <tests/gate/fake_gate.h>
#include <user/base/clock.h>
#include <user/gate/proven.h>
#include <user/gate/sweep.h>

#define CAPACITY 256U

static struct sz_flow flow(const char *source, uint16_t sport)
{
	struct prefix host = pfx(source);
	struct sz_flow made;

	assert_int_equal(proven_flow(&host, sport, 6, 443, &made), 0);
	return made;
}

static void put(struct gate *gate, const char *source, uint16_t sport, uint32_t until_s)
{
	struct sz_flow made = flow(source, sport);

	assert_int_equal(proven_put(gate, &made, until_s), 0);
}

static uint32_t count(struct gate *gate)
{
	uint32_t n = 12345;

	assert_int_equal(proven_count(gate, &n), 0);
	return n;
}

/* As the gate builds its key: see relief.h. */
static void keys_are_the_gates(void **state)
{
	struct prefix net = pfx("192.0.2.0/24");
	struct sz_flow v4 = flow("192.0.2.7", 0x1234), v6 = flow("2001:db8::7", 0x1234), none;
	static const uint8_t want4[24] = {192, 0, 2, 7, [16] = 0x12, 0x34, 0x01, 0xbb, 4, 6};
	static const uint8_t want6[24] = {0x20, 1, 0x0d, 0xb8, [15] = 7, 0x12, 0x34, 1, 0xbb, 6, 6};

	(void)state;
	assert_memory_equal(&v4, want4, sizeof(want4));
	assert_memory_equal(&v6, want6, sizeof(want6));
	assert_int_equal(proven_flow(&net, 1, 6, 443, &none), -EINVAL);
}

static void put_drop_clear(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct sz_flow one = flow("192.0.2.7", 1000), other = flow("192.0.2.7", 1001);

	(void)state;
	assert_int_equal(count(gate), 0);
	put(gate, "192.0.2.7", 1000, 0);
	put(gate, "2001:db8::7", 1000, clock_boot_s() + 100);
	assert_int_equal(count(gate), 2);
	assert_int_equal(proven_drop(gate, &other), PROVEN_ABSENT);
	assert_int_equal(proven_drop(gate, &one), 0);
	assert_int_equal(count(gate), 1);
	put(gate, "192.0.2.7", 1000, 0);
	assert_int_equal(proven_clear(gate), 0);
	assert_int_equal(count(gate), 0);
	gate_close(gate);
}

static void renewal_keeps_hits(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct sz_flow one = flow("192.0.2.7", 1000);
	struct sz_proven value = {.hits = 77, .since_s = 5, .until_s = 0};

	(void)state;
	assert_int_equal(bpf_map_update_elem(gate->map[GATE_MAP_PROVEN], &one, &value, 0), 0);
	put(gate, "192.0.2.7", 1000, clock_boot_s() + 50);
	assert_int_equal(bpf_map_lookup_elem(gate->map[GATE_MAP_PROVEN], &one, &value), 0);
	assert_int_equal(value.hits, 77);
	assert_int_equal(value.since_s, 5);
	assert_true(value.until_s > clock_boot_s());
	/* One that was over is another session under the same numbers. */
	value.until_s = 1;
	assert_int_equal(bpf_map_update_elem(gate->map[GATE_MAP_PROVEN], &one, &value, 0), 0);
	put(gate, "192.0.2.7", 1000, 0);
	assert_int_equal(bpf_map_lookup_elem(gate->map[GATE_MAP_PROVEN], &one, &value), 0);
	assert_int_equal(value.hits, 0);
	gate_close(gate);
}

static void full_is_told_and_makes_room(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct sz_flow more = flow("192.0.2.8", 9);

	(void)state;
	for (uint16_t i = 0; i < CAPACITY - 1; i++)
		put(gate, "192.0.2.7", (uint16_t)(1000 + i), 0);
	put(gate, "192.0.2.7", 900, 1); /* over long ago */
	assert_int_equal(count(gate), CAPACITY - 1);
	assert_int_equal(proven_put(gate, &more, 0), 0);
	assert_int_equal(count(gate), CAPACITY);
	more = flow("192.0.2.8", 10);
	assert_int_equal(proven_put(gate, &more, 0), PROVEN_FULL);
	assert_int_equal(count(gate), CAPACITY);
	gate_close(gate);
}

/* Or each flow of who fills it would be a walk through all of them. */
static void full_is_looked_at_once_a_second(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct sz_flow more = flow("192.0.2.8", 9);
	uint32_t before;
	int r;

	(void)state;
	for (uint16_t i = 0; i < CAPACITY - 1; i++)
		put(gate, "192.0.2.7", (uint16_t)(1000 + i), 0);
	put(gate, "192.0.2.7", 900, 1); /* room for whoever looks */
	do {				/* the second may turn between */
		before = clock_boot_s();
		gate->proven_full_s = before;
		r = proven_put(gate, &more, 0);
		if (!r) {
			assert_int_equal(proven_drop(gate, &more), 0);
			put(gate, "192.0.2.7", 900, 1);
		}
	} while (clock_boot_s() != before);
	assert_int_equal(r, PROVEN_FULL);
	gate->proven_full_s = before - 1;
	assert_int_equal(proven_put(gate, &more, 0), 0);
	assert_int_equal(proven_clear(gate), 0);
	assert_int_equal(count(gate), 0);
	gate_close(gate);
}

static void sweep_collects(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct sz_proven value;
	struct sweep *sweep;

	(void)state;
	for (uint16_t i = 0; i < 200; i++)
		put(gate, "192.0.2.7", (uint16_t)(1000 + i), i % 2 ? 1 : 0);
	assert_int_equal(sweep_new(gate, &sweep), 0);
	assert_int_equal(sweep_all(sweep), 0);
	assert_int_equal(sweep_last(sweep)->collected, 100);
	sweep_free(sweep);
	for (uint16_t i = 0; i < 200; i++) {
		struct sz_flow key = flow("192.0.2.7", (uint16_t)(1000 + i));

		assert_int_equal(!bpf_map_lookup_elem(gate->map[GATE_MAP_PROVEN], &key, &value),
				 i % 2 == 0);
	}
	gate_close(gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_the_gates),
		cmocka_unit_test(put_drop_clear),
		cmocka_unit_test(renewal_keeps_hits),
		cmocka_unit_test(full_is_told_and_makes_room),
		cmocka_unit_test(full_is_looked_at_once_a_second),
		cmocka_unit_test(sweep_collects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
