/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Made with bpf_map_create() from the sizes of abi/, so that the list code is tested without the
 * loader and without the program. fake_verdict() is a second, plain reading of what the program
 * does with a source; the program itself is tested with frames.
 */
#include <tests/gate/fake_gate.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include <strazh/abi/limits.h>
#include <strazh/abi/rule.h>
#include <user/base/clock.h>
#include <user/gate/dlines.h>
#include <user/gate/maps.h>
#include <user/gate/rule.h>

static int make(enum gate_map map, enum bpf_map_type type, uint32_t key, uint32_t value,
		uint32_t max, uint32_t flags)
{
	int fd;

	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
	fd = bpf_map_create(type, gate_map_names[map], key, value, max, &options);
	if (fd < 0)
		fail_msg("map '%s' cannot be made: %s", gate_map_names[map], strerror(errno));
	return fd;
}

static void make_list(struct gate *gate, enum gate_map map, enum bpf_map_type type, uint32_t key,
		      uint32_t value, uint32_t max)
{
	gate->map[map] = make(map, type, key, value, max, BPF_F_NO_PREALLOC);
	gate->max[map] = max;
}

static void make_array(struct gate *gate, enum gate_map map, uint32_t value, uint32_t max,
		       uint32_t flags)
{
	gate->map[map] = make(map, BPF_MAP_TYPE_ARRAY, 4, value, max, flags);
	gate->max[map] = max;
}

static void make_tries(struct gate *gate, enum gate_map map4, uint32_t max)
{
	make_list(gate, map4, BPF_MAP_TYPE_LPM_TRIE, sizeof(struct sz_net4),
		  sizeof(struct sz_net_rule), max);
	make_list(gate, map4 + 1, BPF_MAP_TYPE_LPM_TRIE, sizeof(struct sz_net6),
		  sizeof(struct sz_net_rule), max);
}

static void make_services(struct gate *gate)
{
	make_array(gate, GATE_MAP_PORT, sizeof(struct sz_port), SZ_PORT_LINES, BPF_F_MMAPABLE);
	make_array(gate, GATE_MAP_SERVICE, sizeof(struct sz_service), SZ_SERVICES, BPF_F_MMAPABLE);
	make_array(gate, GATE_MAP_RSVC, sizeof(struct sz_rsvc), SZ_SERVICES, BPF_F_MMAPABLE);
	gate->map[GATE_MAP_CREDIT] = make(GATE_MAP_CREDIT, BPF_MAP_TYPE_PERCPU_ARRAY, 4,
					  sizeof(struct sz_credit), SZ_SERVICES, 0);
	gate->map[GATE_MAP_SIZE] = make(GATE_MAP_SIZE, BPF_MAP_TYPE_PERCPU_ARRAY, 4,
					sizeof(struct sz_size), SZ_SERVICES, 0);
}

