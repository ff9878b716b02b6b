/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A gate that ip or xdp-loader attached, on maps of its own and filled by hand, becomes ours under
 * traffic of a source that it denies.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/gate/act.h>
#include <user/gate/attach.h>
#include <user/gate/gate.h>
#include <user/gate/progs.h>

#include "netns.h"

#define OBJECT "/run/gate.bpf.o"
#define BAD "10.66.0.66"
#define LATER "10.66.1.66"
#define DEAD "10.66.2.66"
#define HONEST "10.66.0.2"
#define IP_PINS "/sys/fs/bpf/tc/globals"

extern const unsigned char gate_object[];
extern const uint64_t gate_object_len;

struct world {
	struct gate *gate;
	unsigned int ifindex;
};

/* The maps of a gate that is not ours. */
struct foreign {
	int map[GATE_MAPS_TOTAL];
	uint32_t prog_id;
};

static void must(int r)
{
	if (r)
		fprintf(stderr, "# %d: %s\n", r, gate_error());
	assert_int_equal(r, 0);
}

static int setup(void **state)
{
	static struct world world;
	own_file FILE *file = fopen(OBJECT, "w");

	*state = &world;
	if (!file || fwrite(gate_object, gate_object_len, 1, file) != 1)
		return -1;
	world.ifindex = veth_up(0);
	return gate_open(NULL, GATE_WRITE | GATE_CREATE, NULL, &world.gate);
}

static int teardown(void **state)
{
	struct world *world = *state;

	veth_down(0);
	if (gate_unpin(world->gate))
		return -1;
	gate_close(world->gate);
	return sh("rm -rf /sys/fs/bpf/tc /sys/fs/bpf/xdp /sys/fs/bpf/ip");
}

static struct attachment query(struct world *world)
{
	struct attachment one = {0};

	must(attach_query(world->gate, world->ifindex, &one));
	return one;
}

static void foreign_open(struct world *world, struct foreign *foreign)
{
	struct attachment one = query(world);
	struct prog_facts facts;

	assert_int_equal(one.owner, ATTACH_FOREIGN);
	foreign->prog_id = one.prog_id;
	must(prog_facts_by_id(one.prog_id, &facts, NULL));
	for (int i = 0; i < GATE_MAPS_TOTAL; i++)
		foreign->map[i] = facts.map_ids[i] ? bpf_map_get_fd_by_id(facts.map_ids[i]) : -1;
}

static void foreign_close(struct foreign *foreign)
{
	for (int i = 0; i < GATE_MAPS_TOTAL; i++)
		if (foreign->map[i] >= 0)
			close(foreign->map[i]);
}

static void net_put(int map, const char *address, uint32_t len, uint64_t lists)
{
	struct sz_net_rule value = {.rule.lists = lists}; /* as by hand: nothing but the verdict */
	struct sz_net4 key = {.len = len};

	assert_int_equal(inet_pton(AF_INET, address, &key.addr), 1);
	assert_int_equal(bpf_map_update_elem(map, &key, &value, BPF_ANY), 0);
}

static void host_put(int map, const char *address, const struct sz_rule *rule)
{
	struct sz_host4 key;

	assert_int_equal(inet_pton(AF_INET, address, &key.addr), 1);
	assert_int_equal(bpf_map_update_elem(map, &key, rule, BPF_ANY), 0);
}

static bool host_get(struct gate *gate, const char *address, struct sz_rule *ret_rule)
{
	struct sz_host4 key;

	assert_int_equal(inet_pton(AF_INET, address, &key.addr), 1);
	return !bpf_map_lookup_elem(gate->map[GATE_MAP_DHOST4], &key, ret_rule);
}

static void fill(struct foreign *foreign, uint32_t until_s)
{
	const struct sz_rule feed = {.lists = 1ULL << 5, .hits = 41};

	deny_raw(foreign->map, BAD, 0);
	deny_raw(foreign->map, LATER, until_s);
	deny_raw(foreign->map, DEAD, 1);
	host_put(foreign->map[GATE_MAP_DHOST4], "172.20.0.9", &feed);
	net_put(foreign->map[GATE_MAP_DNET4], "172.21.0.0", 16, 1);
	net_put(foreign->map[GATE_MAP_ALLOW4], "172.22.0.0", 24, 1);
	net_put(foreign->map[GATE_MAP_NEVER4], "172.23.0.1", 32, 1);
	/* A denial that its own never-ban set covers: never decides, there and here. */
	deny_raw(foreign->map, "172.23.0.1", 0);
}

