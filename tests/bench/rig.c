// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The shipped program, on canonical pins with shipped capacities, behind the generator. Time is CPU
 * time of this thread, so what a neighbour on the machine takes away is not counted; what it does
 * to the caches is, hence the repeats.
 */
#include <tests/bench/bench.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <strazh/abi/settings.h>
#include <strazh/abi/stats.h>
#include <tests/bench/frame.h>
#include <user/gate/load.h>

#define CPUS_MAX 1024

static int program_fd_of(struct bpf_object *object, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);

	if (!program)
		die("no program '%s' in the object", name);
	return bpf_program__fd(program);
}

static void open_generator(struct rig *rig)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/tests/bench/source.bpf.o", build_dir);
	rig->generator = bpf_object__open_file(path, NULL);
	if (!rig->generator || bpf_object__load(rig->generator))
		die("'%s': %s", path, strerror(errno));
	rig->source_fd = program_fd_of(rig->generator, "source");
	rig->source_end_fd = program_fd_of(rig->generator, "source_end");
	rig->to_peer_fd = program_fd_of(rig->generator, "to_peer");
	rig->next_fd = bpf_object__find_map_fd_by_name(rig->generator, "bench_next");
	fd = bpf_object__find_map_fd_by_name(rig->generator, "bench_source");
	rig->source = mmap(NULL, (size_t)getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (rig->source == MAP_FAILED)
		die("mmap of the generator's state: %s", strerror(errno));
	for (uint32_t cpu = 0; cpu < SOURCE_CPUS; cpu++)
		rig->source[cpu].rng = 88172645463325252ULL + cpu * 0x9e3779b97f4a7c15ULL;
}

void rig_retake(struct rig *rig)
{
	int r = gate_open(NULL, GATE_WRITE | GATE_CREATE, NULL, &rig->gate);

	if (r)
		die("gate_open: %d, %s", r, gate_error());
}

void rig_release(struct rig *rig)
{
	gate_close(rig->gate);
	rig->gate = NULL;
}

void rig_open(struct rig *rig)
{
	int r;

	rig_retake(rig);
	r = load_open(rig->gate, LOAD_FRAGS, &rig->object);
	if (!r)
		r = bpf_object__load(rig->object);
	if (r)
		die("the gate does not load: %d, %s", r, gate_error());
	rig->gate_fd = bpf_program__fd(load_program(rig->object, LOAD_FRAGS));
	rig->count_fd = fcntl(rig->gate->map[GATE_MAP_COUNT], F_DUPFD_CLOEXEC, 0);
	/* All checks on. */
	rig->gate->settings->flags = SZ_SET_RATE_ENFORCE;
	open_generator(rig);
}

void rig_close(struct rig *rig)
{
	munmap((void *)(uintptr_t)rig->source, (size_t)getpagesize());
	close(rig->count_fd);
	bpf_object__close(rig->generator);
	bpf_object__close(rig->object);
	gate_close(rig->gate);
}

uint64_t rig_count(const struct rig *rig, enum sz_reason reason)
{
	static struct sz_count counts[CPUS_MAX];
	uint32_t key = reason;
	uint64_t sum = 0;

	if (libbpf_num_possible_cpus() > CPUS_MAX ||
	    bpf_map_lookup_elem(rig->count_fd, &key, counts))
		die("reading sz_count: %s", strerror(errno));
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
		sum += counts[cpu].packets;
	return sum;
}

uint64_t rig_count_all(const struct rig *rig)
{
	uint64_t sum = 0;

	for (uint32_t reason = 0; reason < SZ_REASON_COUNT; reason++)
		sum += rig_count(rig, reason);
	return sum;
}

/* New numbers of two CPUs never meet. */
#define CPU_APART (1U << 28)

void rig_sources(struct rig *rig, const uint32_t first[2], const uint32_t count[2],
		 uint32_t honest_share, bool ipv6)
{
	for (uint32_t cpu = 0; cpu < SOURCE_CPUS; cpu++) {
		volatile struct source_state *source = &rig->source[cpu];

		for (int kind = 0; kind < 2; kind++) {
			source->first[kind] = first[kind] + (count[kind] ? 0 : cpu * CPU_APART);
			source->count[kind] = count[kind];
		}
		source->honest_share = honest_share;
		source->ipv6 = ipv6;
	}
}

void rig_rewrite(struct rig *rig, const unsigned char *frame)
{
	for (uint32_t cpu = 0; cpu < SOURCE_CPUS; cpu++) {
		if (frame)
			memcpy((void *)(uintptr_t)rig->source[cpu].frame, frame, SOURCE_FRAME_LEN);
		rig->source[cpu].rewrite = frame != NULL;
	}
}

uint64_t rig_sent(const struct rig *rig, enum source_kind kind)
{
	uint64_t sum = 0;

	for (uint32_t cpu = 0; cpu < SOURCE_CPUS; cpu++)
		sum += rig->source[cpu].sent[kind];
	return sum;
}

void rig_forget_sent(struct rig *rig)
{
	for (uint32_t cpu = 0; cpu < SOURCE_CPUS; cpu++)
		for (int kind = 0; kind < 2; kind++)
			rig->source[cpu].sent[kind] = 0;
}

void rig_behind(struct rig *rig, int program_fd)
{
	uint32_t zero = 0;

	if (bpf_map_update_elem(rig->next_fd, &zero, &program_fd, BPF_ANY))
		die("the tail call is refused: %s", strerror(errno));
}

double rig_drive(struct rig *rig, uint32_t repeat)
{
	unsigned char frame[FRAME_LEN] = {0};
	double begin;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .repeat = (int)repeat);

	opts.data_size_in = frame_tcp(frame, rig->source->ipv6);
	if (rig->source->rewrite)
		opts.data_size_in = SOURCE_FRAME_LEN;
	begin = cpu_s();
	if (bpf_prog_test_run_opts(rig->source_fd, &opts))
		die("BPF_PROG_TEST_RUN: %s", strerror(errno));
	if (opts.retval != XDP_PASS && opts.retval != XDP_DROP && opts.retval != XDP_TX)
		die("the program returns %u: the tail call failed", opts.retval);
	return (cpu_s() - begin) * 1e9 / repeat;
}

double rig_run(struct rig *rig, int program_fd, uint32_t repeat)
{
	rig_behind(rig, program_fd);
	return rig_drive(rig, repeat);
}
