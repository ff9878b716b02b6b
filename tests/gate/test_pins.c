/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Making, opening, locking, mending and refusing the pinned maps of a gate. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include <strazh/abi/rule.h>
#include <strazh/abi/stats.h>
#include <tests/gate/fake_gate.h>
#include <user/gate/act.h>
#include <user/gate/attach.h>
#include <user/gate/dlines.h>
#include <user/gate/gate.h>
#include <user/gate/maps.h>
#include <user/gate/present.h>
#include <user/gate/stats.h>

#include "netns.h"

#define PINS GATE_PIN_DIR

static struct gate *must_create(const struct gate_sizes *sizes)
{
	struct gate *gate = NULL;
	int r = gate_open(NULL, GATE_WRITE | GATE_CREATE, sizes, &gate);

	if (r)
		fprintf(stderr, "# gate_open: %d, %s\n", r, gate_error());
	assert_int_equal(r, 0);
	return gate;
}

static void drop(struct gate *gate)
{
	assert_int_equal(gate_unpin(gate), 0);
	gate_close(gate);
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info;

	assert_int_equal(map_info(fd, &info), 0);
	return info.id;
}

static void absent_is_said(void **state)
{
	struct gate *gate = NULL;

	(void)state;
	assert_int_equal(gate_open(NULL, 0, NULL, &gate), GATE_ABSENT);
	assert_null(gate);
	assert_non_null(strstr(gate_error(), PINS));
	assert_int_equal(gate_open(NULL, GATE_WRITE, NULL, &gate), GATE_ABSENT);
}

