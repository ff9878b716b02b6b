// SPDX-License-Identifier: AGPL-3.0-or-later
/* The object loads, its maps are what abi/ says, and what the verifier had to read stays small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include <strazh/abi/dline.h>
#include <tests/gate/gate_run.h>

/* The verifier gives up at a million instructions; older ones walk more of them than ours does. */
#define VERIFIED_MOST 300000U

static void entries_load(void **state)
{
	static const char *const names[RUN_ENTRIES] = {"xdp", "xdp.frags"};
	struct run *run = *state;

	for (int i = 0; i < RUN_ENTRIES; i++) {
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof(info);

		assert_int_equal(bpf_obj_get_info_by_fd(run->prog[i], &info, &len), 0);
		print_message("# %s: %u instructions, %u verified, %u bytes of machine code\n",
			      names[i], info.xlated_prog_len / 8, info.verified_insns,
			      info.jited_prog_len);
		assert_in_range(info.verified_insns, info.xlated_prog_len / 8, VERIFIED_MOST);
	}
}

struct shape {
	const char *name;
	uint32_t type, key, value, entries, flags;
};

static void maps_are_as_abi_says(void **state)
{
	static const struct shape shapes[] = {
		{"sz_never4", BPF_MAP_TYPE_LPM_TRIE, 8, 56, SZ_NEVER_MAX, BPF_F_NO_PREALLOC},
		{"sz_never6", BPF_MAP_TYPE_LPM_TRIE, 20, 56, SZ_NEVER_MAX, BPF_F_NO_PREALLOC},
		{"sz_allow4", BPF_MAP_TYPE_LPM_TRIE, 8, 56, SZ_ALLOW_MAX, BPF_F_NO_PREALLOC},
		{"sz_allow6", BPF_MAP_TYPE_LPM_TRIE, 20, 56, SZ_ALLOW_MAX, BPF_F_NO_PREALLOC},
		{"sz_dnet4", BPF_MAP_TYPE_LPM_TRIE, 8, 56, SZ_NET_MAX, BPF_F_NO_PREALLOC},
		{"sz_dnet6", BPF_MAP_TYPE_LPM_TRIE, 20, 56, SZ_NET_MAX, BPF_F_NO_PREALLOC},
		{"sz_dhost4", BPF_MAP_TYPE_HASH, 4, 32, SZ_HOST4_MAX, BPF_F_NO_PREALLOC},
		{"sz_dhost6", BPF_MAP_TYPE_HASH, 16, 32, SZ_HOST6_MAX, BPF_F_NO_PREALLOC},
		{"sz_dline4", BPF_MAP_TYPE_ARRAY, 4, 64, SZ_DLINES, BPF_F_MMAPABLE},
		{"sz_note", BPF_MAP_TYPE_HASH, 20, 128, SZ_NOTE_MAX, BPF_F_NO_PREALLOC},
		{"sz_present4", BPF_MAP_TYPE_ARRAY, 4, 32, 65536, BPF_F_MMAPABLE},
		{"sz_present6", BPF_MAP_TYPE_ARRAY, 4, 64, SZ_PRESENT6_LINES, BPF_F_MMAPABLE},
		{"sz_rhost", BPF_MAP_TYPE_ARRAY, 4, 64, SZ_RHOST_LINES, BPF_F_MMAPABLE},
		{"sz_rnet", BPF_MAP_TYPE_ARRAY, 4, 64, SZ_RNET_LINES, BPF_F_MMAPABLE},
		{"sz_limit", BPF_MAP_TYPE_ARRAY, 4, 16, SZ_LIMITS, BPF_F_MMAPABLE},
		{"sz_reput4", BPF_MAP_TYPE_HASH, 8, 24, SZ_REPUT_MAX, BPF_F_NO_PREALLOC},
		{"sz_reput6", BPF_MAP_TYPE_HASH, 20, 24, SZ_REPUT_MAX, BPF_F_NO_PREALLOC},
		{"sz_proven", BPF_MAP_TYPE_HASH, 24, 16, SZ_PROVEN_MAX, BPF_F_NO_PREALLOC},
		{"sz_port", BPF_MAP_TYPE_ARRAY, 4, 64, SZ_PORT_LINES, BPF_F_MMAPABLE},
		{"sz_service", BPF_MAP_TYPE_ARRAY, 4, 192, SZ_SERVICES, BPF_F_MMAPABLE},
		{"sz_rsvc", BPF_MAP_TYPE_ARRAY, 4, 192, SZ_SERVICES, BPF_F_MMAPABLE},
		{"sz_credit", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 64, SZ_SERVICES, 0},
		{"sz_size", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 384, SZ_SERVICES, 0},
		{"sz_tap", BPF_MAP_TYPE_ARRAY, 4, 64, SZ_TAPS, BPF_F_MMAPABLE},
		{"sz_tap3", BPF_MAP_TYPE_RINGBUF, 0, 0, SZ_TAP_BYTES, 0},
		{"sz_settings", BPF_MAP_TYPE_ARRAY, 4, 128, 1, BPF_F_MMAPABLE},
		{"sz_meta", BPF_MAP_TYPE_ARRAY, 4, 72, 1, BPF_F_MMAPABLE},
		{"sz_list", BPF_MAP_TYPE_ARRAY, 4, 48, SZ_LISTS, 0},
		{"sz_count", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 64, SZ_COUNT_MAX, 0},
		{"sz_event", BPF_MAP_TYPE_RINGBUF, 0, 0, SZ_EVENT_BYTES, 0},
	};
	struct bpf_object *object = bpf_object__open_mem(gate_object, gate_object_len, NULL);

	(void)state;
	assert_non_null(object);
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		const struct shape *s = &shapes[i];
		struct bpf_map *map = bpf_object__find_map_by_name(object, s->name);

		if (!map)
			fail_msg("no map %s", s->name);
		assert_int_equal(bpf_map__type(map), s->type);
		assert_int_equal(bpf_map__key_size(map), s->key);
		assert_int_equal(bpf_map__value_size(map), s->value);
		assert_int_equal(bpf_map__max_entries(map), s->entries);
		assert_int_equal(bpf_map__map_flags(map), s->flags);
		assert_string_equal(strrchr(bpf_map__pin_path(map), '/') + 1, s->name);
	}
	bpf_object__close(object);
}

