// SPDX-License-Identifier: AGPL-3.0-or-later
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/abi/meta.h>
#include <strazh/abi/present.h>
#include <strazh/abi/settings.h>

#include "gatebox.h"

#define MAP_ENTRIES 8192U
#define CPUS_MAX 256
#define STANDBY_INSTANCE 77U

struct gatebox {
	struct bpf_object *object;
	int prog_fd; /* the one in use */
	int cpus;
	int settings_fd, count_fd, meta_fd;
	struct sz_seed seed;
};

static int map_fd(const struct gatebox *box, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(box->object, name);

	if (fd < 0)
		errx(2, "the object has no map '%s'", name);
	return fd;
}

/* Pinned nowhere; and small, because the defaults are sized for a million bans. */
static void maps_own(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		enum bpf_map_type type = bpf_map__type(map);

		if (bpf_map__set_pin_path(map, NULL) < 0)
			err(2, "unpinning '%s'", bpf_map__name(map));
		if ((type == BPF_MAP_TYPE_HASH || type == BPF_MAP_TYPE_LPM_TRIE) &&
		    bpf_map__set_max_entries(map, MAP_ENTRIES) < 0)
			err(2, "sizing '%s'", bpf_map__name(map));
	}
}

static int program_fd(const struct bpf_object *object, const char *section)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog,
				     object) if (!strcmp(bpf_program__section_name(prog),
							 section)) return bpf_program__fd(prog);
	errx(2, "the object has no program in section '%s'", section);
}

struct gatebox *gatebox_open(const char *path)
{
	struct gatebox *box = calloc(1, sizeof(*box));

	if (!box)
		err(2, "no memory");
	box->object = bpf_object__open_file(path, NULL);
	if (!box->object)
		err(2, "%s", path);
	maps_own(box->object);
	if (bpf_object__load(box->object) < 0)
		err(2, "loading %s", path);
	gatebox_choose(box, false);
	box->cpus = libbpf_num_possible_cpus();
	if (box->cpus < 1 || box->cpus > CPUS_MAX)
		errx(2, "%d processors: 1 to %d would be right", box->cpus, CPUS_MAX);
	box->settings_fd = map_fd(box, "sz_settings");
	box->count_fd = map_fd(box, "sz_count");
	box->meta_fd = map_fd(box, "sz_meta");
	return box;
}

void gatebox_close(struct gatebox *box)
{
	bpf_object__close(box->object);
	free(box);
}

static void put(int fd, const void *key, const void *value, const char *what)
{
	if (bpf_map_update_elem(fd, key, value, BPF_ANY) < 0)
		err(2, "writing %s", what);
}

/* ---- presence -------------------------------------------------------------------------- */

static void set_bits(__u64 *words, uint32_t first, uint32_t count)
{
	for (uint32_t bit = first; bit < first + count; bit++)
		words[bit / 64] |= 1ULL << bit % 64;
}

static void present4_mark(struct sz_present4 *table, const struct model_say *say)
{
	uint32_t first = say->addr[0] * 65536U + say->addr[1] * 256U + say->addr[2];

	set_bits((__u64 *)table, first, say->len >= 24 ? 1 : 1U << (24 - say->len));
}

static void present6_mark(struct sz_present6 *table, const struct sz_seed *seed,
			  const struct model_say *say)
{
	const uint8_t *a = say->addr;
	uint32_t hi = (uint32_t)a[0] << 24 | a[1] << 16 | a[2] << 8 | a[3];
	uint32_t lo = (uint32_t)a[4] << 24 | a[5] << 16 | a[6] << 8 | a[7];

	if (say->len < 32) {
		set_bits((__u64 *)table, hi >> 16, say->len >= 16 ? 1 : 1U << (16 - say->len));
		return;
	}
	if (say->len < 64)
		lo &= say->len < 48 ? 0 : 0xffff0000;
	set_bits((__u64 *)table, sz_present6_bit(seed, hi, lo), 1);
}

static void present_write(int fd, const void *table, uint32_t lines, size_t line_len)
{
	static const uint8_t empty[64];

	for (uint32_t i = 0; i < lines; i++) {
		const uint8_t *line = (const uint8_t *)table + i * line_len;

		if (memcmp(line, empty, line_len) != 0)
			put(fd, &i, line, "presence");
	}
}

static void fill_presence(struct gatebox *box, const struct model_world *m)
{
	struct sz_present4 *v4 = calloc(SZ_PRESENT4_LINES, sizeof(*v4));
	struct sz_present6 *v6 = calloc(SZ_PRESENT6_LINES, sizeof(*v6));

	if (!v4 || !v6)
		err(2, "no memory");
	for (unsigned int t = 0; t < MODEL_TABLES; t++)
		for (size_t i = 0; i < m->counts[t]; i++) {
			if (m->says[t][i].family == 4)
				present4_mark(v4, &m->says[t][i]);
			else
				present6_mark(v6, &box->seed, &m->says[t][i]);
		}
	present_write(map_fd(box, "sz_present4"), v4, SZ_PRESENT4_LINES, sizeof(*v4));
	present_write(map_fd(box, "sz_present6"), v6, SZ_PRESENT6_LINES, sizeof(*v6));
	free(v4);
	free(v6);
}

/* ---- lists ----------------------------------------------------------------------------- */

