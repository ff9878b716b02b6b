/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Maps and programs are loaded apart. Maps are made once, pinned, and live as long as the gate;
 * programs come and go on top of them, each from a fresh opening of the object embedded in this
 * binary with every map replaced by its pinned one. So two programs of one gate, of whatever age
 * and on whatever interface, always decide by the same lists.
 *
 * The number of an instance (constant sz_instance) is always the one that sz_meta names: why, says
 * attach.c.
 */
#include <user/gate/load.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <strazh/base/own.h>
#include <user/gate/explain.h>
#include <user/gate/maps.h>
#include <user/gate/progs.h>

extern const unsigned char gate_object[];
extern const uint64_t gate_object_len;

const char *const load_sections[LOAD_ENTRIES] = {"xdp.frags", "xdp"};
const char *const load_names[LOAD_ENTRIES] = {"sz_gate_frags", "sz_gate"};

static int object_open(struct bpf_object **ret_object)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "strazh");
	struct bpf_object *object;
	struct bpf_map *map;

	explain_hush();
	object = bpf_object__open_mem(gate_object, gate_object_len, &opts);
	if (!object) {
		gate_explain("the gate inside this binary cannot be read: %s", explain_warning());
		return -errno;
	}
	bpf_object__for_each_map(map, object) if (bpf_map__pin_path(map) &&
						  bpf_map__set_pin_path(map, NULL))
	{
		bpf_object__close(object);
		return -ENOMEM;
	}
	*ret_object = object;
	return 0;
}

/* Kernels before 5.11 charge maps to RLIMIT_MEMLOCK; they answer EPERM where it is too small. */
static void raise_memlock(void)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

	(void)setrlimit(RLIMIT_MEMLOCK, &all); /* the retry says whether it helped */
}

static int object_load(struct bpf_object *object)
{
	int r;

	explain_forget();
	r = bpf_object__load(object);
	if (r)
		gate_explain("the kernel refuses the gate: %s%s%s", strerror(-r),
			     explain_warning()[0] ? ": " : "", explain_warning());
	return r;
}

static int take_maps(struct bpf_object *object, int fds[GATE_MAPS_TOTAL])
{
	int taken[GATE_MAPS_TOTAL];
	int r = 0;

	for (int i = 0; i < GATE_MAPS_TOTAL; i++) {
		taken[i] = -1;
		if (fds[i] >= 0 || r)
			continue;
		taken[i] = dup(bpf_object__find_map_fd_by_name(object, gate_map_names[i]));
		if (taken[i] < 0)
			r = -errno;
	}
	for (int i = 0; i < GATE_MAPS_TOTAL; i++) {
		if (taken[i] < 0)
			continue;
		if (r)
			close(taken[i]);
		else
			fds[i] = taken[i];
	}
	return r;
}

static int prepare_maps(struct bpf_object *object, const struct gate_sizes *sizes,
			const int fds[GATE_MAPS_TOTAL])
{
	for (enum gate_map i = 0; i < GATE_MAPS_TOTAL; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, gate_map_names[i]);
		uint32_t max = map_capacity(i, sizes);
		int r = 0;

		if (!map) {
			gate_explain("the gate inside this binary has no map '%s'",
				     gate_map_names[i]);
			return -ENOENT;
		}
		if (fds[i] >= 0)
			r = bpf_map__reuse_fd(map, fds[i]);
		else if (max)
			r = bpf_map__set_max_entries(map, max);
		if (r) {
			gate_explain("map '%s' cannot be used: %s", gate_map_names[i],
				     strerror(-r));
			return r;
		}
	}
	return 0;
}

static int make_maps(const struct gate_sizes *sizes, int fds[GATE_MAPS_TOTAL])
{
	own_object struct bpf_object *object = NULL;
	struct bpf_program *program;
	int r = object_open(&object);

	if (r)
		return r;
	bpf_object__for_each_program(program, object)
	{
		r = bpf_program__set_autoload(program, false);
		if (r)
			return r;
	}
	r = prepare_maps(object, sizes, fds);
	if (r)
		return r;
	r = object_load(object);
	if (r)
		return r;
	return take_maps(object, fds);
}

int load_maps(const struct gate_sizes *sizes, int fds[GATE_MAPS_TOTAL])
{
	int r = make_maps(sizes, fds);

	if (r == -EPERM) {
		raise_memlock();
		r = make_maps(sizes, fds);
	}
	return r;
}

