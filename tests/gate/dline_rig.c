/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <tests/gate/dline_rig.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <strazh/abi/stats.h>
#include <strazh/base/compiler.h>
#include <tests/gate/fake_gate.h>
#include <tests/gate/packet.h>
#include <user/gate/act.h>
#include <user/gate/load.h>
#include <user/gate/present.h>

int rig_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig->gate = fake_gate(NULL);
	if (load_open(rig->gate, LOAD_PLAIN, &rig->object) || bpf_object__load(rig->object))
		fail_msg("the gate does not load: %s", gate_error());
	rig->gate->meta->layout = SZ_LAYOUT; /* so nobody fills in limits: only lists decide */
	rig->prog = bpf_program__fd(load_program(rig->object, LOAD_PLAIN));
	rig->count = bpf_object__find_map_fd_by_name(rig->object, "sz_count");
	*state = rig;
	return 0;
}

int rig_teardown(void **state)
{
	struct rig *rig = *state;

	bpf_object__close(rig->object);
	gate_close(rig->gate);
	free(rig);
	return 0;
}

/* ---- packets ---- */

uint64_t rig_count(const struct rig *rig, enum sz_reason reason)
{
	int cpus = libbpf_num_possible_cpus();
	struct sz_count *all = calloc((size_t)cpus, sizeof(*all));
	uint32_t key = reason;
	uint64_t sum = 0;

	assert_non_null(all);
	assert_int_equal(bpf_map_lookup_elem(rig->count, &key, all), 0);
	for (int i = 0; i < cpus; i++)
		sum += all[i].packets + all[i].observed_packets;
	free(all);
	return sum;
}

static struct frame *frame_of(const struct prefix *host)
{
	struct frame *frame = malloc(sizeof(*frame));
	char text[PREFIX_TEXT_LEN];

	assert_non_null(frame);
	frame_build(frame, &(struct spec){.src = prefix_format(host, text)});
	return frame;
}

void rig_flood(const struct rig *rig, const struct prefix *host, uint32_t repeat)
{
	struct frame *frame = frame_of(host);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes,
		    .data_size_in = (uint32_t)frame->len, .repeat = (int)repeat);

	if (bpf_prog_test_run_opts(rig->prog, &opts))
		fail_msg("BPF_PROG_TEST_RUN: %s", strerror(errno));
	free(frame);
}

enum sz_reason rig_ask(struct rig *rig, const struct prefix *host)
{
	static const enum sz_reason asked[] = {SZ_REASON_PASS, SZ_REASON_DENY_HOST,
					       SZ_REASON_DENY_NET};
	uint64_t before[ARRAY_LEN(asked)];

	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		before[i] = rig_count(rig, asked[i]);
	rig_flood(rig, host, 1);
	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		if (rig_count(rig, asked[i]) == before[i] + 1)
			return asked[i];
	fail_msg("the packet was decided by something else");
	return SZ_REASON_COUNT;
}

/* ---- the table ---- */

static uint32_t key_of(const struct prefix *host)
{
	uint32_t addr;

	memcpy(&addr, host->addr, sizeof(addr));
	return addr;
}

void rig_mates_of(struct rig *rig, const struct prefix *of, struct prefix *hosts, size_t count)
{
	const struct sz_seed *seed = gate_seed(rig->gate);
	uint32_t line = sz_dline_of(seed, key_of(of));
	size_t found = 0;

	for (uint32_t n = 20U << 24; found < count; n++) {
		uint8_t addr[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
				   (uint8_t)n};
		struct prefix host = prefix_from(4, addr, 32);

		if (sz_dline_of(seed, key_of(&host)) != line)
			continue;
		present_mark(rig->gate, &host);
		hosts[found++] = host;
	}
}

void rig_mates(struct rig *rig, struct prefix *hosts, size_t count)
{
	const struct prefix first = pfx("20.0.0.0");

	rig_mates_of(rig, &first, hosts, count);
}

struct sz_dline *rig_line(struct rig *rig, const struct prefix *host)
{
	return &rig->gate->dlines[sz_dline_of(gate_seed(rig->gate), key_of(host))];
}

struct sz_dslot *rig_slot(struct rig *rig, const struct prefix *host)
{
	struct sz_dline *line = rig_line(rig, host);

	for (int i = 0; i < SZ_DLINE_WAYS; i++)
		if ((uint32_t)line->slot[i].who == key_of(host))
			return &line->slot[i];
	return NULL;
}

bool rig_says(struct rig *rig, const struct prefix *host)
{
	const struct sz_dslot *slot = rig_slot(rig, host);

	return slot && slot->what & SZ_DSLOT_SAYS;
}

bool rig_blank(const struct rig *rig)
{
	for (uint32_t n = 0; n < SZ_DLINES; n++)
		for (int i = 0; i < SZ_DLINE_WAYS; i++) {
			const struct sz_dslot *slot = &rig->gate->dlines[n].slot[i];

			if (slot->who << 32 || slot->what != (i ? 0 : SZ_DLINE_ALL))
				return false;
		}
	return true;
}

bool rig_raw_read(struct rig *rig, const struct prefix *host, struct sz_rule *ret_rule)
{
	return !bpf_map_lookup_elem(rig->gate->map[GATE_MAP_DHOST4], host->addr, ret_rule);
}

void rig_raw_write(struct rig *rig, const struct prefix *host, struct sz_rule rule)
{
	assert_int_equal(bpf_map_update_elem(rig->gate->map[GATE_MAP_DHOST4], host->addr, &rule, 0),
			 0);
}

void rig_raw_delete(struct rig *rig, const struct prefix *host)
{
	assert_int_equal(bpf_map_delete_elem(rig->gate->map[GATE_MAP_DHOST4], host->addr), 0);
}

/* ---- acts ---- */

void rig_ban(struct rig *rig, const struct prefix *host, uint32_t bit, uint32_t until_s)
{
	struct act act = {.table = SZ_TABLE_DENY,
			  .prefix = *host,
			  .bit = bit,
			  .origin = bit < SZ_LIST_FEED ? (enum sz_origin)bit : SZ_ORIGIN_FEED,
			  .until_s = until_s};
	struct act_answer answer;

	assert_int_equal(act_add(rig->gate, &act, &answer), 0);
}

void rig_lift(struct rig *rig, const struct prefix *host, uint32_t bit)
{
	struct act_answer answer;

	assert_int_equal(act_remove(rig->gate, SZ_TABLE_DENY, host, bit, &answer), 0);
}

void rig_load(struct rig *rig, const char *name, const struct prefix *hosts, size_t count)
{
	struct list_report report;

	assert_int_equal(act_load(rig->gate, name, hosts, count, 0, &report), 0);
}

uint64_t rig_hits(struct rig *rig, const struct prefix *host)
{
	struct entry entries[2];
	size_t count;

	assert_int_equal(act_covering(rig->gate, host, entries, 2, &count), 0);
	assert_true(count > 0 && prefix_is_host(&entries[0].prefix));
	return entries[0].rule.hits;
}

struct sweep_round rig_sweep(struct rig *rig)
{
	struct sweep_round round;
	struct sweep *sweep;

	assert_int_equal(sweep_new(rig->gate, &sweep), 0);
	assert_int_equal(sweep_all(sweep), 0);
	round = *sweep_last(sweep);
	sweep_free(sweep);
	return round;
}
