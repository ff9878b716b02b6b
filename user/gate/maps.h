/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The shape of every map of the gate, as this binary knows it from abi/. */
#ifndef STRAZH_USER_GATE_MAPS_H
#define STRAZH_USER_GATE_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include <strazh/base/compiler.h>
#include <user/gate/gate.h>

/* Is it a map of ours: 0, GATE_DAMAGED (another name or type), GATE_OTHER_LAYOUT (other sizes). */
int map_check(enum gate_map which, int fd, uint32_t *ret_max) must_check;
int map_info(int fd, struct bpf_map_info *ret_info) must_check;
/* The map of that kernel name, GATE_MAPS_TOTAL if it is none of ours. */
enum gate_map map_by_name(const char *name);
/* Capacity that `sizes` (NULL: defaults) gives the map; 0: as the object says. */
uint32_t map_capacity(enum gate_map which, const struct gate_sizes *sizes);
/* Length of the mapping of an mmapable array. */
size_t map_mapping_len(enum gate_map which, uint32_t max);

#endif
