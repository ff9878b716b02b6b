/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The reason is read from the counters, which are this load's own: the one that moved since the
 * frame before. They are counted up and never reset, so a frame costs one reading of them.
 */
#include <user/gate/dry.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <strazh/abi/stats.h>
#include <strazh/base/own.h>
#include <user/gate/explain.h>
#include <user/gate/load.h>
#include <user/gate/maps.h>

struct dry {
	struct bpf_object *object;
	int prog, count;
	int cpus;
	struct sz_count *per_cpu;
	uint64_t done[SZ_REASON_COUNT], observed[SZ_REASON_COUNT];
};

static void *view(int fd, size_t len, int prot)
{
	void *memory = mmap(NULL, len, prot, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* What stands in the live map now, into ours. */
static int copy_state(struct gate *gate, const struct dry *dry, enum gate_map which)
{
	const size_t len = map_mapping_len(which, gate->max[which]);
	int ours = bpf_object__find_map_fd_by_name(dry->object, gate_map_names[which]);
	void *from = view(gate->map[which], len, PROT_READ);
	void *to = ours < 0 ? NULL : view(ours, len, PROT_READ | PROT_WRITE);
	int r = 0;

	if (from && to) {
		memcpy(to, from, len);
	} else {
		r = -errno;
		gate_explain("map '%s' cannot be copied: %s", gate_map_names[which], strerror(-r));
	}
	if (from)
		munmap(from, len);
	if (to)
		munmap(to, len);
	return r;
}

/* Which reason moved, into *ret_verdict; -1: none did. */
static int read_counts(struct dry *dry, struct dry_verdict *ret_verdict)
{
	int found = -1;

	for (uint32_t reason = 0; reason < SZ_REASON_COUNT; reason++) {
		uint64_t done = 0, observed = 0;

		if (bpf_map_lookup_elem(dry->count, &reason, dry->per_cpu))
			return -errno;
		for (int cpu = 0; cpu < dry->cpus; cpu++) {
			done += dry->per_cpu[cpu].packets;
			observed += dry->per_cpu[cpu].observed_packets;
		}
		if (done != dry->done[reason] || observed != dry->observed[reason]) {
			*ret_verdict = (struct dry_verdict){
				.reason = reason,
				.observed = observed != dry->observed[reason],
			};
			found = 0;
		}
		dry->done[reason] = done;
		dry->observed[reason] = observed;
	}
	return found;
}

int dry_new(struct gate *gate, struct dry **ret_dry)
{
	own_dry struct dry *dry = calloc(1, sizeof(*dry));
	int r;

	if (!dry)
		return -ENOMEM;
	dry->cpus = libbpf_num_possible_cpus();
	if (dry->cpus < 0)
		return dry->cpus;
	dry->per_cpu = calloc((size_t)dry->cpus, sizeof(*dry->per_cpu));
	if (!dry->per_cpu)
		return -ENOMEM;
	r = load_dry(gate, &dry->object);
	if (!r)
		r = copy_state(gate, dry, GATE_MAP_RHOST);
	if (!r)
		r = copy_state(gate, dry, GATE_MAP_RNET);
	if (!r)
		r = copy_state(gate, dry, GATE_MAP_RSVC);
	if (r)
		return r;
	dry->prog = bpf_program__fd(load_program(dry->object, LOAD_FRAGS));
	dry->count = bpf_object__find_map_fd_by_name(dry->object, "sz_count");
	*ret_dry = take_ptr(dry);
	return 0;
}

void dry_free(struct dry *dry)
{
	if (!dry)
		return;
	bpf_object__close(dry->object);
	free(dry->per_cpu);
	free(dry);
}

int dry_ask(struct dry *dry, const void *frame, size_t len, struct dry_verdict *ret_verdict)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .repeat = 1);

	if (len < DRY_FRAME_LEAST)
		return DRY_SHORT;
	if (len > DRY_FRAME_MOST)
		return DRY_LONG;
	if (bpf_prog_test_run_opts(dry->prog, &opts)) {
		int r = -errno;

		gate_explain("the kernel does not run a frame of %zu bytes: %s", len, strerror(-r));
		return r;
	}
	return read_counts(dry, ret_verdict) ? -EIO : 0;
}
