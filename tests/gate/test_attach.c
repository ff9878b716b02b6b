/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Attaching to veth pairs, replacing under traffic, and leaving others alone. */
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

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <user/gate/attach.h>
#include <user/gate/gate.h>
#include <user/gate/load.h>
#include <user/gate/stats.h>

#include "netns.h"

#define BAD "10.66.0.66"
#define HONEST "10.66.0.2"
#define REPLACEMENTS 6

struct world {
	struct gate *gate;
	unsigned int ifindex;
};

static int setup(void **state)
{
	static struct world world;

	*state = &world;
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
	return 0;
}

static struct attachment query(struct gate *gate, unsigned int ifindex)
{
	struct attachment one = {0};

	assert_int_equal(attach_query(gate, ifindex, &one), 0);
	return one;
}

static void must(int r)
{
	if (r)
		fprintf(stderr, "# %d: %s\n", r, gate_error());
	assert_int_equal(r, 0);
}

/* Load a program of two instructions that passes everything, under that name. */
static int stranger_load(const char *name)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, name, "GPL", pass, ARRAY_LEN(pass), NULL);

	assert_true(fd >= 0);
	return fd;
}

static void attaches(struct world *world, enum attach_mode asked, enum attach_mode got)
{
	struct attachment one;

	assert_int_equal(query(world->gate, world->ifindex).owner, ATTACH_NONE);
	must(attach_add(world->gate, world->ifindex, asked));
	one = query(world->gate, world->ifindex);
	assert_int_equal(one.owner, ATTACH_OURS);
	assert_int_equal(one.mode, got);
	assert_true(one.current);
	assert_int_equal(one.instance, 0);
	assert_string_equal(one.ifname, "sz0");
	assert_non_null(strstr(one.prog_name, "sz_gate"));
	assert_int_equal(attach_add(world->gate, world->ifindex, asked), ATTACH_ALREADY);
	assert_true(passes(0, BAD));
	deny_raw(world->gate->map, BAD, 0);
	assert_false(passes(0, BAD));
	assert_true(passes(0, HONEST));
	must(attach_remove(world->gate, world->ifindex));
	assert_int_equal(query(world->gate, world->ifindex).owner, ATTACH_NONE);
	assert_true(passes(0, BAD));
	assert_int_equal(attach_remove(world->gate, world->ifindex), ATTACH_NOT_THERE);
	assert_int_equal(attach_replace(world->gate, world->ifindex), ATTACH_NOT_THERE);
}

static void native(void **state)
{
	attaches(*state, ATTACH_NATIVE, ATTACH_NATIVE);
}

static void generic(void **state)
{
	attaches(*state, ATTACH_GENERIC, ATTACH_GENERIC);
}

static void automatic(void **state)
{
	attaches(*state, ATTACH_AUTO, ATTACH_NATIVE);
}

/* A bridge has no native XDP. */
static void no_native(void **state)
{
	struct world *world = *state;
	unsigned int ifindex;

	assert_int_equal(sh("ip link add szbr type bridge && ip link set szbr up"), 0);
	ifindex = if_nametoindex("szbr");
	assert_int_equal(attach_add(world->gate, ifindex, ATTACH_NATIVE), ATTACH_NO_NATIVE);
	assert_non_null(strstr(gate_error(), "szbr"));
	must(attach_add(world->gate, ifindex, ATTACH_AUTO));
	assert_int_equal(query(world->gate, ifindex).mode, ATTACH_GENERIC);
	must(attach_remove(world->gate, ifindex));
	assert_int_equal(sh("ip link del szbr"), 0);
}

/* Large frames come in several buffers: only the xdp.frags entry may be attached then. */
static void large_mtu(void **state)
{
	struct world *world = *state;

	assert_int_equal(sh("ip link set sz0 mtu 9000 && ip link set pr0 mtu 9000"), 0);
	must(attach_add(world->gate, world->ifindex, ATTACH_NATIVE));
	assert_string_equal(query(world->gate, world->ifindex).prog_name, "sz_gate_frags");
	must(attach_replace(world->gate, world->ifindex));
	assert_string_equal(query(world->gate, world->ifindex).prog_name, "sz_gate_frags");
	must(attach_remove(world->gate, world->ifindex));
}

static void refusals(void **state)
{
	struct world *world = *state;
	struct attachment one;

	assert_int_equal(attach_add(world->gate, if_nametoindex("lo"), ATTACH_AUTO),
			 ATTACH_LOOPBACK);
	assert_non_null(strstr(gate_error(), "lo"));
	assert_int_equal(attach_add(world->gate, 4711, ATTACH_AUTO), ATTACH_NO_SUCH_IF);
	assert_non_null(strstr(gate_error(), "4711"));
	assert_int_equal(attach_query(world->gate, 0, &one), ATTACH_NO_SUCH_IF);
}

static void occupied(void **state)
{
	struct world *world = *state;
	int stranger = stranger_load("stranger");
	struct attachment one;
	char id[32];

	assert_int_equal(bpf_xdp_attach((int)world->ifindex, stranger, XDP_FLAGS_DRV_MODE, NULL),
			 0);
	one = query(world->gate, world->ifindex);
	assert_int_equal(one.owner, ATTACH_OTHER);
	assert_string_equal(one.prog_name, "stranger");
	snprintf(id, sizeof(id), "id %u", one.prog_id);
	assert_int_equal(attach_add(world->gate, world->ifindex, ATTACH_AUTO), ATTACH_OCCUPIED);
	assert_non_null(strstr(gate_error(), "stranger"));
	assert_non_null(strstr(gate_error(), id));
	assert_int_equal(attach_remove(world->gate, world->ifindex), ATTACH_NOT_THERE);
	assert_int_equal(query(world->gate, world->ifindex).prog_id, one.prog_id);
	close(stranger);
}

