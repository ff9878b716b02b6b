/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One file per map in a directory of a bpffs. The directory appears complete: maps are pinned in
 * "<pin dir>_new", which is then renamed, so a crash leaves all or none (and a "_new" that the next
 * creation clears away).
 *
 * Pins can get lost afterwards (rm, a script). A missing one is looked for in the programs that
 * stand on the remaining maps: they hold it alive, and a fresh map in its place would split the
 * gate in two. Only when no program holds it is it made anew; sz_list and sz_note, which no
 * instruction names, are tied to our programs for this reason (load_bind).
 */
#include <user/gate/pins.h>

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <strazh/base/own.h>
#include <user/gate/load.h>
#include <user/gate/maps.h>
#include <user/gate/progs.h>

#define PATH_LEN 256
#define BPFFS "/sys/fs/bpf"

static int path_of(char path[PATH_LEN], const char *dir, const char *name)
{
	int n = snprintf(path, PATH_LEN, "%s/%s", dir, name);

	return n < 0 || n >= PATH_LEN ? -ENAMETOOLONG : 0;
}

static int parent_of(char path[PATH_LEN], const char *dir)
{
	char *slash;
	int n = snprintf(path, PATH_LEN, "%s", dir);

	if (n < 0 || n >= PATH_LEN)
		return -ENAMETOOLONG;
	slash = strrchr(path, '/');
	if (!slash || slash == path) {
		gate_explain("pin directory '%s': want an absolute path below a bpffs", dir);
		return -EINVAL;
	}
	*slash = '\0';
	return 0;
}

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == BPF_FS_MAGIC;
}

