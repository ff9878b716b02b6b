/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A handle is built in this order: lock (writers), pins, layout, mappings, seed. Whatever was built
 * is torn down by gate_close(), which takes a handle in any state of building.
 *
 * The lock is a flock(2) on a file that is never removed: it goes with its holder, however that
 * dies. Readers take none: each map is consistent by itself, and what they show is a moment's view.
 */
#include <user/gate/gate.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/gate/dlines.h>
#include <user/gate/explain.h>
#include <user/gate/handle.h>
#include <user/gate/hosts.h>
#include <user/gate/limits.h>
#include <user/gate/maps.h>
#include <user/gate/nets.h>
#include <user/gate/pins.h>
#include <user/gate/sweep.h>

static int place_copy(char *to, size_t size, const char *from, const char *standard)
{
	int n = snprintf(to, size, "%s", from ? from : standard);

	if (n < 0 || (size_t)n >= size) {
		gate_explain("path '%.40s...' is too long: at most %zu bytes", from, size - 1);
		return -ENAMETOOLONG;
	}
	return 0;
}

static int gate_new(const struct gate_place *place, struct gate **ret_gate)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	int r;

	if (!gate)
		return -ENOMEM;
	gate->lock_fd = -1;
	for (int i = 0; i < GATE_MAPS_TOTAL; i++)
		gate->map[i] = -1;
	r = place_copy(gate->pin_dir, sizeof(gate->pin_dir), place ? place->pin_dir : NULL,
		       GATE_PIN_DIR);
	if (!r)
		r = place_copy(gate->run_dir, sizeof(gate->run_dir), place ? place->run_dir : NULL,
			       GATE_RUN_DIR);
	if (r) {
		free(gate);
		return r;
	}
	*ret_gate = gate;
	return 0;
}

/* ---- lock ---- */

static int lock_fail(const char *path, int r)
{
	gate_explain("lock '%s' cannot be taken: %s", path, strerror(-r));
	return r;
}

static int lock_busy(const char *path, int fd)
{
	char pid[16] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
	gate_explain("'%s' is held by process %s, which is changing the gate", path,
		     pid[0] ? pid : "(unknown)");
	return GATE_BUSY;
}

static int lock_take(struct gate *gate)
{
	own_fd int fd = -1;
	char path[256];
	int n = snprintf(path, sizeof(path), "%s/gate.lock", gate->run_dir);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	if (mkdir(gate->run_dir, 0755) && errno != EEXIST)
		return lock_fail(path, -errno);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return lock_fail(path, -errno);
	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? lock_busy(path, fd) : lock_fail(path, -errno);
	/* The pid is for the message of whoever finds it locked. */
	if (ftruncate(fd, 0) || dprintf(fd, "%d\n", getpid()) < 0)
		return lock_fail(path, -errno);
	gate->lock_fd = take_fd(&fd);
	return 0;
}

/* ---- mappings ---- */

static int map_memory(struct gate *gate, enum gate_map which, void **ret_memory)
{
	int prot = PROT_READ | (gate->lock_fd >= 0 ? PROT_WRITE : 0);
	void *memory = mmap(NULL, map_mapping_len(which, gate->max[which]), prot, MAP_SHARED,
			    gate->map[which], 0);

	if (memory == MAP_FAILED) {
		int r = -errno;

		gate_explain("map '%s' cannot be mapped: %s", gate_map_names[which], strerror(-r));
		return r;
	}
	*ret_memory = memory;
	return 0;
}

/* Those that are memory of ours, and where they stand in the handle. */
static const struct {
	enum gate_map which;
	size_t at;
} mapped[] = {
	{GATE_MAP_SETTINGS, offsetof(struct gate, settings)},
	{GATE_MAP_META, offsetof(struct gate, meta)},
	{GATE_MAP_PRESENT4, offsetof(struct gate, present4)},
	{GATE_MAP_PRESENT6, offsetof(struct gate, present6)},
	{GATE_MAP_LIMIT, offsetof(struct gate, limits)},
	{GATE_MAP_PORT, offsetof(struct gate, ports)},
	{GATE_MAP_SERVICE, offsetof(struct gate, services)},
	{GATE_MAP_RSVC, offsetof(struct gate, rsvc)},
	{GATE_MAP_DLINE4, offsetof(struct gate, dlines)},
};

static void **mapped_at(struct gate *gate, size_t i)
{
	return (void **)(void *)((char *)gate + mapped[i].at);
}

static int map_all(struct gate *gate)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(mapped) && !r; i++)
		if (gate->map[mapped[i].which] >= 0) /* a foreign one may lack some */
			r = map_memory(gate, mapped[i].which, mapped_at(gate, i));
	return r;
}

static void unmap_all(struct gate *gate)
{
	for (size_t i = 0; i < ARRAY_LEN(mapped); i++)
		if (*mapped_at(gate, i))
			munmap(*mapped_at(gate, i),
			       map_mapping_len(mapped[i].which, gate->max[mapped[i].which]));
}

/* ---- what the maps say of themselves ---- */

/* What must stand before meta says that the gate is made: see abi/meta.h. */
static void fill_in(struct gate *gate)
{
	if (!gate->meta->layout && !gate->remade && hosts_none(gate, 4))
		dlines_clear(gate, true);
	limits_fill(gate);
	gate->services[0].flags |= SZ_SERVICE_LOCAL;
	__atomic_store_n(&gate->meta->layout, SZ_LAYOUT, __ATOMIC_RELEASE);
}

