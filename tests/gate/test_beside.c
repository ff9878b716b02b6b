/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Below libxdp's dispatcher, beside a program of somebody else (xdp-filter). Needs a kernel that
 * takes freplace programs; where it does not, these tests are skipped and test_attach shows the
 * other way, a single program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/gate/attach.h>
#include <user/gate/dispatcher.h>
#include <user/gate/gate.h>

#include "netns.h"

#define BAD "10.66.0.66"
#define FILTERED "10.66.0.77"
#define HONEST "10.66.0.2"
#define REPLACEMENTS 5

static struct gate *gate;
static unsigned int ifindex;
static bool has_dispatcher;

static struct attachment query(void)
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

static int setup(void **state)
{
	(void)state;
	ifindex = veth_up(0);
	if (gate_open(NULL, GATE_WRITE | GATE_CREATE, NULL, &gate))
		return -1;
	deny_raw(gate->map, BAD, 0);
	if (attach_add(gate, ifindex, ATTACH_NATIVE))
		return -1;
	has_dispatcher = query().dispatcher;
	if (!has_dispatcher)
		fprintf(stderr, "# no freplace programs on this kernel\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	veth_down(0);
	if (gate_unpin(gate))
		return -1;
	gate_close(gate);
	return 0;
}

static int count_one(void *context, int prog_fd)
{
	(void)prog_fd;
	++*(int *)context;
	return 0;
}

static int below(void)
{
	int count = 0;

	must(dispatcher_walk(ifindex, count_one, &count));
	return count;
}

static void somebody_else_comes(void)
{
	assert_int_equal(sh("xdp-filter load -m native -f ipv4 sz0"), 0);
	assert_int_equal(sh("xdp-filter ip -m src " FILTERED), 0);
}

static void replaced_under_traffic(void)
{
	struct traffic *traffic = traffic_start(0, BAD, HONEST);
	struct traffic_seen seen;

	for (int i = 0; i < REPLACEMENTS; i++)
		must(attach_replace(gate, ifindex));
	seen = traffic_stop(traffic);
	assert_true(seen.sent > 0);
	assert_int_equal(seen.bad, 0);
	assert_true(seen.honest * 10 > seen.sent * 9);
}

static void alone_below_it(void **state)
{
	uint32_t first;

	(void)state;
	if (!has_dispatcher)
		skip();
	first = query().prog_id;
	assert_int_equal(below(), 1);
	replaced_under_traffic();
	assert_true(query().prog_id != first);
	assert_true(query().current);
	assert_int_equal(below(), 1);
	must(attach_remove(gate, ifindex));
	assert_int_equal(query().owner, ATTACH_NONE);
}

static void beside_another(void **state)
{
	(void)state;
	if (!has_dispatcher)
		skip();
	somebody_else_comes();
	assert_int_equal(below(), 2);
	assert_int_equal(query().owner, ATTACH_OURS);
	assert_false(passes(0, BAD));
	assert_false(passes(0, FILTERED));
	assert_true(passes(0, HONEST));
	replaced_under_traffic();
	assert_int_equal(below(), 2);
	assert_false(passes(0, FILTERED));

	must(attach_remove(gate, ifindex));
	assert_int_equal(query().owner, ATTACH_OTHER);
	assert_true(query().dispatcher);
	assert_int_equal(below(), 1);
	assert_true(passes(0, BAD));
	assert_false(passes(0, FILTERED));

	/* And the other way round: it is there first. */
	must(attach_add(gate, ifindex, ATTACH_AUTO));
	assert_int_equal(below(), 2);
	assert_int_equal(query().owner, ATTACH_OURS);
	assert_false(passes(0, BAD));
	assert_false(passes(0, FILTERED));
	assert_int_equal(sh("xdp-filter unload sz0"), 0);
	assert_int_equal(below(), 1);
	assert_false(passes(0, BAD));
	must(attach_remove(gate, ifindex));
}

/* Killed between the two steps of a replacement: both are there, and the next one clears up. */
static void cut_short(void **state)
{
	uint32_t id;

	(void)state;
	if (!has_dispatcher)
		skip();
	must(dispatcher_attach(gate, ifindex, ATTACH_NATIVE, LOAD_FRAGS, &id));
	assert_int_equal(below(), 2);
	assert_false(passes(0, BAD));
	assert_true(passes(0, HONEST));
	must(attach_replace(gate, ifindex));
	assert_int_equal(below(), 1);
	assert_false(passes(0, BAD));
	must(dispatcher_attach(gate, ifindex, ATTACH_NATIVE, LOAD_FRAGS, &id));
	must(attach_remove(gate, ifindex));
	assert_int_equal(query().owner, ATTACH_NONE);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(alone_below_it),
		IN_WORLD(beside_another),
		IN_WORLD(cut_short),
	};

	if (!netns_enter())
		return 0;
	return cmocka_run_group_tests_name("beside", tests, NULL, NULL);
}
