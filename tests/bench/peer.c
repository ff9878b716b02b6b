// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The gate beside one LPM_TRIE and LRU_HASH buckets with the same lists, under the same generator,
 * by turns in one run: a million honest sources, and a flood in which every packet is a new one.
 */
#include <tests/bench/bench.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define ROUNDS 9
#define REPEAT 300000U
#define HONEST_FIRST 4000000U
#define NEW_FIRST 500000000U
#define MILLION 1000000U
#define SPOOF_BUDGET_NS 300.0

struct trie_key {
	uint32_t len, addr;
};

static struct bpf_object *load(int *ret_program)
{
	char path[4096];
	struct bpf_object *object;

	snprintf(path, sizeof(path), "%s/tests/bench/peer.bpf.o", build_dir);
	object = bpf_object__open_file(path, NULL);
	if (!object || bpf_object__load(object))
		die("'%s': %s", path, strerror(errno));
	*ret_program = bpf_program__fd(bpf_object__find_program_by_name(object, "peer"));
	return object;
}

static void fill(const struct bpf_object *object, const struct prefix *entries, size_t count)
{
	int fd = bpf_object__find_map_fd_by_name(object, "peer_deny");
	struct trie_key key;
	uint64_t one = 1;

	for (size_t n = 0; n < count; n++) {
		if (entries[n].family != 4)
			continue;
		key.len = entries[n].len;
		memcpy(&key.addr, entries[n].addr, sizeof(key.addr));
		if (bpf_map_update_elem(fd, &key, &one, BPF_ANY))
			die("peer_deny, entry %zu: %s", n, strerror(errno));
	}
}

static double drive(struct rig *rig, int program, bool new_ones)
{
	static uint32_t next = NEW_FIRST;
	const uint32_t first[2] = {0, new_ones ? next : HONEST_FIRST};
	const uint32_t count[2] = {1, new_ones ? 0 : MILLION};

	if (new_ones)
		next += REPEAT;
	rig_sources(rig, first, count, 256, false);
	return rig_run(rig, program, REPEAT);
}

static void compare(struct rig *rig, int peer, bool new_ones, struct samples *ours,
		    struct samples *theirs)
{
	struct samples own = {.count = 0};

	/* Tables and LRU lists as they are after some seconds, not as they are made. */
	for (int n = 0; n < 8; n++) {
		(void)drive(rig, rig->gate_fd, new_ones);
		(void)drive(rig, peer, new_ones);
	}
	for (int round = 0; round < ROUNDS; round++) {
		samples_add(&own, drive(rig, rig->source_end_fd, new_ones));
		samples_add(ours, drive(rig, rig->gate_fd, new_ones));
		samples_add(theirs, drive(rig, peer, new_ones));
	}
	for (int n = 0; n < ROUNDS; n++) {
		ours->value[n] -= samples_at(&own, 50);
		theirs->value[n] -= samples_at(&own, 50);
	}
}

void bench_peer(struct rig *rig, const struct lists *lists)
{
	static struct samples ours[2], theirs[2];
	struct bpf_object *object;
	int peer;

	say("peer: one LPM_TRIE and LRU_HASH buckets, %zu entries",
	    lists->hosts4_count + lists->rest_count);
	object = load(&peer);
	fill(object, lists->hosts4, lists->hosts4_count);
	fill(object, lists->rest, lists->rest_count);
	world_cpu(1);
	for (int new_ones = 0; new_ones < 2; new_ones++)
		compare(rig, peer, new_ones, &ours[new_ones], &theirs[new_ones]);
	world_cpu(-1);
	report("gate.clean_1m_lpm_ns", samples_at(&theirs[0], 50), "ns", "gate.clean_1m_ns then",
	       samples_at(&ours[0], 50) / samples_at(&theirs[0], 50), &theirs[0]);
	report_budget("gate.spoof_ns", samples_at(&ours[1], 50), "ns", SPOOF_BUDGET_NS, &ours[1]);
	report("gate.spoof_lru_ns", samples_at(&theirs[1], 50), "ns", "gate.spoof_ns then",
	       samples_at(&ours[1], 50) / samples_at(&theirs[1], 50), &theirs[1]);
	bpf_object__close(object);
}
