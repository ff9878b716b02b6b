/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Counters are per CPU and never reset; a reading is a sum over all possible CPUs, taken line by
 * line while they run on. Names come from the one list in abi/reason.h.
 */
#include <user/gate/stats.h>

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <strazh/abi/stats.h>
#include <strazh/base/own.h>

const char *const reason_names[SZ_REASON_COUNT] = {
#define X(code, name, class, text) [SZ_REASON_##code] = name,
	SZ_REASONS(X)
#undef X
};

const char *const reason_texts[SZ_REASON_COUNT] = {
#define X(code, name, class, text) [SZ_REASON_##code] = text,
	SZ_REASONS(X)
#undef X
};

const enum sz_class reason_classes[SZ_REASON_COUNT] = {
#define X(code, name, class, text) [SZ_REASON_##code] = SZ_CLASS_##class,
	SZ_REASONS(X)
#undef X
};

const char *const tally_names[SZ_TALLY_END - SZ_TALLY_BASE] = {
#define X(code, name, text) [SZ_TALLY_##code - SZ_TALLY_BASE] = name,
	SZ_TALLIES(X)
#undef X
};

const char *const tally_texts[SZ_TALLY_END - SZ_TALLY_BASE] = {
#define X(code, name, text) [SZ_TALLY_##code - SZ_TALLY_BASE] = text,
	SZ_TALLIES(X)
#undef X
};

static int read_line(struct gate *gate, uint32_t line, struct sz_count *per_cpu, int cpus,
		     struct gate_count *ret_sum)
{
	struct gate_count sum = {0};

	if (bpf_map_lookup_elem(gate->map[GATE_MAP_COUNT], &line, per_cpu)) {
		int r = -errno;

		gate_explain("counter %u cannot be read: %s", line, strerror(-r));
		return r;
	}
	for (int i = 0; i < cpus; i++) {
		sum.packets += per_cpu[i].packets;
		sum.bytes += per_cpu[i].bytes;
		sum.observed_packets += per_cpu[i].observed_packets;
		sum.observed_bytes += per_cpu[i].observed_bytes;
	}
	*ret_sum = sum;
	return 0;
}

static void add_up(struct gate_stats *stats, enum sz_reason reason)
{
	const struct gate_count *count = &stats->reason[reason];
	struct gate_count *sum = &stats->dropped;

	if (reason_classes[reason] == SZ_CLASS_PASS)
		sum = &stats->passed;
	else if (reason_classes[reason] == SZ_CLASS_ANSWER)
		sum = &stats->answered;
	sum->packets += count->packets;
	sum->bytes += count->bytes;
	stats->observed.packets += count->observed_packets;
	stats->observed.bytes += count->observed_bytes;
}

int gate_stats_read(struct gate *gate, struct gate_stats *ret_stats)
{
	const int cpus = libbpf_num_possible_cpus();
	own_free struct sz_count *per_cpu = NULL;
	struct gate_stats stats = {0};
	int r = 0;

	if (cpus < 0)
		return cpus;
	per_cpu = calloc((size_t)cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return -ENOMEM;
	for (enum sz_reason i = 0; i < SZ_REASON_COUNT && !r; i++) {
		r = read_line(gate, i, per_cpu, cpus, &stats.reason[i]);
		add_up(&stats, i);
	}
	for (uint32_t i = SZ_TALLY_BASE; i < SZ_TALLY_END && !r; i++) {
		struct gate_count count = {0};

		r = read_line(gate, i, per_cpu, cpus, &count);
		stats.tally[i - SZ_TALLY_BASE] = count.packets;
	}
	if (!r)
		*ret_stats = stats;
	return r;
}
