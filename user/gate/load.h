/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The embedded object: its maps made once, its program loaded onto maps that exist. */
#ifndef STRAZH_USER_GATE_LOAD_H
#define STRAZH_USER_GATE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <bpf/libbpf.h>

#include <strazh/base/compiler.h>
#include <user/gate/gate.h>

/* The two entries over one body; the first is for frames in several buffers (large MTU). */
enum load_entry {
	LOAD_FRAGS,
	LOAD_PLAIN,
	LOAD_ENTRIES,
};

extern const char *const load_sections[LOAD_ENTRIES];
extern const char *const load_names[LOAD_ENTRIES];

static inline void load_closep(struct bpf_object **object)
{
	bpf_object__close(*object);
}
#define own_object cleanup_with(load_closep)

/*
 * Make the maps whose fds[] is -1, with capacities of `sizes`; loads no program. fds[] of the made
 * ones are the caller's. On failure fds[] is as before.
 */
int load_maps(const struct gate_sizes *sizes, int fds[GATE_MAPS_TOTAL]) must_check;

/*
 * The object, opened for one entry onto the maps of `gate` and with meta.instance as its number;
 * not loaded yet: libxdp wants to do that.
 */
int load_open(struct gate *gate, enum load_entry entry, struct bpf_object **ret_object) must_check;
/*
 * A load that shares what the gate reads (lists, limits, services, settings) and has maps of its
 * own for what it writes. Loaded; attached to nothing.
 */
int load_dry(struct gate *gate, struct bpf_object **ret_object) must_check;
/* The entry's program in it. */
struct bpf_program *load_program(struct bpf_object *object, enum load_entry entry);

/*
 * After loading: tie the maps that no instruction names (list names, notes) to the program, so
 * that a gate whose pins were lost can be put together again from what is attached.
 */
int load_bind(struct gate *gate, int prog_fd) must_check;

/* Tags of the embedded program, as the kernel computes them; loads it once per process. */
#define LOAD_TAG_LEN 8
int load_tags(struct gate *gate, unsigned char ret_tags[LOAD_ENTRIES][LOAD_TAG_LEN]) must_check;

#endif
