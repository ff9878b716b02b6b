/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Adoption of a foreign instance: `ip link set dev X xdp obj gate.bpf.o sec xdp` and xdp-loader run
 * none of our code and make maps of their own. They are found through the ids of program and maps.
 *
 *	import		its lists into ours, while it is in force
 *	exchange	its program for ours (attach.c): from here on our lists decide
 *	import again	what somebody changed in its maps during the first import
 *	tidy		ip pins maps by name, and such pins outlive the program: they go
 *
 * If the first import fails nothing has changed: the foreign gate stays in force.
 */
#include <user/gate/adopt.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <strazh/base/own.h>
#include <user/gate/handle.h>
#include <user/gate/maps.h>
#include <user/gate/progs.h>

/* Where ip (by its version) and libbpf's default pin what asks to be pinned by name. */
static const char *const pin_places[] = {
	"/sys/fs/bpf/tc/globals",
	"/sys/fs/bpf/xdp/globals",
	"/sys/fs/bpf",
};

static int pin_get(const char *place, enum gate_map which, char *path, size_t size)
{
	int n = snprintf(path, size, "%s/%s", place, gate_map_names[which]);

	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	n = bpf_obj_get(path);
	return n < 0 ? -errno : n;
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info;

	return fd < 0 || map_info(fd, &info) ? 0 : info.id;
}

/*
 * sz_list and sz_note are named by no instruction, so the program does not lead to them; a pin
 * beside a pin of the program's own sz_meta does.
 */
static void find_unnamed(const struct prog_facts *facts, int fds[GATE_MAPS_TOTAL])
{
	char path[128];

	for (size_t i = 0; i < ARRAY_LEN(pin_places); i++) {
		own_fd int meta = pin_get(pin_places[i], GATE_MAP_META, path, sizeof(path));

		if (map_id(meta) != facts->map_ids[GATE_MAP_META])
			continue;
		if (fds[GATE_MAP_LIST] < 0)
			fds[GATE_MAP_LIST] = pin_get(pin_places[i], GATE_MAP_LIST, path,
						     sizeof(path));
		if (fds[GATE_MAP_NOTE] < 0)
			fds[GATE_MAP_NOTE] = pin_get(pin_places[i], GATE_MAP_NOTE, path,
						     sizeof(path));
	}
}

static int foreign_open(const struct prog_facts *facts, struct gate **ret_foreign)
{
	int fds[GATE_MAPS_TOTAL];

	for (int i = 0; i < GATE_MAPS_TOTAL; i++)
		fds[i] = facts->map_ids[i] ? bpf_map_get_fd_by_id(facts->map_ids[i]) : -1;
	find_unnamed(facts, fds);
	return handle_from_fds(fds, ret_foreign);
}

static uint64_t tidy(struct gate *gate, struct gate *foreign)
{
	uint64_t removed = 0;

	for (size_t i = 0; i < ARRAY_LEN(pin_places); i++) {
		if (strcmp(pin_places[i], gate->pin_dir) == 0)
			continue;
		for (enum gate_map which = 0; which < GATE_MAPS_TOTAL; which++) {
			char path[128];
			own_fd int fd = pin_get(pin_places[i], which, path, sizeof(path));
			uint32_t id = map_id(fd);

			if (id && id == map_id(foreign->map[which]) && !unlink(path))
				removed++;
		}
	}
	return removed;
}

static int adopt(struct gate *gate, struct gate *foreign, const struct attachment *one,
		 struct adoption *adoption)
{
	int r = import_entries(gate, foreign, adoption);

	if (r)
		return r;
	adoption->settings = import_settings(gate, foreign);
	r = attach_exchange(gate, one);
	if (r)
		return r;
	adoption->refused = 0; /* it comes by the refused ones again */
	r = import_entries(gate, foreign, adoption);
	if (r)
		return r;
	adoption->pins = tidy(gate, foreign);
	return 0;
}

int attach_adopt(struct gate *gate, unsigned int ifindex, struct adoption *ret_adoption)
{
	own_gate struct gate *foreign = NULL;
	struct adoption adoption = {0};
	struct attachment one;
	struct prog_facts facts;
	int r = attach_query(gate, ifindex, &one);

	if (r)
		return r;
	if (one.owner != ATTACH_FOREIGN) {
		gate_explain("'%s' carries no foreign gate", one.ifname);
		return ATTACH_NOT_THERE;
	}
	r = prog_facts_by_id(one.prog_id, &facts, NULL);
	if (r)
		return r;
	r = foreign_open(&facts, &foreign);
	if (r > 0) {
		gate_explain("the gate '%s' (id %u) on '%s' is of a version with other maps: "
			     "detach it and attach this one",
			     one.prog_name, one.prog_id, one.ifname);
		return ATTACH_OTHER_LAYOUT;
	}
	if (!r)
		r = adopt(gate, foreign, &one, &adoption);
	if (!r)
		*ret_adoption = adoption;
	return r;
}