static void check_imported(struct gate *gate, uint32_t until_s)
{
	struct entry entries[8];
	struct sz_list list;
	struct sz_rule rule;
	struct prefix inside;
	size_t count = 0;
	uint32_t bit;

	assert_true(host_get(gate, BAD, &rule));
	assert_int_equal(rule.until_s[SZ_ORIGIN_OPERATOR], 0);
	assert_true(rule.hits > 0); /* what it dropped over there */
	assert_true(host_get(gate, LATER, &rule));
	assert_int_equal(rule.until_s[SZ_ORIGIN_OPERATOR], until_s);
	assert_false(host_get(gate, DEAD, &rule));
	assert_false(host_get(gate, "172.23.0.1", &rule));
	assert_true(host_get(gate, "172.20.0.9", &rule));
	assert_int_equal(rule.hits, 41);
	bit = (uint32_t)__builtin_ctzll(rule.lists);
	assert_true(bit >= SZ_LIST_FEED);
	assert_int_equal(bpf_map_lookup_elem(gate->map[GATE_MAP_LIST], &bit, &list), 0);
	assert_string_equal(list.name, "imported");

	must(prefix_parse("172.21.3.4", 10, &inside));
	must(act_covering(gate, &inside, entries, ARRAY_LEN(entries), &count));
	assert_int_equal(count, 1);
	assert_int_equal(entries[0].prefix.len, 16);
	must(prefix_parse("172.22.0.7", 10, &inside));
	must(act_covering(gate, &inside, entries, ARRAY_LEN(entries), &count));
	assert_int_equal(count, 1);
	assert_int_equal(entries[0].table, SZ_TABLE_ALLOW);
}

static void adopts(struct world *world, enum attach_mode mode, const char *command)
{
	uint32_t until_s = clock_until(600);
	struct adoption adoption = {0};
	struct traffic_seen seen;
	struct traffic *traffic;
	struct foreign foreign;
	struct attachment one;

	assert_int_equal(sh("%s", command), 0);
	foreign_open(world, &foreign);
	fill(&foreign, until_s);
	assert_false(passes(0, BAD));
	traffic = traffic_start(0, BAD, HONEST);
	usleep(100000);
	must(attach_adopt(world->gate, world->ifindex, &adoption));
	usleep(100000);
	seen = traffic_stop(traffic);
	foreign_close(&foreign);

	assert_int_equal(seen.bad, 0);
	assert_true(seen.honest * 10 > seen.sent * 9);
	one = query(world);
	assert_int_equal(one.owner, ATTACH_OURS);
	assert_int_equal(one.mode, mode);
	assert_true(one.current);
	assert_true(one.prog_id != foreign.prog_id);
	assert_int_equal(adoption.never, 1);
	assert_int_equal(adoption.allow, 1);
	assert_int_equal(adoption.nets, 1);
	assert_int_equal(adoption.hosts, 3);
	assert_int_equal(adoption.refused, 1);
	check_imported(world->gate, until_s);
	assert_int_equal(attach_adopt(world->gate, world->ifindex, &adoption), ATTACH_NOT_THERE);
	must(attach_remove(world->gate, world->ifindex));
	assert_true(passes(0, BAD));
}

static void from_ip_native(void **state)
{
	adopts(*state, ATTACH_NATIVE, "ip link set dev sz0 xdpdrv obj " OBJECT " sec xdp");
	assert_int_equal(access(IP_PINS "/sz_meta", F_OK), -1);
}

static void from_ip_generic(void **state)
{
	adopts(*state, ATTACH_GENERIC, "ip link set dev sz0 xdpgeneric obj " OBJECT " sec xdp");
}

