// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * One struct run is one loaded object: both programs, one set of maps. Counters are read before
 * and after a frame, so the reason of a verdict is what moved.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include <tests/gate/gate_run.h>
#include <user/gate/progs.h>

#define RUN_HOSTS 65536U

static const char *const names[SZ_REASON_COUNT] = {
#define X(code, name, class, text) name,
	SZ_REASONS(X)
#undef X
};
static const enum sz_class classes[SZ_REASON_COUNT] = {
#define X(code, name, class, text) SZ_CLASS_##class,
	SZ_REASONS(X)
#undef X
};

const char *reason_name(int reason)
{
	return reason >= 0 && reason < SZ_REASON_COUNT ? names[reason] : "no single reason";
}

int run_map(const struct run *run, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(run->object, name);

	if (fd < 0)
		fail_msg("no map %s", name);
	return fd;
}

static void *map_memory(const struct run *run, const char *name, size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, run_map(run, name), 0);

	if (at == MAP_FAILED)
		fail_msg("mmap %s: %s", name, strerror(errno));
	return at;
}

static int on_event(void *context, void *data, size_t len)
{
	struct run *run = context;

	assert_int_equal(len, sizeof(struct sz_event));
	if (run->event_count < ARRAY_LEN(run->events))
		memcpy(&run->events[run->event_count], data, len);
	run->event_count++;
	return 0;
}

static void prepare_maps(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		const char *name = bpf_map__name(map);

		assert_int_equal(bpf_map__set_pin_path(map, NULL), 0);
		if (!strcmp(name, "sz_dhost4") || !strcmp(name, "sz_dhost6"))
			assert_int_equal(bpf_map__set_max_entries(map, RUN_HOSTS), 0);
	}
}

static void set_instance(struct bpf_object *object, uint32_t instance)
{
	struct bpf_map *map;
	size_t len;

	bpf_object__for_each_map(map, object)
	{
		uint32_t at;
		char *value;

		if (!strstr(bpf_map__name(map), ".rodata"))
			continue;
		value = (char *)(uintptr_t)bpf_map__initial_value(map, &len);
		assert_int_equal(instance_offset(bpf_object__btf(object), &at), 0);
		assert_true(value && len >= at + sizeof(instance));
		memcpy(value + at, &instance, sizeof(instance));
		return;
	}
	fail_msg("the object has no constants");
}

/* Rates and services: memory that a test reads and writes, all zero at its begin. */
static const struct {
	const char *name;
	size_t at, len;
} arrays[] = {
	{"sz_rhost", offsetof(struct run, rhost), SZ_RHOST_LINES * sizeof(struct sz_meters)},
	{"sz_rnet", offsetof(struct run, rnet), SZ_RNET_LINES * sizeof(struct sz_meters)},
	{"sz_limit", offsetof(struct run, limits), SZ_LIMITS * sizeof(struct sz_limit)},
	{"sz_port", offsetof(struct run, ports), SZ_PORT_LINES * sizeof(struct sz_port)},
	{"sz_service", offsetof(struct run, services), SZ_SERVICES * sizeof(struct sz_service)},
	{"sz_rsvc", offsetof(struct run, rsvc), SZ_SERVICES * sizeof(struct sz_rsvc)},
};

static void **array_at(struct run *run, size_t i)
{
	return (void **)(void *)((char *)run + arrays[i].at);
}

static void map_all(struct run *run)
{
	run->settings = map_memory(run, "sz_settings", sizeof(*run->settings));
	run->meta = map_memory(run, "sz_meta", sizeof(*run->meta));
	run->present4 = map_memory(run, "sz_present4", SZ_PRESENT4_LINES * sizeof(*run->present4));
	run->present6 = map_memory(run, "sz_present6", SZ_PRESENT6_LINES * sizeof(*run->present6));
	for (size_t i = 0; i < ARRAY_LEN(arrays); i++)
		*array_at(run, i) = map_memory(run, arrays[i].name, arrays[i].len);
	run->ring = ring_buffer__new(run_map(run, "sz_event"), on_event, run, NULL);
	assert_non_null(run->ring);
}

struct run *run_new_as(uint32_t instance)
{
	static const char *const entries[RUN_ENTRIES] = {"sz_gate", "sz_gate_frags"};
	struct run *run = calloc(1, sizeof(*run));

	assert_non_null(run);
	libbpf_set_print(NULL);
	run->object = bpf_object__open_mem(gate_object, gate_object_len, NULL);
	assert_non_null(run->object);
	prepare_maps(run->object);
	set_instance(run->object, instance);
	if (bpf_object__load(run->object))
		fail_msg("the gate does not load: %s", strerror(errno));
	for (int i = 0; i < RUN_ENTRIES; i++)
		run->prog[i] = bpf_program__fd(
			bpf_object__find_program_by_name(run->object, entries[i]));
	map_all(run);
	return run;
}

struct run *run_new(void)
{
	return run_new_as(0);
}

void run_free(struct run *run)
{
	munmap((void *)(uintptr_t)run->settings, sizeof(*run->settings));
	munmap((void *)(uintptr_t)run->meta, sizeof(*run->meta));
	munmap(run->present4, SZ_PRESENT4_LINES * sizeof(*run->present4));
	munmap(run->present6, SZ_PRESENT6_LINES * sizeof(*run->present6));
	for (size_t i = 0; i < ARRAY_LEN(arrays); i++)
		munmap(*array_at(run, i), arrays[i].len);
	ring_buffer__free(run->ring);
	bpf_object__close(run->object);
	free(run);
}

