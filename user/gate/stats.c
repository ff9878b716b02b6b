/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Counters are per CPU and never reset; a reading is a sum over all possible CPUs, taken line by
 * line while they run on. Names come from the one list in abi/reason.h.
 */
#include <user/gate/stats.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <strazh/abi/stats.h>
#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/gate/act.h>

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

/* ---- the rate table ---- */

/* Where the gate looks for the host: hi and lo of abi/stats.h. */
static void bucket_key(const struct prefix *host, uint32_t *ret_hi, uint32_t *ret_lo)
{
	uint32_t words[2];

	memcpy(words, host->addr, sizeof(words));
	*ret_hi = host->family == 4 ? SZ_RHOST_IP4 : ntohl(words[0]);
	*ret_lo = ntohl(words[host->family == 4 ? 0 : 1]);
}

static uint64_t coarse_ns(void)
{
	struct timespec now = {0};

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

int gate_bucket_read(struct gate *gate, const struct prefix *host, struct gate_bucket *ret)
{
	struct gate_bucket bucket = {
		.burst_ns = gate->settings->rate_burst_ns ?: SZ_RATE_BURST_NS,
		.step_ns = gate->settings->rate_step_ns ?: SZ_RATE_STEP_NS,
	};
	const struct sz_seed *seed = gate_seed(gate);
	uint64_t now = coarse_ns(), tag;
	struct sz_rhost slots;
	uint32_t hi, lo, line;

	bucket_key(host, &hi, &lo);
	line = sz_rhost_line(seed, hi, lo);
	tag = sz_rhost_tag(seed, hi, lo);
	if (bpf_map_lookup_elem(gate->map[GATE_MAP_RHOST], &line, &slots))
		return -errno;
	for (int i = 0; i < SZ_RHOST_WAYS; i++) {
		bucket.used_ns = (slots.packets[i] - now) & SZ_RHOST_TIME;
		if ((slots.packets[i] ^ tag) & ~SZ_RHOST_TIME || bucket.used_ns > bucket.burst_ns)
			continue;
		*ret = bucket;
		return 0;
	}
	return ACT_NOT_FOUND;
}
