/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What this binary knows of the maps without asking the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/bpf.h>

#include <user/gate/maps.h>

static void names(void **state)
{
	(void)state;
	for (enum gate_map i = 0; i < GATE_MAPS_TOTAL; i++) {
		assert_int_equal(strncmp(gate_map_names[i], "sz_", 3), 0);
		assert_true(strlen(gate_map_names[i]) < BPF_OBJ_NAME_LEN);
		assert_int_equal(map_by_name(gate_map_names[i]), i);
	}
	assert_int_equal(map_by_name("sz_"), GATE_MAPS_TOTAL);
	assert_int_equal(map_by_name("sz_meta2"), GATE_MAPS_TOTAL);
	assert_int_equal(map_by_name(""), GATE_MAPS_TOTAL);
}

static void capacities(void **state)
{
	const struct gate_sizes sizes = {.host4 = 1, .host6 = 2, .net = 3, .allow = 4, .never = 5};

	(void)state;
	assert_int_equal(map_capacity(GATE_MAP_DHOST4, &sizes), 1);
	assert_int_equal(map_capacity(GATE_MAP_DHOST6, &sizes), 2);
	assert_int_equal(map_capacity(GATE_MAP_DNET4, &sizes), 3);
	assert_int_equal(map_capacity(GATE_MAP_DNET6, &sizes), 3);
	assert_int_equal(map_capacity(GATE_MAP_ALLOW4, &sizes), 4);
	assert_int_equal(map_capacity(GATE_MAP_ALLOW6, &sizes), 4);
	assert_int_equal(map_capacity(GATE_MAP_NEVER4, &sizes), 5);
	assert_int_equal(map_capacity(GATE_MAP_NEVER6, &sizes), 5);
	/* Sizes that the program and its readers compute with are nobody's choice. */
	assert_int_equal(map_capacity(GATE_MAP_PRESENT4, &sizes), 0);
	assert_int_equal(map_capacity(GATE_MAP_RHOST, &sizes), 0);
	assert_int_equal(map_capacity(GATE_MAP_DHOST4, NULL), 0);
}

static void mappings_are_whole_pages(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	(void)state;
	assert_int_equal(map_mapping_len(GATE_MAP_META, 1), page);
	assert_int_equal(map_mapping_len(GATE_MAP_SETTINGS, 1), page);
	assert_int_equal(map_mapping_len(GATE_MAP_PRESENT4, SZ_PRESENT4_LINES), 2U << 20);
	assert_int_equal(map_mapping_len(GATE_MAP_PRESENT4, SZ_PRESENT4_LINES + 1),
			 (2U << 20) + page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(capacities),
		cmocka_unit_test(mappings_are_whole_pages),
	};

	return cmocka_run_group_tests_name("maps", tests, NULL, NULL);
}
