/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Programs in the kernel, told apart by the maps they use. */
#ifndef STRAZH_USER_GATE_PROGS_H
#define STRAZH_USER_GATE_PROGS_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/bpf.h>

#include <strazh/base/compiler.h>
#include <user/gate/gate.h>

#define PROGS_MAPS_MAX 64

struct btf;

struct prog_facts {
	uint32_t id;
	char name[BPF_OBJ_NAME_LEN];
	unsigned char tag[BPF_TAG_SIZE];
	uint32_t map_ids[GATE_MAPS_TOTAL]; /* by name; 0: the program does not use it */
	bool gate;			   /* a gate of some sort: it has sz_meta and the lists */
	uint32_t instance;		   /* its sz_instance; 0 where it has none */
};

/* Offset of a constant of the gate in .rodata. 0 or -ENOENT. */
int constant_offset(const struct btf *btf, const char *name, uint32_t *ret_offset) must_check;
static inline must_check int instance_offset(const struct btf *btf, uint32_t *ret_offset)
{
	return constant_offset(btf, "sz_instance", ret_offset);
}

/* What the program is. */
int prog_facts_of(int prog_fd, struct prog_facts *ret_facts) must_check;
/* Needs CAP_SYS_ADMIN, as every id to descriptor does. */
int prog_facts_by_id(uint32_t id, struct prog_facts *ret_facts, int *ret_fd) must_check;

/* Does the program stand on the maps of this gate? */
bool prog_is_ours(struct gate *gate, const struct prog_facts *facts);

/*
 * Visit every XDP program (attached directly or below a dispatcher) that the kernel holds. A
 * positive return of `visit` ends the walk and is returned.
 */
typedef int (*prog_visit)(void *context, int fd, const struct prog_facts *facts);
int progs_walk(prog_visit visit, void *context) must_check;

#endif
