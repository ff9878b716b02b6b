/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include <tests/gate/live.h>
#include <user/base/prefix.h>
#include <user/gate/act.h>
#include <user/gate/explain.h>
#include <user/gate/load.h>
#include <user/gate/stats.h>

static void must(int r, const char *what)
{
	if (r)
		fail_msg("%s: %d, %s", what, r, gate_error());
}

int live_setup(void **state)
{
	static struct live live;

	must(gate_open(NULL, GATE_WRITE | GATE_CREATE, NULL, &live.gate), "open");
	must(load_open(live.gate, LOAD_PLAIN, &live.object), "program");
	must(bpf_object__load(live.object), "load");
	live.prog = bpf_program__fd(load_program(live.object, LOAD_PLAIN));
	*state = &live;
	return 0;
}

int live_teardown(void **state)
{
	struct live *live = *state;

	bpf_object__close(live->object);
	if (gate_unpin(live->gate))
		return -1;
	gate_close(live->gate);
	return 0;
}

uint32_t live_frame(const struct live *live, const struct frame *frame, uint32_t times)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes,
		    .data_size_in = (uint32_t)frame->len, .repeat = (int)times);

	must(bpf_prog_test_run_opts(live->prog, &opts), "run");
	return opts.retval;
}

uint32_t live_spec(const struct live *live, const struct spec *spec, uint32_t times)
{
	static struct frame frame;

	frame_build(&frame, spec);
	return live_frame(live, &frame, times);
}

static struct gate_stats stats_now(const struct live *live)
{
	struct gate_stats stats;

	must(gate_stats_read(live->gate, &stats), "counters");
	return stats;
}

uint64_t live_tally(const struct live *live, uint32_t tally)
{
	return stats_now(live).tally[tally - SZ_TALLY_BASE];
}

enum sz_reason live_reason(const struct live *live, const struct frame *frame)
{
	const struct gate_stats before = stats_now(live);
	uint32_t action = live_frame(live, frame, 1), moved = 0;
	const struct gate_stats after = stats_now(live);
	enum sz_reason reason = SZ_REASON_COUNT;

	for (enum sz_reason i = 0; i < SZ_REASON_COUNT; i++) {
		if (after.reason[i].packets == before.reason[i].packets &&
		    after.reason[i].observed_packets == before.reason[i].observed_packets)
			continue;
		reason = i;
		moved++;
	}
	if (moved != 1)
		fail_msg("%u counters moved, action %u", moved, action);
	return reason;
}

void live_say(const struct live *live, enum sz_table table, const char *prefix)
{
	struct act act = {.table = table, .origin = SZ_ORIGIN_OPERATOR};
	struct act_answer answer;

	must(prefix_parse(prefix, strlen(prefix), &act.prefix), prefix);
	must(act_add(live->gate, &act, &answer), prefix);
}