static int set_constant(struct bpf_object *object, const char *name, uint32_t value)
{
	struct bpf_map *rodata = bpf_object__find_map_by_name(object, ".rodata");
	own_free char *image = NULL;
	const void *initial;
	size_t len = 0;
	uint32_t offset;
	int r;

	if (!rodata)
		return -ENOENT;
	r = constant_offset(bpf_object__btf(object), name, &offset);
	if (r)
		return r;
	initial = bpf_map__initial_value(rodata, &len);
	if (!initial || offset + sizeof(value) > len)
		return -ENOENT;
	image = malloc(len);
	if (!image)
		return -ENOMEM;
	memcpy(image, initial, len);
	memcpy(image + offset, &value, sizeof(value));
	return bpf_map__set_initial_value(rodata, image, len);
}

static int choose_entry(struct bpf_object *object, enum load_entry entry)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
	{
		const char *section = bpf_program__section_name(program);
		int r = bpf_program__set_autoload(program,
						  strcmp(section, load_sections[entry]) == 0);

		if (r)
			return r;
	}
	return 0;
}

static int open_onto(const int fds[GATE_MAPS_TOTAL], uint32_t instance, bool dry,
		     enum load_entry entry, struct bpf_object **ret_object)
{
	own_object struct bpf_object *object = NULL;
	int r = object_open(&object);

	if (r)
		return r;
	r = choose_entry(object, entry);
	if (r)
		return r;
	r = prepare_maps(object, NULL, fds);
	if (r)
		return r;
	r = set_constant(object, "sz_instance", instance);
	if (!r)
		r = set_constant(object, "sz_dry", dry);
	if (r) {
		gate_explain("the gate inside this binary has no 'sz_instance' or no 'sz_dry'");
		return r;
	}
	*ret_object = take_ptr(object);
	return 0;
}

int load_open(struct gate *gate, enum load_entry entry, struct bpf_object **ret_object)
{
	return open_onto(gate->map, gate->meta->instance, false, entry, ret_object);
}

int load_dry(struct gate *gate, struct bpf_object **ret_object)
{
	static const enum gate_map written[] = {
		GATE_MAP_RHOST, GATE_MAP_RNET,	 GATE_MAP_COUNT, GATE_MAP_EVENT,
		GATE_MAP_RSVC,	GATE_MAP_CREDIT, GATE_MAP_SIZE,	 GATE_MAP_TAP,
		GATE_MAP_TAP0,	GATE_MAP_TAP1,	 GATE_MAP_TAP2,	 GATE_MAP_TAP3,
	};
	own_object struct bpf_object *object = NULL;
	int fds[GATE_MAPS_TOTAL];
	int r;

	memcpy(fds, gate->map, sizeof(fds));
	for (size_t i = 0; i < ARRAY_LEN(written); i++)
		fds[written[i]] = -1;
	r = open_onto(fds, gate->meta->instance, true, LOAD_FRAGS, &object);
	if (!r)
		r = object_load(object);
	if (!r)
		*ret_object = take_ptr(object);
	return r;
}

struct bpf_program *load_program(struct bpf_object *object, enum load_entry entry)
{
	return bpf_object__find_program_by_name(object, load_names[entry]);
}

int load_bind(struct gate *gate, int prog_fd)
{
	static const enum gate_map unnamed[] = {GATE_MAP_LIST, GATE_MAP_NOTE};

	for (size_t i = 0; i < ARRAY_LEN(unnamed); i++)
		if (bpf_prog_bind_map(prog_fd, gate->map[unnamed[i]], NULL) && errno != EEXIST)
			return -errno;
	return 0;
}

/* ---- tags: computed by the kernel only, so the program is loaded to learn them ---- */

static pthread_mutex_t tags_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char tags[LOAD_ENTRIES][LOAD_TAG_LEN];
static bool tags_known;

static int learn_tag(struct gate *gate, enum load_entry entry)
{
	own_object struct bpf_object *object = NULL;
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	int r = load_open(gate, entry, &object);

	if (r)
		return r;
	r = object_load(object);
	if (r)
		return r;
	if (bpf_obj_get_info_by_fd(bpf_program__fd(load_program(object, entry)), &info, &len))
		return -errno;
	memcpy(tags[entry], info.tag, LOAD_TAG_LEN);
	return 0;
}

static int learn_tags(struct gate *gate)
{
	int r = learn_tag(gate, LOAD_PLAIN);

	if (r)
		return r;
	/* A kernel without frags never has that entry attached: its tag then matches nothing. */
	if (learn_tag(gate, LOAD_FRAGS))
		memset(tags[LOAD_FRAGS], 0, LOAD_TAG_LEN);
	tags_known = true;
	return 0;
}

int load_tags(struct gate *gate, unsigned char ret_tags[LOAD_ENTRIES][LOAD_TAG_LEN])
{
	int r = 0;

	pthread_mutex_lock(&tags_lock);
	if (!tags_known)
		r = learn_tags(gate);
	if (!r)
		memcpy(ret_tags, tags, sizeof(tags));
	pthread_mutex_unlock(&tags_lock);
	return r;
}
