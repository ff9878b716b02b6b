/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A flow that is over says nothing to the gate; it is removed by the sweep, or at once when the map
 * has no room. The walk goes by batches: a flow put meanwhile may be missed by it, none is seen
 * that is not there.
 */
#include <user/gate/proven.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>

#define SLICE 1024U

struct slice {
	struct sz_flow flow[SLICE];
	struct sz_proven value[SLICE];
	uint32_t count;
};

static int fail(const char *what)
{
	int r = -errno;

	gate_explain("proven flows cannot be %s: %s", what, strerror(-r));
	return r;
}

int proven_flow(const struct prefix *source, uint16_t sport, uint8_t proto, uint16_t dport,
		struct sz_flow *ret_flow)
{
	struct sz_flow flow = {
		.sport = htons(sport),
		.dport = htons(dport),
		.family = source->family,
		.proto = proto,
	};

	if (!prefix_is_host(source))
		return -EINVAL;
	memcpy(flow.addr, source->addr, source->family == 4 ? 4 : sizeof(flow.addr));
	*ret_flow = flow;
	return 0;
}

/* ---- the walk ---- */

static bool is_over(const struct sz_proven *value, uint32_t now_s)
{
	return value->until_s && value->until_s <= now_s;
}

/* The next slice; *ret_done: it was the last. */
static int next_slice(struct gate *gate, uint32_t most, uint32_t *token, struct slice *slice,
		      bool *ret_done)
{
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	uint32_t next = 0;
	int r;

	/* A bucket of the hash comes whole: a few entries are the least that can be asked for. */
	slice->count = MIN(MAX(most, 64U), SLICE);
	r = bpf_map_lookup_batch(gate->map[GATE_MAP_PROVEN], *token ? token : NULL, &next,
				 slice->flow, slice->value, &slice->count, &options);
	if (r && r != -ENOENT)
		return fail("walked");
	*ret_done = r == -ENOENT;
	*token = next;
	return 0;
}

static int delete_over(struct gate *gate, const struct slice *slice, uint64_t *collected)
{
	uint32_t now_s = clock_boot_s();

	for (uint32_t i = 0; i < slice->count; i++) {
		if (!is_over(&slice->value[i], now_s))
			continue;
		if (!bpf_map_delete_elem(gate->map[GATE_MAP_PROVEN], &slice->flow[i]))
			++*collected;
		else if (errno != ENOENT)
			return fail("removed");
	}
	return 0;
}

int proven_collect(struct gate *gate, uint32_t most, uint32_t *token, uint64_t *collected,
		   bool *ret_done)
{
	own_free struct slice *slice = malloc(sizeof(*slice));
	int r = slice ? next_slice(gate, most, token, slice, ret_done) : -ENOMEM;

	return r ? r : delete_over(gate, slice, collected);
}

int proven_count(struct gate *gate, uint32_t *ret_count)
{
	own_free struct slice *slice = malloc(sizeof(*slice));
	uint32_t token = 0, count = 0, now_s = clock_boot_s();
	bool done = false;

	if (!slice)
		return -ENOMEM;
	while (!done) {
		int r = next_slice(gate, SLICE, &token, slice, &done);

		if (r)
			return r;
		for (uint32_t i = 0; i < slice->count; i++)
			count += !is_over(&slice->value[i], now_s);
	}
	*ret_count = count;
	return 0;
}

/* ---- one ---- */

static int collect_all(struct gate *gate, uint64_t *collected)
{
	uint32_t token = 0;
	bool done = false;
	int r = 0;

	while (!r && !done)
		r = proven_collect(gate, SLICE, &token, collected, &done);
	return r;
}

int proven_put(struct gate *gate, const struct sz_flow *flow, uint32_t until_s)
{
	const int fd = gate->map[GATE_MAP_PROVEN];
	struct sz_proven value = {.since_s = MAX(clock_boot_s(), 1U)};
	uint64_t collected = 0;
	int r;

	if (!bpf_map_lookup_elem(fd, flow, &value) && is_over(&value, clock_boot_s()))
		value = (struct sz_proven){.since_s = MAX(clock_boot_s(), 1U)};
	value.until_s = until_s;
	if (!bpf_map_update_elem(fd, flow, &value, BPF_ANY))
		return 0;
	if (errno != E2BIG && errno != ENOSPC)
		return fail("written");
	/* Once a second: who fills it could make each of his flows a walk through all. */
	if (gate->proven_full_s != clock_boot_s()) {
		gate->proven_full_s = clock_boot_s();
		r = collect_all(gate, &collected);
		if (r)
			return r;
	}
	if (collected && !bpf_map_update_elem(fd, flow, &value, BPF_ANY))
		return 0;
	gate_explain("the map of proven flows is full: %u of them", gate->max[GATE_MAP_PROVEN]);
	return PROVEN_FULL;
}

int proven_drop(struct gate *gate, const struct sz_flow *flow)
{
	if (!bpf_map_delete_elem(gate->map[GATE_MAP_PROVEN], flow))
		return 0;
	return errno == ENOENT ? PROVEN_ABSENT : fail("removed");
}

/* Not one after the other from the first on: the search for the first goes past all that are gone.
 */
int proven_clear(struct gate *gate)
{
	own_free struct slice *slice = malloc(sizeof(*slice));
	uint32_t token = 0;
	bool done = false;

	if (!slice)
		return -ENOMEM;
	while (!done) {
		int r = next_slice(gate, SLICE, &token, slice, &done);

		if (r)
			return r;
		for (uint32_t i = 0; i < slice->count; i++)
			if (bpf_map_delete_elem(gate->map[GATE_MAP_PROVEN], &slice->flow[i]) &&
			    errno != ENOENT)
				return fail("removed");
	}
	return 0;
}