static void empty_map(const struct run *run, const char *name)
{
	int fd = run_map(run, name);
	uint8_t key[32];

	while (!bpf_map_get_next_key(fd, NULL, key))
		assert_int_equal(bpf_map_delete_elem(fd, key), 0);
}

static void zero_percpu(const struct run *run, const char *name, uint32_t entries, size_t size)
{
	void *zero = calloc((size_t)libbpf_num_possible_cpus(), size);

	assert_non_null(zero);
	for (uint32_t i = 0; i < entries; i++)
		assert_int_equal(bpf_map_update_elem(run_map(run, name), &i, zero, 0), 0);
	free(zero);
}

void run_clean(struct run *run)
{
	static const char *const lists[] = {"sz_never4", "sz_never6", "sz_allow4", "sz_allow6",
					    "sz_dnet4",	 "sz_dnet6",  "sz_dhost4", "sz_dhost6",
					    "sz_reput4", "sz_reput6", "sz_proven"};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		empty_map(run, lists[i]);
	memset((void *)(uintptr_t)run->settings, 0, sizeof(*run->settings));
	memset(run->present4, 0, SZ_PRESENT4_LINES * sizeof(*run->present4));
	memset(run->present6, 0, SZ_PRESENT6_LINES * sizeof(*run->present6));
	for (size_t i = 0; i < ARRAY_LEN(arrays); i++)
		memset(*array_at(run, i), 0, arrays[i].len);
	run->meta->instance = 0;
	run->entry = RUN_PLAIN;
	zero_percpu(run, "sz_count", SZ_COUNT_MAX, sizeof(struct sz_count));
	zero_percpu(run, "sz_credit", SZ_SERVICES, sizeof(struct sz_credit));
	zero_percpu(run, "sz_size", SZ_SERVICES, sizeof(struct sz_size));
	run_events(run);
}

int run_setup(void **state)
{
	*state = run_new();
	return 0;
}

int run_clean_up(void **state)
{
	run_clean(*state);
	return 0;
}

int run_teardown(void **state)
{
	run_free(*state);
	return 0;
}

struct sz_count run_count(const struct run *run, uint32_t which)
{
	int cpus = libbpf_num_possible_cpus();
	struct sz_count *all = calloc((size_t)cpus, sizeof(*all)), sum = {0};

	assert_non_null(all);
	assert_int_equal(bpf_map_lookup_elem(run_map(run, "sz_count"), &which, all), 0);
	for (int i = 0; i < cpus; i++) {
		sum.packets += all[i].packets;
		sum.bytes += all[i].bytes;
		sum.observed_packets += all[i].observed_packets;
		sum.observed_bytes += all[i].observed_bytes;
	}
	free(all);
	return sum;
}

size_t run_events(struct run *run)
{
	run->event_count = 0;
	assert_true(ring_buffer__consume(run->ring) >= 0);
	return run->event_count;
}

static void read_counts(const struct run *run, struct sz_count counts[SZ_REASON_COUNT])
{
	for (uint32_t i = 0; i < SZ_REASON_COUNT; i++)
		counts[i] = run_count(run, i);
}

static void outcome_of(struct outcome *out, int reason, const struct sz_count *before,
		       const struct sz_count *after)
{
	uint64_t packets = after->packets - before->packets;
	uint64_t observed = after->observed_packets - before->observed_packets;

	if (packets + observed == 0)
		return;
	out->bytes += after->bytes - before->bytes;
	out->bytes += after->observed_bytes - before->observed_bytes;
	out->observed = observed != 0;
	out->reason = packets + observed == 1 && out->reason == -2 ? reason : -1;
}

uint32_t run_many(struct run *run, const struct frame *frame, uint32_t times)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes,
		    .data_size_in = (uint32_t)frame->len, .repeat = (int)times);

	if (bpf_prog_test_run_opts(run->prog[run->entry], &opts))
		fail_msg("BPF_PROG_TEST_RUN of %zu bytes: %s", frame->len, strerror(errno));
	return opts.retval;
}

struct outcome run_frame(struct run *run, const struct frame *frame)
{
	struct sz_count before[SZ_REASON_COUNT], after[SZ_REASON_COUNT];
	struct outcome out = {.reason = -2}; /* nothing moved yet */

	read_counts(run, before);
	out.action = run_many(run, frame, 1);
	read_counts(run, after);
	for (int i = 0; i < SZ_REASON_COUNT; i++)
		outcome_of(&out, i, &before[i], &after[i]);
	return out;
}

struct outcome run_spec(struct run *run, const struct spec *spec)
{
	static struct frame frame;

	frame_build(&frame, spec);
	return run_frame(run, &frame);
}

void expect_outcome(const char *what, struct outcome got, int reason)
{
	uint32_t action = classes[reason] == SZ_CLASS_PASS ? XDP_PASS : XDP_DROP;

	if (got.reason != reason || got.action != action || got.observed)
		fail_msg("%s: %s, action %u%s; should be %s, action %u", what,
			 reason_name(got.reason), got.action, got.observed ? ", observed" : "",
			 names[reason], action);
}

void expect_observed(const char *what, struct outcome got, int reason)
{
	if (got.reason != reason || got.action != XDP_PASS || !got.observed)
		fail_msg("%s: %s, action %u%s; should be %s, observed, and pass", what,
			 reason_name(got.reason), got.action, got.observed ? ", observed" : "",
			 names[reason]);
}

void expect_spec(struct run *run, const char *what, const struct spec *spec, int reason)
{
	expect_outcome(what, run_spec(run, spec), reason);
}