static void put_net(int fd, const struct model_say *say, const struct sz_net_rule *rule)
{
	struct sz_net6 key6 = {.len = say->len};
	struct sz_net4 key4 = {.len = say->len};

	memcpy(key6.addr, say->addr, 16);
	memcpy(&key4.addr, say->addr, 4);
	put(fd, say->family == 4 ? (void *)&key4 : (void *)&key6, rule, "a prefix");
}

static void put_host(int fd, const struct model_say *say)
{
	struct sz_rule rule = {.lists = say->lists};

	memcpy(rule.until_s, say->until_s, sizeof(rule.until_s));
	put(fd, say->addr, &rule, "a host"); /* sz_host4 and sz_host6 are the address's bytes */
}

void gatebox_fill(struct gatebox *box, const struct world *world)
{
	static const char *const names[MODEL_TABLES][2] = {{"sz_never4", "sz_never6"},
							   {"sz_allow4", "sz_allow6"},
							   {"sz_dhost4", "sz_dhost6"},
							   {"sz_dnet4", "sz_dnet6"}};
	struct sz_meta meta = {.layout = SZ_LAYOUT};
	const uint32_t zero = 0;

	for (unsigned int w = 0; w < 8; w++) /* any odd numbers: the gate must take what is there */
		meta.seed.word[w] = 0x9e3779b97f4a7c15ULL * (2 * w + 1);
	box->seed = meta.seed;
	put(box->meta_fd, &zero, &meta, "sz_meta");
	for (unsigned int t = 0; t < MODEL_TABLES; t++)
		for (size_t i = 0; i < world->model.counts[t]; i++) {
			const struct model_say *say = &world->model.says[t][i];
			int fd = map_fd(box, names[t][say->family == 6]);
			struct sz_net_rule rule = world_net_rule(world, (enum model_table)t, say);

			if (t == MODEL_HOST)
				put_host(fd, say);
			else
				put_net(fd, say, &rule);
		}
	fill_presence(box, &world->model);
	gatebox_settings(box, &world->model);
}

void gatebox_settings(struct gatebox *box, const struct model_world *m)
{
	struct sz_settings settings = {
		.lists_off = m->lists_off,
		.flags = m->flags,
		.bogon_flip = m->bogon_flip,
		.present6_levels = SZ_LEVEL6_16 | SZ_LEVEL6_32 | SZ_LEVEL6_48 | SZ_LEVEL6_64,
		.lease_ifindex = m->lease_ifindex,
		.lease_until_s = m->lease_until_s,
	};
	struct sz_meta meta = {.layout = SZ_LAYOUT,
			       .instance = m->standby ? STANDBY_INSTANCE : 0,
			       .seed = box->seed};
	const uint32_t zero = 0;

	put(box->settings_fd, &zero, &settings, "sz_settings");
	put(box->meta_fd, &zero, &meta, "sz_meta");
}

/* ---- packets and counters -------------------------------------------------------------- */

void gatebox_choose(struct gatebox *box, bool frags)
{
	box->prog_fd = program_fd(box->object, frags ? "xdp.frags" : "xdp");
}

bool gatebox_drops(struct gatebox *box, const uint8_t *frame, size_t len)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = (uint32_t)len,
		    .repeat = 1);

	if (bpf_prog_test_run_opts(box->prog_fd, &run) < 0)
		err(2, "BPF_PROG_TEST_RUN with %zu bytes", len);
	if (run.retval != XDP_PASS && run.retval != XDP_DROP)
		errx(2, "the gate answered %u: neither pass nor drop", run.retval);
	return run.retval == XDP_DROP;
}

void gatebox_count(struct gatebox *box, unsigned int index, struct sz_count *ret_count)
{
	struct sz_count each[CPUS_MAX], sum = {0};

	if (bpf_map_lookup_elem(box->count_fd, &index, each) < 0)
		err(2, "reading counter %u", index);
	for (int cpu = 0; cpu < box->cpus; cpu++) {
		sum.packets += each[cpu].packets;
		sum.bytes += each[cpu].bytes;
		sum.observed_packets += each[cpu].observed_packets;
		sum.observed_bytes += each[cpu].observed_bytes;
	}
	*ret_count = sum;
}

static uint64_t hits_of(int fd, size_t value_hits_at, size_t value_len)
{
	uint8_t key[20], value[sizeof(struct sz_net_rule)];
	const void *before = NULL;
	uint64_t sum = 0, hits;

	if (value_len > sizeof(value))
		errx(2, "a value of %zu bytes", value_len);
	while (bpf_map_get_next_key(fd, before, key) == 0) {
		if (bpf_map_lookup_elem(fd, key, value) < 0)
			err(2, "reading hits");
		memcpy(&hits, value + value_hits_at, sizeof(hits));
		sum += hits;
		before = key;
	}
	return sum;
}

uint64_t gatebox_hits(struct gatebox *box, enum model_table table)
{
	size_t at = offsetof(struct sz_rule, hits);

	if (table == MODEL_HOST)
		return hits_of(map_fd(box, "sz_dhost4"), at, sizeof(struct sz_rule)) +
		       hits_of(map_fd(box, "sz_dhost6"), at, sizeof(struct sz_rule));
	at += offsetof(struct sz_net_rule, rule);
	return hits_of(map_fd(box, "sz_dnet4"), at, sizeof(struct sz_net_rule)) +
	       hits_of(map_fd(box, "sz_dnet6"), at, sizeof(struct sz_net_rule));
}