static void replaces(struct world *world, enum attach_mode mode)
{
	struct traffic *traffic;
	struct traffic_seen seen;
	uint32_t first, last;

	deny_raw(world->gate->map, BAD, 0);
	must(attach_add(world->gate, world->ifindex, mode));
	first = query(world->gate, world->ifindex).prog_id;
	traffic = traffic_start(0, BAD, HONEST);
	for (int i = 0; i < REPLACEMENTS; i++) {
		must(attach_replace(world->gate, world->ifindex));
		usleep(1000);
	}
	last = query(world->gate, world->ifindex).prog_id;
	seen = traffic_stop(traffic);
	assert_true(first != last);
	assert_int_equal(query(world->gate, world->ifindex).mode, mode);
	assert_true(seen.sent > 1000);
	assert_int_equal(seen.bad, 0);
	assert_true(seen.honest * 10 > seen.sent * 9);
	must(attach_remove(world->gate, world->ifindex));
}

static void replaces_native(void **state)
{
	replaces(*state, ATTACH_NATIVE);
}

static void replaces_generic(void **state)
{
	replaces(*state, ATTACH_GENERIC);
}

/* One set of lists on all; what happens on one interface leaves the others filtering. */
static void several_interfaces(void **state)
{
	struct world *world = *state;
	unsigned int second = veth_up(1);
	struct attachment *all = NULL;
	struct traffic_seen seen;
	struct traffic *traffic;
	size_t count = 0, ours = 0;

	deny_raw(world->gate->map, BAD, 0);
	must(attach_add(world->gate, world->ifindex, ATTACH_NATIVE));
	must(attach_add(world->gate, second, ATTACH_GENERIC));
	must(attach_list(world->gate, &all, &count));
	assert_int_equal(count, 5); /* lo and two pairs */
	for (size_t i = 0; i < count; i++)
		ours += all[i].owner == ATTACH_OURS && all[i].current;
	assert_int_equal(ours, 2);
	free(all);

	traffic = traffic_start(1, BAD, HONEST);
	for (int i = 0; i < 5; i++)
		must(attach_replace(world->gate, world->ifindex));
	must(attach_remove(world->gate, world->ifindex));
	seen = traffic_stop(traffic);
	assert_int_equal(seen.bad, 0);
	assert_true(seen.honest > 0);
	assert_int_equal(query(world->gate, second).owner, ATTACH_OURS);
	must(attach_remove(world->gate, second));
	veth_down(1);
}

/* The gate outlives every process: handle closed, pins gone, it still drops. */
static void outlives_us(void **state)
{
	struct world *world = *state;

	deny_raw(world->gate->map, BAD, 0);
	must(attach_add(world->gate, world->ifindex, ATTACH_NATIVE));
	gate_close(world->gate);
	assert_false(passes(0, BAD));
	must(gate_open(NULL, GATE_WRITE | GATE_CREATE, NULL, &world->gate));
	assert_int_equal(query(world->gate, world->ifindex).owner, ATTACH_OURS);
	assert_false(passes(0, BAD));
	must(attach_remove(world->gate, world->ifindex));
}

/* A program whose number is not meta's is on standby: reported, and healed by a replacement. */
static void standby_is_healed(void **state)
{
	struct world *world = *state;
	struct attachment one;

	deny_raw(world->gate->map, BAD, 0);
	must(attach_add(world->gate, world->ifindex, ATTACH_NATIVE));
	world->gate->meta->instance = 7;
	one = query(world->gate, world->ifindex);
	assert_int_equal(one.owner, ATTACH_OURS);
	assert_false(one.current);
	assert_true(passes(0, BAD));
	must(attach_replace(world->gate, world->ifindex));
	one = query(world->gate, world->ifindex);
	assert_true(one.current);
	assert_int_equal(one.instance, 7);
	assert_false(passes(0, BAD));
	must(attach_remove(world->gate, world->ifindex));
}

static void counts_what_it_drops(void **state)
{
	struct world *world = *state;
	struct gate_stats stats;

	deny_raw(world->gate->map, BAD, 0);
	must(attach_add(world->gate, world->ifindex, ATTACH_NATIVE));
	for (int i = 0; i < 10; i++)
		frame_send(0, BAD);
	usleep(50000);
	must(gate_stats_read(world->gate, &stats));
	assert_int_equal(stats.reason[SZ_REASON_DENY_HOST].packets, 10);
	assert_int_equal(stats.dropped.packets, 10);
	must(attach_remove(world->gate, world->ifindex));
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(native),
		IN_WORLD(generic),
		IN_WORLD(automatic),
		IN_WORLD(no_native),
		IN_WORLD(large_mtu),
		IN_WORLD(refusals),
		IN_WORLD(occupied),
		IN_WORLD(replaces_native),
		IN_WORLD(replaces_generic),
		IN_WORLD(several_interfaces),
		IN_WORLD(outlives_us),
		IN_WORLD(standby_is_healed),
		IN_WORLD(counts_what_it_drops),
	};

	if (!netns_enter())
		return 0;
	return cmocka_run_group_tests_name("attach", tests, NULL, NULL);
}