static void from_xdp_loader(void **state)
{
	adopts(*state, ATTACH_NATIVE, "xdp-loader load -m native sz0 " OBJECT);
}

static void from_xdp_loader_generic(void **state)
{
	adopts(*state, ATTACH_GENERIC, "xdp-loader load -m skb -s xdp.frags sz0 " OBJECT);
}

/* ip pins sz_list and sz_note too: names and notes come along, and the pins go. */
static void names_and_notes(void **state)
{
	const struct sz_rule rule = {.lists = 1ULL << 9};
	const struct sz_list list = {.name = "drop", .flags = SZ_LIST_USED};
	struct sz_note_key key = {.family = 4, .len = 32, .table = SZ_TABLE_DENY};
	const struct sz_note note = {.made_s = 5, .text = "tried doors"};
	struct adoption adoption = {0};
	struct world *world = *state;
	struct sz_note found;
	struct foreign foreign;
	struct prefix host;
	struct sz_list ours;
	struct sz_rule got;
	uint32_t bit = 9;
	int fd;

	assert_int_equal(sh("ip link set dev sz0 xdpdrv obj " OBJECT " sec xdp"), 0);
	foreign_open(world, &foreign);
	host_put(foreign.map[GATE_MAP_DHOST4], "10.7.7.7", &rule);
	foreign_close(&foreign);
	fd = bpf_obj_get(IP_PINS "/sz_list");
	assert_int_equal(bpf_map_update_elem(fd, &bit, &list, BPF_ANY), 0);
	close(fd);
	must(prefix_parse("10.7.7.7", 8, &host));
	memcpy(key.addr, host.addr, sizeof(key.addr));
	fd = bpf_obj_get(IP_PINS "/sz_note");
	assert_int_equal(bpf_map_update_elem(fd, &key, &note, BPF_ANY), 0);
	close(fd);

	must(attach_adopt(world->gate, world->ifindex, &adoption));
	assert_int_equal(adoption.hosts, 1);
	assert_int_equal(adoption.notes, 1);
	assert_int_equal(adoption.pins, GATE_MAPS_TOTAL);
	assert_int_equal(access(IP_PINS "/sz_list", F_OK), -1);
	assert_true(host_get(world->gate, "10.7.7.7", &got));
	bit = (uint32_t)__builtin_ctzll(got.lists);
	assert_int_equal(bpf_map_lookup_elem(world->gate->map[GATE_MAP_LIST], &bit, &ours), 0);
	assert_string_equal(ours.name, "drop");
	must(act_note(world->gate, SZ_TABLE_DENY, &host, &found));
	assert_string_equal(found.text, "tried doors");
	must(attach_remove(world->gate, world->ifindex));
}

/* Every pin of ours removed while it is attached: its own maps are the foreign ones now. */
static void from_ourselves(void **state)
{
	struct act act = {.table = SZ_TABLE_DENY, .note = "tried doors"};
	struct adoption adoption = {0};
	struct world *world = *state;
	struct act_answer answer;
	struct traffic *traffic;
	struct sz_note found;
	struct entry entry;
	size_t count;

	must(prefix_parse(BAD, strlen(BAD), &act.prefix));
	must(act_add(world->gate, &act, &answer));
	must(attach_add(world->gate, world->ifindex, ATTACH_NATIVE));
	gate_close(world->gate);
	assert_int_equal(sh("rm -r " GATE_PIN_DIR), 0);
	must(gate_open(NULL, GATE_WRITE | GATE_CREATE, NULL, &world->gate));
	assert_int_equal(query(world).owner, ATTACH_FOREIGN);
	assert_false(passes(0, BAD)); /* a hit, which its line counts */
	traffic = traffic_start(0, BAD, HONEST);
	must(attach_adopt(world->gate, world->ifindex, &adoption));
	assert_int_equal(traffic_stop(traffic).bad, 0);
	assert_int_equal(adoption.hosts, 1);
	must(act_note(world->gate, SZ_TABLE_DENY, &act.prefix, &found));
	assert_string_equal(found.text, "tried doors");
	assert_int_equal(query(world).owner, ATTACH_OURS);
	must(act_covering(world->gate, &act.prefix, &entry, 1, &count));
	assert_true(count == 1 && entry.rule.hits > 0);
	must(attach_remove(world->gate, world->ifindex));
}