static int check_meta(struct gate *gate)
{
	const uint64_t filled = 1ULL << GATE_MAP_LIMIT | 1ULL << GATE_MAP_SERVICE;
	uint32_t layout = gate->meta->layout;

	if (!layout || layout == SZ_LAYOUT) {
		if (gate->lock_fd >= 0 && (!layout || gate->remade & filled))
			fill_in(gate);
		return 0;
	}
	gate_explain("the maps in '%s' have layout %u, this strazh %s knows layout %d. Use the "
		     "strazhctl of the version that made them, or: `strazhctl detach` every "
		     "interface and `flush` with that one, remove the pins, attach with this one",
		     gate->pin_dir, layout, STRAZH_VERSION, SZ_LAYOUT);
	return GATE_OTHER_LAYOUT;
}

const struct sz_seed *gate_seed(struct gate *gate)
{
	volatile struct sz_seed *seed = &gate->meta->seed;

	for (size_t i = 0; i < ARRAY_LEN(seed->word) && gate->lock_fd >= 0; i++) {
		__u64 none = 0, word;

		if (seed->word[i])
			continue;
		if (getrandom(&word, sizeof(word), 0) != (ssize_t)sizeof(word))
			break; /* cannot be before boot is done; the program draws then */
		word |= 1;     /* 0 means "not drawn"; whoever swaps first wins */
		(void)__atomic_compare_exchange_n(&seed->word[i], &none, word, false,
						  __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	}
	return (const struct sz_seed *)(uintptr_t)seed;
}

/*
 * Presence and the lines of hosts say by seed and settings what the lists hold: with one of them
 * gone, build them anew.
 */
static int rebuild_presence(struct gate *gate)
{
	const uint64_t parts = 1ULL << GATE_MAP_META | 1ULL << GATE_MAP_SETTINGS |
			       1ULL << GATE_MAP_PRESENT4 | 1ULL << GATE_MAP_PRESENT6 |
			       1ULL << GATE_MAP_DHOST4 | 1ULL << GATE_MAP_DLINE4;
	struct sweep *sweep;
	int r;

	if (!(gate->remade & parts))
		return 0;
	if (gate->remade & 1ULL << GATE_MAP_META) /* another seed: no host is in its line */
		dlines_clear(gate, false);
	r = sweep_new(gate, &sweep);
	if (r)
		return r;
	r = sweep_all(sweep);
	sweep_free(sweep);
	return r;
}

static int open_pins(struct gate *gate, unsigned int flags, const struct gate_sizes *sizes)
{
	int r = pins_open(gate);

	if (r == GATE_ABSENT && flags & GATE_CREATE)
		return pins_create(gate, sizes);
	if (r == GATE_DAMAGED && flags & GATE_CREATE)
		return pins_repair(gate, sizes);
	return r;
}

static int gate_build(struct gate *gate, unsigned int flags, const struct gate_sizes *sizes)
{
	int r = flags & GATE_WRITE ? lock_take(gate) : 0;

	if (r)
		return r;
	r = open_pins(gate, flags, sizes);
	if (r)
		return r;
	r = map_all(gate);
	if (r)
		return r;
	r = check_meta(gate);
	if (r)
		return r;
	gate_seed(gate);
	return rebuild_presence(gate);
}

int gate_open(const struct gate_place *place, unsigned int flags, const struct gate_sizes *sizes,
	      struct gate **ret_gate)
{
	own_gate struct gate *gate = NULL;
	int r;

	if (flags & GATE_CREATE)
		flags |= GATE_WRITE;
	explain_hush();
	r = gate_new(place, &gate);
	if (r)
		return r;
	r = gate_build(gate, flags, sizes);
	if (r)
		return r;
	*ret_gate = take_ptr(gate);
	return 0;
}

int handle_from_fds(const int fds[GATE_MAPS_TOTAL], struct gate **ret_gate)
{
	own_gate struct gate *gate = NULL;
	int r = gate_new(NULL, &gate);

	for (enum gate_map i = 0; i < GATE_MAPS_TOTAL; i++) {
		if (r) {
			if (fds[i] >= 0)
				close(fds[i]);
			continue;
		}
		gate->map[i] = fds[i];
	}
	for (enum gate_map i = 0; i < GATE_MAPS_TOTAL && !r; i++) {
		if (gate->map[i] >= 0)
			r = map_check(i, gate->map[i], &gate->max[i]);
		else if (i != GATE_MAP_LIST && i != GATE_MAP_NOTE && i < GATE_MAP_TAP)
			r = GATE_DAMAGED;
	}
	if (!r)
		r = map_all(gate);
	if (!r)
		r = check_meta(gate);
	if (!r)
		*ret_gate = take_ptr(gate);
	return r;
}

void gate_close(struct gate *gate)
{
	if (!gate)
		return;
	nets_free(gate->nets);
	unmap_all(gate);
	for (int i = 0; i < GATE_MAPS_TOTAL; i++)
		if (gate->map[i] >= 0)
			close(gate->map[i]);
	if (gate->lock_fd >= 0)
		close(gate->lock_fd);
	free(gate);
}

int gate_unpin(struct gate *gate)
{
	if (gate->lock_fd < 0)
		return -EBADF;
	return pins_remove(gate->pin_dir);
}