/* The directory that is to hold the pin directory is on a bpffs, or becomes one. */
static int want_bpffs(const char *parent)
{
	if (is_bpffs(parent))
		return 0;
	if (strcmp(parent, BPFFS) == 0 && !mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
		return 0;
	gate_explain("'%s' is no bpffs, which the maps must be pinned in: mount -t bpf bpf %s",
		     parent, parent);
	return -ENOTDIR;
}

/* ---- opening ---- */

static int pin_open(const char *pin_dir, const char *name)
{
	char path[PATH_LEN];
	int fd, r = path_of(path, pin_dir, name);

	if (r)
		return r;
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

static int say_bad(struct gate *gate, enum gate_map which, int r)
{
	if (r == GATE_DAMAGED)
		gate_explain("pin '%s/%s' is not that map", gate->pin_dir, gate_map_names[which]);
	else if (r == GATE_OTHER_LAYOUT)
		gate_explain("map '%s/%s' has entries of another size than this version (layout "
			     "%d) uses: it was made by another version of strazh. Detach with the "
			     "strazhctl that made it, `strazhctl flush` and remove the pins",
			     gate->pin_dir, gate_map_names[which], SZ_LAYOUT);
	else
		gate_explain("pin '%s/%s' cannot be opened: %s", gate->pin_dir,
			     gate_map_names[which], strerror(-r));
	return r;
}

static int say_missing(struct gate *gate)
{
	char names[300] = "";
	size_t len = 0;

	for (int i = 0; i < GATE_MAPS_TOTAL && len < sizeof(names); i++)
		if (gate->map[i] < 0)
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
						len ? ", " : "", gate_map_names[i]);
	gate_explain("missing in '%s': %s", gate->pin_dir, names);
	return GATE_DAMAGED;
}

int pins_open(struct gate *gate)
{
	int found = 0;

	for (enum gate_map i = 0; i < GATE_MAPS_TOTAL; i++) {
		int r, fd = pin_open(gate->pin_dir, gate_map_names[i]);

		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return say_bad(gate, i, fd);
		gate->map[i] = fd;
		found++;
		r = map_check(i, fd, &gate->max[i]);
		if (r)
			return say_bad(gate, i, r);
	}
	if (!found) {
		gate_explain("no gate is loaded: '%s' has no maps", gate->pin_dir);
		return GATE_ABSENT;
	}
	return found == GATE_MAPS_TOTAL ? 0 : say_missing(gate);
}

/* ---- making ---- */

static int pin_one(const char *dir, const char *name, int fd)
{
	char path[PATH_LEN];
	int r = path_of(path, dir, name);

	if (r)
		return r;
	if (bpf_obj_pin(fd, path)) {
		r = -errno;
		gate_explain("'%s' cannot be pinned: %s", path, strerror(-r));
		return r;
	}
	return chmod(path, 0600) ? -errno : 0;
}

int pins_remove(const char *pin_dir)
{
	char path[PATH_LEN];

	for (int i = 0; i < GATE_MAPS_TOTAL; i++) {
		int r = path_of(path, pin_dir, gate_map_names[i]);

		if (r)
			return r;
		if (unlink(path) && errno != ENOENT) {
			r = -errno;
			gate_explain("pin '%s' cannot be removed: %s", path, strerror(-r));
			return r;
		}
	}
	if (rmdir(pin_dir) && errno != ENOENT && errno != ENOTEMPTY) {
		int r = -errno;

		gate_explain("'%s' cannot be removed: %s", pin_dir, strerror(-r));
		return r;
	}
	return 0;
}

static int staging_dir(char path[PATH_LEN], const char *pin_dir)
{
	int n = snprintf(path, PATH_LEN, "%s_new", pin_dir);
	int r;

	if (n < 0 || n >= PATH_LEN)
		return -ENAMETOOLONG;
	r = pins_remove(path);
	if (r)
		return r;
	if (mkdir(path, 0700)) {
		r = -errno;
		gate_explain("directory '%s' cannot be made: %s", path, strerror(-r));
	}
	return r;
}

static int publish(struct gate *gate)
{
	char staging[PATH_LEN];
	int r = staging_dir(staging, gate->pin_dir);

	for (int i = 0; i < GATE_MAPS_TOTAL && !r; i++)
		r = pin_one(staging, gate_map_names[i], gate->map[i]);
	if (!r && rename(staging, gate->pin_dir)) {
		r = -errno;
		gate_explain("pins cannot be moved to '%s': %s", gate->pin_dir, strerror(-r));
	}
	if (r && pins_remove(staging))
		return r; /* the next creation clears it away */
	return r;
}

static int read_capacities(struct gate *gate)
{
	for (enum gate_map i = 0; i < GATE_MAPS_TOTAL; i++) {
		int r = map_check(i, gate->map[i], &gate->max[i]);

		if (r)
			return say_bad(gate, i, r);
	}
	return 0;
}

int pins_create(struct gate *gate, const struct gate_sizes *sizes)
{
	char parent[PATH_LEN];
	int r = parent_of(parent, gate->pin_dir);

	if (r)
		return r;
	r = want_bpffs(parent);
	if (r)
		return r;
	r = load_maps(sizes, gate->map);
	if (r)
		return r;
	r = read_capacities(gate);
	if (r)
		return r;
	return publish(gate);
}

/* ---- mending ---- */

struct salvage {
	struct gate *gate;
	uint32_t ids[GATE_MAPS_TOTAL]; /* of the pins that are left */
	int found[GATE_MAPS_TOTAL];    /* descriptors of missing ones */
};

static int salvage_from(void *context, int fd, const struct prog_facts *facts)
{
	struct salvage *salvage = context;
	bool sister = false;

	(void)fd;
	for (int i = 0; i < GATE_MAPS_TOTAL; i++)
		sister |= salvage->ids[i] && salvage->ids[i] == facts->map_ids[i];
	if (!sister)
		return 0;
	for (int i = 0; i < GATE_MAPS_TOTAL; i++) {
		if (salvage->gate->map[i] >= 0 || salvage->found[i] >= 0 || !facts->map_ids[i])
			continue;
		salvage->found[i] = bpf_map_get_fd_by_id(facts->map_ids[i]);
		if (salvage->found[i] < 0)
			return -errno;
	}
	return 0;
}

static int salvage_find(struct salvage *salvage)
{
	for (int i = 0; i < GATE_MAPS_TOTAL; i++) {
		struct bpf_map_info info;
		int r;

		salvage->found[i] = -1;
		if (salvage->gate->map[i] < 0)
			continue;
		r = map_info(salvage->gate->map[i], &info);
		if (r)
			return r;
		salvage->ids[i] = info.id;
	}
	return progs_walk(salvage_from, salvage);
}

static int repin(struct gate *gate, const bool missing[GATE_MAPS_TOTAL])
{
	for (int i = 0; i < GATE_MAPS_TOTAL; i++) {
		int r = missing[i] ? pin_one(gate->pin_dir, gate_map_names[i], gate->map[i]) : 0;

		if (r)
			return r;
	}
	return 0;
}

int pins_repair(struct gate *gate, const struct gate_sizes *sizes)
{
	struct salvage salvage = {.gate = gate};
	bool missing[GATE_MAPS_TOTAL];
	int r;

	for (int i = 0; i < GATE_MAPS_TOTAL; i++)
		if (gate->map[i] >= 0 && map_check(i, gate->map[i], &gate->max[i]))
			return GATE_DAMAGED; /* something else stands at a name of ours */
	r = salvage_find(&salvage);
	for (int i = 0; i < GATE_MAPS_TOTAL; i++) {
		missing[i] = gate->map[i] < 0;
		if (!missing[i])
			continue;
		gate->map[i] = salvage.found[i];
		if (gate->map[i] < 0)
			gate->remade |= 1ULL << i;
	}
	if (r)
		return r;
	if (gate->remade)
		r = load_maps(sizes, gate->map);
	if (!r)
		r = read_capacities(gate);
	return r ? r : repin(gate, missing);
}