/* bpftool shows fields by name only where the kernel knows the types. */
static void maps_have_types(void **state)
{
	static const char *const maps[] = {"sz_never6",	 "sz_allow4", "sz_dnet4", "sz_dhost4",
					   "sz_dhost6",	 "sz_dline4", "sz_note",  "sz_present4",
					   "sz_rhost",	 "sz_count",  "sz_meta",  "sz_list",
					   "sz_settings"};

	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		struct bpf_map_info info = {0};
		uint32_t len = sizeof(info);

		assert_int_equal(bpf_obj_get_info_by_fd(run_map(*state, maps[i]), &info, &len), 0);
		if (!info.btf_id || !info.btf_key_type_id || !info.btf_value_type_id)
			fail_msg("%s: the kernel has no types for it", maps[i]);
	}
}

static void licence_is_dual(void **state)
{
	(void)state;
	assert_non_null(memmem(gate_object, gate_object_len, "Dual BSD/GPL", 13));
}

static void seed_is_drawn_once(void **state)
{
	struct run *run = *state;
	struct sz_meta first, second;

	assert_int_equal(run->meta->layout, 0);
	run_spec(run, &(struct spec){0});
	memcpy(&first, (const void *)(uintptr_t)run->meta, sizeof(first));
	assert_int_equal(first.layout, SZ_LAYOUT);
	for (int i = 0; i < 8; i++) {
		assert_true(first.seed.word[i] & 1);
		for (int j = 0; j < i; j++)
			assert_true(first.seed.word[i] != first.seed.word[j]);
	}
	run_spec(run, &(struct spec){.family = 6});
	memcpy(&second, (const void *)(uintptr_t)run->meta, sizeof(second));
	assert_memory_equal(&first, &second, sizeof(first));
}

/* User space may have drawn a part of it: what stands stays. */
static void seed_is_completed(void **state)
{
	struct run *run = *state;

	memset((void *)(uintptr_t)run->meta, 0, sizeof(*run->meta));
	run->meta->seed.word[2] = 77;
	run_spec(run, &(struct spec){0});
	assert_int_equal(run->meta->seed.word[2], 77);
	for (int i = 0; i < 8; i++)
		assert_true(run->meta->seed.word[i] & 1);
	assert_int_equal(run->meta->layout, SZ_LAYOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_load),	      cmocka_unit_test(maps_are_as_abi_says),
		cmocka_unit_test(maps_have_types),    cmocka_unit_test(licence_is_dual),
		cmocka_unit_test(seed_is_drawn_once), cmocka_unit_test(seed_is_completed),
	};

	return cmocka_run_group_tests(tests, run_setup, run_teardown);
}
