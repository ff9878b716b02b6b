/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Room in a full map: entries whose time is over, taken out at once instead of by the next sweep.
 */
#ifndef STRAZH_USER_GATE_COLLECT_H
#define STRAZH_USER_GATE_COLLECT_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/abi/meta.h>
#include <strazh/base/compiler.h>
#include <user/gate/gate.h>

/* A denied host that ends then was written; 0: for good. */
void collect_expect(struct gate *gate, uint8_t family, uint32_t until_s);
/* `host`: the hash of denied hosts instead of the trie. Cheap when nothing can have expired. */
int collect_one(struct gate *gate, enum sz_table table, uint8_t family, bool host) must_check;
/* Entries in that map and how many it takes. */
int collect_fill(struct gate *gate, enum sz_table table, uint8_t family, bool host,
		 uint64_t *ret_fill, uint64_t *ret_capacity) must_check;

#endif