static void *map_of(const struct gate *gate, enum gate_map map)
{
	void *memory = mmap(NULL, map_mapping_len(map, gate->max[map]), PROT_READ | PROT_WRITE,
			    MAP_SHARED, gate->map[map], 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

static void map_all(struct gate *gate)
{
	gate->settings = map_of(gate, GATE_MAP_SETTINGS);
	gate->meta = map_of(gate, GATE_MAP_META);
	gate->present4 = map_of(gate, GATE_MAP_PRESENT4);
	gate->present6 = map_of(gate, GATE_MAP_PRESENT6);
	gate->ports = map_of(gate, GATE_MAP_PORT);
	gate->services = map_of(gate, GATE_MAP_SERVICE);
	gate->rsvc = map_of(gate, GATE_MAP_RSVC);
	gate->dlines = map_of(gate, GATE_MAP_DLINE4);
	gate->lock_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	gate_seed(gate);
}

static struct gate *blank(void)
{
	struct gate *gate = calloc(1, sizeof(*gate));

	assert_non_null(gate);
	for (int i = 0; i < GATE_MAPS_TOTAL; i++)
		gate->map[i] = -1;
	return gate;
}

struct gate *fake_gate(const struct gate_sizes *sizes)
{
	struct gate_sizes s = sizes ? *sizes : (struct gate_sizes){0};
	struct gate *gate = blank();

	make_tries(gate, GATE_MAP_NEVER4, s.never ? s.never : SZ_NEVER_MAX);
	make_tries(gate, GATE_MAP_ALLOW4, s.allow ? s.allow : SZ_ALLOW_MAX);
	make_tries(gate, GATE_MAP_DNET4, s.net ? s.net : SZ_NET_MAX);
	make_list(gate, GATE_MAP_DHOST4, BPF_MAP_TYPE_HASH, sizeof(struct sz_host4),
		  sizeof(struct sz_rule), s.host4 ? s.host4 : SZ_HOST4_MAX);
	make_list(gate, GATE_MAP_DHOST6, BPF_MAP_TYPE_HASH, sizeof(struct sz_host6),
		  sizeof(struct sz_rule), s.host6 ? s.host6 : SZ_HOST6_MAX);
	make_list(gate, GATE_MAP_NOTE, BPF_MAP_TYPE_HASH, sizeof(struct sz_note_key),
		  sizeof(struct sz_note), 256);
	make_list(gate, GATE_MAP_PROVEN, BPF_MAP_TYPE_HASH, sizeof(struct sz_flow),
		  sizeof(struct sz_proven), 256);
	make_list(gate, GATE_MAP_REPUT4, BPF_MAP_TYPE_HASH, sizeof(struct sz_net4),
		  sizeof(struct sz_reput), 256);
	make_list(gate, GATE_MAP_REPUT6, BPF_MAP_TYPE_HASH, sizeof(struct sz_net6),
		  sizeof(struct sz_reput), 256);
	make_services(gate);
	make_array(gate, GATE_MAP_LIST, sizeof(struct sz_list), SZ_LISTS, 0);
	make_array(gate, GATE_MAP_SETTINGS, sizeof(struct sz_settings), 1, BPF_F_MMAPABLE);
	make_array(gate, GATE_MAP_META, sizeof(struct sz_meta), 1, BPF_F_MMAPABLE);
	make_array(gate, GATE_MAP_PRESENT4, sizeof(struct sz_present4), SZ_PRESENT4_LINES,
		   BPF_F_MMAPABLE);
	make_array(gate, GATE_MAP_PRESENT6, sizeof(struct sz_present6), SZ_PRESENT6_LINES,
		   BPF_F_MMAPABLE);
	make_array(gate, GATE_MAP_DLINE4, sizeof(struct sz_dline), SZ_DLINES, BPF_F_MMAPABLE);
	map_all(gate);
	dlines_clear(gate, true);
	return gate;
}

struct gate *fake_gate_again(const struct gate *gate)
{
	struct gate *again = blank();

	for (int i = 0; i < GATE_MAPS_TOTAL; i++) {
		again->map[i] = gate->map[i] < 0 ? -1 : dup(gate->map[i]);
		again->max[i] = gate->max[i];
	}
	map_all(again);
	return again;
}

struct prefix pfx(const char *text)
{
	struct prefix p = {0};
	int r = prefix_parse(text, strlen(text), &p);

	if (r)
		fail_msg("'%s': %s", text, prefix_fault_text(r));
	return p;
}

/* ---- presence, as the gate asks ---- */

static uint32_t number_at(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static bool bit6(const struct gate *gate, uint32_t bit)
{
	return gate->present6[bit >> 9].bits[bit >> 6 & 7] >> (bit & 63) & 1;
}

bool fake_present(struct gate *gate, const struct prefix *host)
{
	const struct sz_seed *seed = gate_seed(gate);
	uint32_t hi = number_at(host->addr), lo = number_at(host->addr + 4), bit = hi >> 8;
	uint32_t levels = gate->settings->present6_levels;

	if (host->family == 4)
		return gate->present4[bit >> 8].bits[bit >> 6 & 3] >> (bit & 63) & 1;
	return (levels & SZ_LEVEL6_16 && bit6(gate, hi >> 16)) ||
	       (levels & SZ_LEVEL6_32 && bit6(gate, sz_present6_bit(seed, hi, 0))) ||
	       (levels & SZ_LEVEL6_48 && bit6(gate, sz_present6_bit(seed, hi, lo & 0xffff0000))) ||
	       (levels & SZ_LEVEL6_64 && bit6(gate, sz_present6_bit(seed, hi, lo)));
}

static uint64_t bits_in(const void *memory, size_t size)
{
	const uint64_t *words = memory;
	uint64_t bits = 0;

	for (size_t i = 0; i < size / sizeof(*words); i++)
		bits += (uint64_t)__builtin_popcountll(words[i]);
	return bits;
}

uint64_t fake_present_bits(const struct gate *gate)
{
	return bits_in(gate->present4, sizeof(*gate->present4) * SZ_PRESENT4_LINES) +
	       bits_in(gate->present6, sizeof(*gate->present6) * SZ_PRESENT6_LINES);
}

/* ---- verdict ---- */

static uint64_t live_of(enum sz_table table, const struct sz_rule *rule, uint64_t off)
{
	uint64_t live = 0, now_ns = clock_boot_ns();

	for (uint32_t bit = 0; bit < SZ_LISTS; bit++) {
		enum sz_origin origin = bit == 0			    ? SZ_ORIGIN_OPERATOR
					: table == SZ_TABLE_DENY && bit > 1 ? SZ_ORIGIN_FEED
									    : SZ_ORIGIN_GUARD;
		uint64_t until_ns = rule->until_s[origin] * NS_PER_S;

		if (rule->lists & ~off & 1ULL << bit && (!until_ns || until_ns > now_ns))
			live |= 1ULL << bit;
	}
	return live;
}

static uint64_t net_lists(const struct gate *gate, enum gate_map map4, const struct prefix *host,
			  enum sz_table table, uint64_t off)
{
	struct sz_net_rule value;
	struct {
		uint32_t len;
		uint8_t addr[16];
	} key = {.len = host->len};

	memcpy(key.addr, host->addr, sizeof(key.addr));
	if (bpf_map_lookup_elem(gate->map[map4 + (host->family == 6)], &key, &value))
		return 0;
	return live_of(table, &value.rule, off);
}

/* abi/dline.h in plain words: does the table answer for that host? *ret_lists: what. */
static bool line_answers(struct gate *gate, const struct prefix *host, uint64_t off,
			 uint64_t *ret_lists)
{
	const uint64_t flags = SZ_DLINE_ALL | SZ_DLINE_BUSY;
	const struct sz_dline *line;
	uint32_t addr;

	memcpy(&addr, host->addr, sizeof(addr));
	line = &gate->dlines[sz_dline_of(gate_seed(gate), addr)];
	*ret_lists = 0;
	for (int i = 0; i < SZ_DLINE_WAYS; i++) {
		uint64_t what = line->slot[i].what, until_ns = (what >> 32) * NS_PER_S;

		if ((uint32_t)line->slot[i].who != addr)
			continue;
		if (what & SZ_DSLOT_SAYS && (!until_ns || until_ns > clock_boot_ns()))
			*ret_lists = sz_dslot_lists(what) & ~off;
		return what & SZ_DSLOT_SAYS;
	}
	return (line->slot[0].what & flags) == SZ_DLINE_ALL;
}

/* Does the program skip never and allow for that address? */
static bool pass_is_void(const struct gate *gate, const struct prefix *host)
{
	uint32_t n = number_at(host->addr), bit;

	bit = host->family == 4 ? sz_pass4_bit(n) : sz_pass6_bit(n);
	return (host->family == 4 ? gate->settings->pass4_void
				  : gate->settings->pass6_void)[bit >> 6] >>
		       (bit & 63) &
	       1;
}

int fake_verdict(struct gate *gate, const struct prefix *host, uint64_t *ret_lists)
{
	uint64_t off = __atomic_load_n(&gate->settings->lists_off, __ATOMIC_RELAXED);
	struct sz_rule rule;

	*ret_lists = 0;
	if (!fake_present(gate, host))
		return 0;
	if (!pass_is_void(gate, host)) {
		*ret_lists = net_lists(gate, GATE_MAP_NEVER4, host, SZ_TABLE_NEVER, 0);
		if (*ret_lists)
			return 1;
		*ret_lists = net_lists(gate, GATE_MAP_ALLOW4, host, SZ_TABLE_ALLOW, 0);
		if (*ret_lists)
			return 2;
	}
	if ((host->family == 6 || !line_answers(gate, host, off, ret_lists)) &&
	    !bpf_map_lookup_elem(gate->map[GATE_MAP_DHOST4 + (host->family == 6)], host->addr,
				 &rule))
		*ret_lists = live_of(SZ_TABLE_DENY, &rule, off);
	if (*ret_lists)
		return 3;
	*ret_lists = net_lists(gate, GATE_MAP_DNET4, host, SZ_TABLE_DENY, off);
	return *ret_lists ? 4 : 0;
}
