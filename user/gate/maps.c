/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A map is ours when its name, type, key size and value size are those of abi/. Capacities may
 * differ from gate to gate and are read back from the kernel. The layout number in sz_meta tells
 * versions apart; sizes are compared as well, because a number can be forgotten and a size cannot.
 */
#include <user/gate/maps.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <strazh/abi/dline.h>
#include <strazh/abi/limits.h>
#include <strazh/abi/rate.h>
#include <strazh/abi/rule.h>
#include <strazh/abi/service.h>
#include <strazh/abi/stats.h>
#include <strazh/abi/tap.h>

const char *const gate_map_names[GATE_MAPS_TOTAL] = {
#define X(code, name) [GATE_MAP_##code] = name,
	GATE_MAPS(X)
#undef X
};

struct shape {
	enum bpf_map_type type;
	uint32_t key, value;
};

#define TRIE(key)                                                                                  \
	{                                                                                          \
		BPF_MAP_TYPE_LPM_TRIE, sizeof(struct key), sizeof(struct sz_net_rule)              \
	}
#define HASH(key, value)                                                                           \
	{                                                                                          \
		BPF_MAP_TYPE_HASH, sizeof(struct key), sizeof(struct value)                        \
	}
#define ARRAY(value)                                                                               \
	{                                                                                          \
		BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), sizeof(struct value)                         \
	}

#define PERCPU(value)                                                                              \
	{                                                                                          \
		BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint32_t), sizeof(struct value)                  \
	}
#define RING                                                                                       \
	{                                                                                          \
		BPF_MAP_TYPE_RINGBUF, 0, 0                                                         \
	}

static const struct shape shapes[GATE_MAPS_TOTAL] = {
	[GATE_MAP_NEVER4] = TRIE(sz_net4),
	[GATE_MAP_NEVER6] = TRIE(sz_net6),
	[GATE_MAP_ALLOW4] = TRIE(sz_net4),
	[GATE_MAP_ALLOW6] = TRIE(sz_net6),
	[GATE_MAP_DNET4] = TRIE(sz_net4),
	[GATE_MAP_DNET6] = TRIE(sz_net6),
	[GATE_MAP_DHOST4] = HASH(sz_host4, sz_rule),
	[GATE_MAP_DHOST6] = HASH(sz_host6, sz_rule),
	[GATE_MAP_PRESENT4] = ARRAY(sz_present4),
	[GATE_MAP_PRESENT6] = ARRAY(sz_present6),
	[GATE_MAP_RHOST] = ARRAY(sz_meters),
	[GATE_MAP_SETTINGS] = ARRAY(sz_settings),
	[GATE_MAP_COUNT] = PERCPU(sz_count),
	[GATE_MAP_EVENT] = RING,
	[GATE_MAP_META] = ARRAY(sz_meta),
	[GATE_MAP_LIST] = ARRAY(sz_list),
	[GATE_MAP_NOTE] = HASH(sz_note_key, sz_note),
	[GATE_MAP_RNET] = ARRAY(sz_meters),
	[GATE_MAP_LIMIT] = ARRAY(sz_limit),
	[GATE_MAP_REPUT4] = HASH(sz_net4, sz_reput),
	[GATE_MAP_REPUT6] = HASH(sz_net6, sz_reput),
	[GATE_MAP_PROVEN] = HASH(sz_flow, sz_proven),
	[GATE_MAP_PORT] = ARRAY(sz_port),
	[GATE_MAP_SERVICE] = ARRAY(sz_service),
	[GATE_MAP_RSVC] = ARRAY(sz_rsvc),
	[GATE_MAP_CREDIT] = PERCPU(sz_credit),
	[GATE_MAP_SIZE] = PERCPU(sz_size),
	[GATE_MAP_TAP] = ARRAY(sz_tap),
	[GATE_MAP_TAP0] = RING,
	[GATE_MAP_TAP1] = RING,
	[GATE_MAP_TAP2] = RING,
	[GATE_MAP_TAP3] = RING,
	[GATE_MAP_DLINE4] = ARRAY(sz_dline),
};

int map_info(int fd, struct bpf_map_info *ret_info)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	*ret_info = info;
	return 0;
}

int map_check(enum gate_map which, int fd, uint32_t *ret_max)
{
	const struct shape *shape = &shapes[which];
	struct bpf_map_info info;
	int r = map_info(fd, &info);

	if (r == -EINVAL) /* a pinned program or link answers so */
		return GATE_DAMAGED;
	if (r)
		return r;
	if (info.type != shape->type || strcmp(info.name, gate_map_names[which]) != 0)
		return GATE_DAMAGED;
	if (info.key_size != shape->key || info.value_size != shape->value)
		return GATE_OTHER_LAYOUT;
	*ret_max = info.max_entries;
	return 0;
}

enum gate_map map_by_name(const char *name)
{
	enum gate_map which = 0;

	while (which < GATE_MAPS_TOTAL && strcmp(gate_map_names[which], name) != 0)
		which++;
	return which;
}

uint32_t map_capacity(enum gate_map which, const struct gate_sizes *sizes)
{
	if (!sizes)
		return 0;
	switch ((int)which) {
	case GATE_MAP_DHOST4:
		return sizes->host4;
	case GATE_MAP_DHOST6:
		return sizes->host6;
	case GATE_MAP_DNET4:
	case GATE_MAP_DNET6:
		return sizes->net;
	case GATE_MAP_ALLOW4:
	case GATE_MAP_ALLOW6:
		return sizes->allow;
	case GATE_MAP_NEVER4:
	case GATE_MAP_NEVER6:
		return sizes->never;
	default:
		return 0;
	}
}

size_t map_mapping_len(enum gate_map which, uint32_t max)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t each = (shapes[which].value + 7U) & ~(size_t)7;

	return (each * max + page - 1) / page * page;
}