static void settings_of(struct world *world, uint32_t flags)
{
	struct sz_settings settings = {.flags = flags, .events_per_s = 1000};
	struct foreign foreign;
	uint32_t zero = 0;

	assert_int_equal(sh("ip link set dev sz0 xdpdrv obj " OBJECT " sec xdp"), 0);
	foreign_open(world, &foreign);
	assert_int_equal(
		bpf_map_update_elem(foreign.map[GATE_MAP_SETTINGS], &zero, &settings, BPF_ANY), 0);
	foreign_close(&foreign);
}

static void settings_come_along(void **state)
{
	struct adoption adoption = {0};
	struct world *world = *state;

	settings_of(world, SZ_SET_OBSERVE);
	must(attach_adopt(world->gate, world->ifindex, &adoption));
	assert_true(adoption.settings);
	assert_int_equal(world->gate->settings->flags, SZ_SET_OBSERVE);
	assert_int_equal(world->gate->settings->events_per_s, 1000);
	must(attach_remove(world->gate, world->ifindex));
}

static void our_settings_stay(void **state)
{
	struct world *world = *state;

	world->gate->settings->flags = SZ_SET_RATE_ENFORCE;
	settings_of(world, SZ_SET_OBSERVE);
	must(attach_add(world->gate, world->ifindex, ATTACH_AUTO)); /* adopts as well */
	assert_int_equal(query(world).owner, ATTACH_OURS);
	assert_int_equal(world->gate->settings->flags, SZ_SET_RATE_ENFORCE);
	assert_int_equal(world->gate->settings->events_per_s, 0);
	must(attach_remove(world->gate, world->ifindex));
}

/* Maps of another version: refused, and the foreign gate goes on. */
static void other_layout(void **state)
{
	const struct sz_meta meta = {.layout = SZ_LAYOUT + 1};
	struct adoption adoption = {0};
	struct world *world = *state;
	struct foreign foreign;
	uint32_t zero = 0;

	assert_int_equal(sh("ip link set dev sz0 xdpdrv obj " OBJECT " sec xdp"), 0);
	foreign_open(world, &foreign);
	assert_int_equal(bpf_map_update_elem(foreign.map[GATE_MAP_META], &zero, &meta, BPF_ANY), 0);
	assert_int_equal(attach_adopt(world->gate, world->ifindex, &adoption), ATTACH_OTHER_LAYOUT);
	assert_int_equal(query(world).prog_id, foreign.prog_id);
	foreign_close(&foreign);
}

/* What does not fit is not dropped on the floor: the foreign gate stays in force. */
static void no_room(void **state)
{
	const struct gate_sizes small = {.host4 = 2};
	struct adoption adoption = {0};
	struct world *world = *state;
	struct foreign foreign;

	must(gate_unpin(world->gate));
	gate_close(world->gate);
	must(gate_open(NULL, GATE_WRITE | GATE_CREATE, &small, &world->gate));
	assert_int_equal(sh("ip link set dev sz0 xdpdrv obj " OBJECT " sec xdp"), 0);
	foreign_open(world, &foreign);
	fill(&foreign, 0);
	assert_int_equal(attach_adopt(world->gate, world->ifindex, &adoption), ATTACH_NO_ROOM);
	assert_non_null(strstr(gate_error(), "of 2"));
	assert_int_equal(query(world).prog_id, foreign.prog_id);
	assert_false(passes(0, BAD));
	foreign_close(&foreign);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(from_ip_native),      IN_WORLD(from_ip_generic),
		IN_WORLD(from_xdp_loader),     IN_WORLD(from_xdp_loader_generic),
		IN_WORLD(names_and_notes),     IN_WORLD(from_ourselves),
		IN_WORLD(settings_come_along), IN_WORLD(our_settings_stay),
		IN_WORLD(other_layout),	       IN_WORLD(no_room),
	};

	if (!netns_enter())
		return 0;
	return cmocka_run_group_tests_name("adopt", tests, NULL, NULL);
}