static void create_makes_all(void **state)
{
	const struct gate_sizes sizes = {.host4 = 1000, .net = 500, .allow = 50, .never = 20};
	struct gate *gate = must_create(&sizes);
	struct stat st;

	(void)state;
	assert_int_equal(stat(PINS, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	for (int i = 0; i < GATE_MAPS_TOTAL; i++) {
		char path[256];

		snprintf(path, sizeof(path), PINS "/%s", gate_map_names[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_true(gate->map[i] >= 0);
	}
	assert_int_equal(gate->max[GATE_MAP_DHOST4], 1000);
	assert_int_equal(gate->max[GATE_MAP_DHOST6], SZ_HOST6_MAX);
	assert_int_equal(gate->max[GATE_MAP_DNET4], 500);
	assert_int_equal(gate->max[GATE_MAP_DNET6], 500);
	assert_int_equal(gate->max[GATE_MAP_ALLOW6], 50);
	assert_int_equal(gate->max[GATE_MAP_NEVER4], 20);
	assert_int_equal(gate->meta->layout, SZ_LAYOUT);
	assert_int_equal(gate->remade, 0);
	drop(gate);
	assert_int_equal(stat(PINS, &st), -1);
}

static void seed_is_drawn_once(void **state)
{
	struct gate *gate = must_create(NULL);
	struct sz_seed first = *gate_seed(gate);

	(void)state;
	for (int i = 0; i < 8; i++) {
		assert_true(first.word[i] & 1);
		for (int j = 0; j < i; j++)
			assert_true(first.word[i] != first.word[j]);
	}
	gate_close(gate);
	gate = must_create(NULL);
	assert_memory_equal(gate_seed(gate), &first, sizeof(first));
	drop(gate);
}

static void maps_and_settings_survive(void **state)
{
	const struct sz_host4 host = {.addr = 0x01020304};
	struct sz_rule rule = {.lists = 1, .hits = 7}, back = {0};
	struct gate *gate = must_create(NULL);
	uint32_t id = map_id(gate->map[GATE_MAP_DHOST4]);

	(void)state;
	assert_int_equal(bpf_map_update_elem(gate->map[GATE_MAP_DHOST4], &host, &rule, 0), 0);
	gate->settings->flags = SZ_SET_OBSERVE;
	gate->present4[3].bits[1] = 42;
	gate_close(gate);

	assert_int_equal(gate_open(NULL, 0, NULL, &gate), 0);
	assert_int_equal(gate->lock_fd, -1);
	assert_int_equal(map_id(gate->map[GATE_MAP_DHOST4]), id);
	assert_int_equal(bpf_map_lookup_elem(gate->map[GATE_MAP_DHOST4], &host, &back), 0);
	assert_memory_equal(&back, &rule, sizeof(rule));
	assert_int_equal(gate->settings->flags, SZ_SET_OBSERVE);
	assert_int_equal(gate->present4[3].bits[1], 42);
	assert_int_equal(gate_unpin(gate), -EBADF);
	gate_close(gate);
	drop(must_create(NULL));
}

static void one_writer(void **state)
{
	struct gate *writer = must_create(NULL), *second = NULL, *reader = NULL;
	char pid[16];

	(void)state;
	snprintf(pid, sizeof(pid), "%d", getpid());
	assert_int_equal(gate_open(NULL, GATE_WRITE, NULL, &second), GATE_BUSY);
	assert_non_null(strstr(gate_error(), pid));
	assert_int_equal(gate_open(NULL, 0, NULL, &reader), 0);
	gate_close(reader);
	gate_close(writer);
	assert_int_equal(gate_open(NULL, GATE_WRITE, NULL, &second), 0);
	drop(second);
}

static void other_layout_number(void **state)
{
	struct gate *gate = must_create(NULL), *other = NULL;

	(void)state;
	gate->meta->layout = SZ_LAYOUT + 1;
	gate_close(gate);
	assert_int_equal(gate_open(NULL, GATE_WRITE | GATE_CREATE, NULL, &other),
			 GATE_OTHER_LAYOUT);
	assert_non_null(strstr(gate_error(), "layout 3"));
	assert_non_null(strstr(gate_error(), "layout 2"));
	assert_non_null(strstr(gate_error(), "strazhctl"));
	assert_int_equal(gate_open(NULL, 0, NULL, &other), GATE_OTHER_LAYOUT);
	assert_int_equal(sh("rm -r " PINS), 0);
}

/* In place of a pin: a map of the same name and type with other entries; then another map. */
static void impostors(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	struct gate *other = NULL;
	int fd;

	(void)state;
	gate_close(must_create(NULL));
	assert_int_equal(unlink(PINS "/sz_dhost4"), 0);
	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "sz_dhost4", 4, 24, 10, &opts);
	assert_int_equal(bpf_obj_pin(fd, PINS "/sz_dhost4"), 0);
	close(fd);
	assert_int_equal(gate_open(NULL, GATE_WRITE | GATE_CREATE, NULL, &other),
			 GATE_OTHER_LAYOUT);
	assert_non_null(strstr(gate_error(), "sz_dhost4"));

	assert_int_equal(unlink(PINS "/sz_dhost4"), 0);
	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "stranger", 4, sizeof(struct sz_rule), 10, &opts);
	assert_int_equal(bpf_obj_pin(fd, PINS "/sz_dhost4"), 0);
	close(fd);
	assert_int_equal(gate_open(NULL, GATE_WRITE | GATE_CREATE, NULL, &other), GATE_DAMAGED);
	assert_non_null(strstr(gate_error(), "sz_dhost4"));
	assert_int_equal(sh("rm -r " PINS), 0);
}

static void missing_pins_are_named(void **state)
{
	struct gate *gate = NULL;

	(void)state;
	gate_close(must_create(NULL));
	assert_int_equal(unlink(PINS "/sz_note"), 0);
	assert_int_equal(unlink(PINS "/sz_meta"), 0);
	assert_int_equal(gate_open(NULL, GATE_WRITE, NULL, &gate), GATE_DAMAGED);
	assert_non_null(strstr(gate_error(), "sz_meta"));
	assert_non_null(strstr(gate_error(), "sz_note"));
	assert_null(strstr(gate_error(), "sz_list"));

	/* Nothing is attached: they are made anew, the others stay. */
	gate = must_create(NULL);
	assert_int_equal(gate->remade, 1U << GATE_MAP_META | 1U << GATE_MAP_NOTE);
	assert_int_equal(gate->meta->layout, SZ_LAYOUT);
	drop(gate);
}

/* A new seed: the bits that IPv6 entries need are others, and they are set when it is opened. */
static void presence_follows_the_seed(void **state)
{
	static struct present_shadow wanted;
	const char *const text = "2001:db8:1::7";
	struct act act = {.table = SZ_TABLE_DENY, .bit = SZ_LIST_OPERATOR};
	struct gate *gate = must_create(NULL);
	struct act_answer answer;
	struct sz_seed old = *gate_seed(gate);

	(void)state;
	assert_int_equal(prefix_parse(text, strlen(text), &act.prefix), 0);
	assert_int_equal(act_add(gate, &act, &answer), 0);
	gate_close(gate);
	assert_int_equal(unlink(PINS "/sz_meta"), 0);
	gate = must_create(NULL);
	assert_memory_not_equal(gate_seed(gate), &old, sizeof(old));
	present_see(gate, &wanted, &act.prefix);
	assert_memory_equal(gate->present6, wanted.v6, sizeof(wanted.v6));
	assert_int_equal(gate->settings->present6_levels, wanted.levels);
	drop(gate);
}

static bool denies(struct gate *gate, const struct prefix *host)
{
	uint64_t lists;

	return fake_verdict(gate, host, &lists) == 3;
}

/*
 * A gate without hosts knows so in every line; with one of the maps gone that the lines follow,
 * they say again what the hash says.
 */
static void lines_follow_seed_and_hosts(void **state)
{
	static const enum gate_map lost[] = {GATE_MAP_META, GATE_MAP_DHOST4, GATE_MAP_DLINE4};
	struct act act = {.table = SZ_TABLE_DENY, .prefix = pfx("1.2.3.4")};
	const struct prefix other = pfx("1.2.3.5");
	struct gate *gate = must_create(NULL);
	struct act_answer answer;

	(void)state;
	for (size_t i = 0; i < SZ_DLINES; i += 1000)
		assert_int_equal(gate->dlines[i].slot[0].what, SZ_DLINE_ALL);
	for (size_t i = 0; i < ARRAY_LEN(lost); i++) {
		char path[256];

		assert_int_equal(act_add(gate, &act, &answer), 0);
		assert_true(denies(gate, &act.prefix));
		gate_close(gate);
		snprintf(path, sizeof(path), PINS "/%s", gate_map_names[lost[i]]);
		assert_int_equal(unlink(path), 0);
		gate = must_create(NULL);
		assert_int_equal(gate->remade, 1ULL << lost[i]);
		assert_int_equal(denies(gate, &act.prefix), lost[i] != GATE_MAP_DHOST4);
		assert_false(denies(gate, &other));
		for (size_t line = 0; line < SZ_DLINES; line += 1000)
			assert_int_equal(gate->dlines[line].slot[0].what & SZ_DLINE_ALL,
					 SZ_DLINE_ALL);
	}
	drop(gate);
}

/* Others filled the hash before user space came by for the first time: no line may know all. */
static void lines_of_a_filled_hash(void **state)
{
	struct gate *gate = must_create(NULL);
	const struct prefix host = pfx("1.2.3.4");
	const struct sz_rule rule = {.lists = 1};

	(void)state;
	dlines_clear(gate, false);
	present_mark(gate, &host);
	assert_int_equal(bpf_map_update_elem(gate->map[GATE_MAP_DHOST4], host.addr, &rule, 0), 0);
	gate->meta->layout = 0;
	gate_close(gate);
	gate = must_create(NULL);
	assert_int_equal(gate->meta->layout, SZ_LAYOUT);
	assert_true(denies(gate, &host));
	drop(gate);
}

/* A lost pin of an attached gate is the very map that the program uses, not a new one. */
static void missing_pins_are_found_again(void **state)
{
	static const enum gate_map lost[] = {GATE_MAP_META, GATE_MAP_DHOST4, GATE_MAP_NOTE,
					     GATE_MAP_LIST, GATE_MAP_SETTINGS};
	unsigned int ifindex = veth_up(0);
	struct gate *gate = must_create(NULL);
	uint32_t ids[ARRAY_LEN(lost)];

	(void)state;
	assert_int_equal(attach_add(gate, ifindex, ATTACH_AUTO), 0);
	for (size_t i = 0; i < ARRAY_LEN(lost); i++) {
		char path[256];

		ids[i] = map_id(gate->map[lost[i]]);
		snprintf(path, sizeof(path), PINS "/%s", gate_map_names[lost[i]]);
		assert_int_equal(unlink(path), 0);
	}
	gate_close(gate);
	gate = must_create(NULL);
	assert_int_equal(gate->remade, 0);
	for (size_t i = 0; i < ARRAY_LEN(lost); i++)
		assert_int_equal(map_id(gate->map[lost[i]]), ids[i]);
	gate_close(gate);
	gate = must_create(NULL);
	assert_int_equal(attach_remove(gate, ifindex), 0);
	drop(gate);
	veth_down(0);
}

/* A creation that was killed half way leaves "_new"; the next one clears it away. */
static void half_a_creation(void **state)
{
	struct gate *gate = must_create(NULL), *other = NULL;

	(void)state;
	assert_int_equal(mkdir(PINS "_new", 0700), 0);
	assert_int_equal(bpf_obj_pin(gate->map[GATE_MAP_META], PINS "_new/sz_meta"), 0);
	drop(gate);
	assert_int_equal(gate_open(NULL, 0, NULL, &other), GATE_ABSENT);
	drop(must_create(NULL));
	assert_int_equal(access(PINS "_new", F_OK), -1);
}

static void mounts_bpffs_itself(void **state)
{
	const struct gate_place place = {.pin_dir = "/run/strazh-pins"};
	struct gate *gate = NULL;

	(void)state;
	assert_int_equal(gate_open(&place, GATE_WRITE | GATE_CREATE, NULL, &gate), -ENOTDIR);
	assert_non_null(strstr(gate_error(), "bpffs"));
	assert_non_null(strstr(gate_error(), "/run"));
	while (!umount("/sys/fs/bpf"))
		;
	gate = must_create(NULL);
	assert_int_equal(access(PINS "/sz_meta", F_OK), 0);
	drop(gate);
}

static void memory_is_told(void **state)
{
	struct gate *gate = must_create(NULL);
	uint64_t bytes = 0;

	(void)state;
	assert_int_equal(gate_memory(gate, &bytes), 0);
	/* Presence 4 MiB, rate table 16 MiB, events 1 MiB, buckets of the host tables 32 MiB;
	   before Linux 6.4 the capacity of hashes and tries as well (memory.c). */
	assert_in_range(bytes, 20U << 20, 256U << 20);
	drop(gate);
}

static void counters_start_at_zero(void **state)
{
	struct gate *gate = must_create(NULL);
	struct gate_stats stats;

	(void)state;
	assert_int_equal(gate_stats_read(gate, &stats), 0);
	assert_int_equal(stats.passed.packets + stats.dropped.packets, 0);
	drop(gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_is_said),
		cmocka_unit_test(create_makes_all),
		cmocka_unit_test(seed_is_drawn_once),
		cmocka_unit_test(maps_and_settings_survive),
		cmocka_unit_test(one_writer),
		cmocka_unit_test(other_layout_number),
		cmocka_unit_test(impostors),
		cmocka_unit_test(missing_pins_are_named),
		cmocka_unit_test(presence_follows_the_seed),
		cmocka_unit_test(lines_follow_seed_and_hosts),
		cmocka_unit_test(lines_of_a_filled_hash),
		cmocka_unit_test(missing_pins_are_found_again),
		cmocka_unit_test(half_a_creation),
		cmocka_unit_test(mounts_bpffs_itself),
		cmocka_unit_test(memory_is_told),
		cmocka_unit_test(counters_start_at_zero),
	};

	if (!netns_enter())
		return 0;
	return cmocka_run_group_tests_name("pins", tests, NULL, NULL);
}
