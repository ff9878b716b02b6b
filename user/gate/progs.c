/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who is this program? Its name and tag may be anybody's; what counts are its maps. A program that
 * uses a map sz_meta and the deny maps is a gate; one whose sz_meta is the pinned one is ours.
 */
#include <user/gate/progs.h>

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <strazh/base/own.h>
#include <user/gate/maps.h>

#define RODATA_MAX 65536U

int constant_offset(const struct btf *btf, const char *name, uint32_t *ret_offset)
{
	const struct btf_type *section;
	const struct btf_var_secinfo *info;
	int id;

	if (!btf)
		return -ENOENT;
	id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	if (id < 0)
		return -ENOENT;
	section = btf__type_by_id(btf, (uint32_t)id);
	info = btf_var_secinfos(section);
	for (int i = 0; i < btf_vlen(section); i++, info++) {
		const struct btf_type *var = btf__type_by_id(btf, info->type);

		if (strcmp(btf__name_by_offset(btf, var->name_off), name) == 0) {
			*ret_offset = info->offset;
			return 0;
		}
	}
	return -ENOENT;
}

/* The constant as that load of the program has it. Absence is no failure: it counts as 0. */
static uint32_t instance_read(uint32_t btf_id, int rodata_fd, uint32_t rodata_len)
{
	own_free char *image = NULL;
	struct btf *btf;
	uint32_t instance, offset, zero = 0;
	int r;

	btf = btf_id ? btf__load_from_kernel_by_id(btf_id) : NULL;
	r = instance_offset(btf, &offset);
	btf__free(btf);
	if (r || rodata_len > RODATA_MAX || offset + sizeof(instance) > rodata_len)
		return 0;
	image = calloc(1, rodata_len);
	if (!image || bpf_map_lookup_elem(rodata_fd, &zero, image))
		return 0;
	memcpy(&instance, image + offset, sizeof(instance));
	return instance;
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static int read_map(struct prog_facts *facts, uint32_t map_id, uint32_t btf_id)
{
	struct bpf_map_info info;
	enum gate_map which;
	own_fd int fd = bpf_map_get_fd_by_id(map_id);
	int r;

	if (fd < 0)
		return -errno;
	r = map_info(fd, &info);
	if (r)
		return r;
	which = map_by_name(info.name);
	if (which < GATE_MAPS_TOTAL)
		facts->map_ids[which] = map_id;
	else if (ends_with(info.name, ".rodata"))
		facts->instance = instance_read(btf_id, fd, info.value_size);
	return 0;
}

int prog_facts_of(int prog_fd, struct prog_facts *ret_facts)
{
	struct prog_facts facts = {0};
	uint32_t ids[PROGS_MAPS_MAX] = {0};
	struct bpf_prog_info info = {
		.map_ids = (uintptr_t)ids,
		.nr_map_ids = PROGS_MAPS_MAX,
	};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len))
		return -errno;
	facts.id = info.id;
	memcpy(facts.name, info.name, sizeof(facts.name) - 1);
	memcpy(facts.tag, info.tag, sizeof(facts.tag));
	for (uint32_t i = 0; i < MIN(info.nr_map_ids, PROGS_MAPS_MAX); i++) {
		int r = read_map(&facts, ids[i], info.btf_id);

		if (r)
			return r;
	}
	facts.gate = facts.map_ids[GATE_MAP_META] && facts.map_ids[GATE_MAP_DHOST4] &&
		     facts.map_ids[GATE_MAP_SETTINGS];
	*ret_facts = facts;
	return 0;
}

int prog_facts_by_id(uint32_t id, struct prog_facts *ret_facts, int *ret_fd)
{
	own_fd int fd = bpf_prog_get_fd_by_id(id);
	int r;

	if (fd < 0)
		return -errno;
	r = prog_facts_of(fd, ret_facts);
	if (r)
		return r;
	if (ret_fd)
		*ret_fd = take_fd(&fd);
	return 0;
}

bool prog_is_ours(struct gate *gate, const struct prog_facts *facts)
{
	struct bpf_map_info info;

	if (!facts->gate || map_info(gate->map[GATE_MAP_META], &info))
		return false;
	return info.id == facts->map_ids[GATE_MAP_META];
}

static int visit_one(uint32_t id, prog_visit visit, void *context)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	struct prog_facts facts;
	own_fd int fd = bpf_prog_get_fd_by_id(id);
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno; /* gone meanwhile */
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	if (info.type != BPF_PROG_TYPE_XDP && info.type != BPF_PROG_TYPE_EXT)
		return 0;
	r = prog_facts_of(fd, &facts);
	if (r)
		return r == -ENOENT ? 0 : r;
	return visit(context, fd, &facts);
}

int progs_walk(prog_visit visit, void *context)
{
	uint32_t id = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		int r = visit_one(id, visit, context);

		if (r)
			return r;
	}
	return errno == ENOENT ? 0 : -errno;
}
