/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Named lists and the bits that stand for them in the entries of the deny table.
 *
 *   lists_off  SZ_LIST_USED   the bit is
 *   clear      clear          free: no entry carries it
 *   set        clear          dirty: being loaded, or left over; entries may carry it
 *   clear      set            a list in force
 *   set        set            complete, but not in force yet, or no more: see lists_recover()
 *
 * A bit is taken by silencing it, so a load that dies leaves it dirty; a dirty bit denies nobody,
 * is given to nobody, and becomes free when every entry that carried it has lost it; one of a load
 * that is under way (nets.h) is cleaned by that load only. An entry that
 * carries a free bit was written by others: the sweep makes a list of it rather than lift a denial.
 */
#ifndef STRAZH_USER_GATE_LISTS_H
#define STRAZH_USER_GATE_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/abi/meta.h>
#include <strazh/base/compiler.h>
#include <user/base/prefix.h>
#include <user/gate/gate.h>

struct lists {
	struct sz_list at[SZ_LISTS];
	uint64_t used; /* bits with SZ_LIST_USED */
};

int lists_read(struct gate *gate, struct lists *ret_lists) must_check;
/* Bits that are silenced and belong to no list. */
int lists_dirty(struct gate *gate, uint64_t *ret_bits) must_check;
/*
 * Finish or undo what a crash left: of two lists of one name the silenced one is dropped; a
 * complete list that was not put in force yet is.
 */
int lists_recover(struct gate *gate) must_check;

/* The bit of that name, or SZ_LISTS. */
uint32_t lists_find(const struct lists *lists, const char *name);
/* Letters, digits and ._- ; else -EINVAL, and gate_error() says why. */
int lists_check_name(const char *name) must_check;

/*
 * Take a bit: it is dirty then. Cleans dirty ones if no other is left. ACT_TOO_MANY_LISTS when all
 * belong to lists.
 */
int lists_take(struct gate *gate, uint32_t *ret_bit) must_check;
int lists_write(struct gate *gate, uint32_t bit, const char *name, uint32_t entries) must_check;
int lists_erase(struct gate *gate, uint32_t bit) must_check;
/* One store: `off` silenced, `on` in force; then wait until no packet is looked at by old ones. */
void lists_switch(struct gate *gate, uint64_t off, uint64_t on);

/*
 * Take dirty bits out of every entry, then call them free. Where `heir` is a bit below SZ_LISTS:
 * entries that carry it and no other feed get `until_s` for their feeds.
 */
struct lists_stripped {
	uint64_t touched;   /* entries that carried one of them */
	uint64_t inherited; /* of these, carry the heir */
};
int lists_strip(struct gate *gate, uint64_t bits, uint32_t heir, uint32_t until_s,
		struct lists_stripped *ret_stripped) must_check;

/* The same in slices of about `most` entries; others may change entries in between. */
struct host_scan;
struct lists_strip {
	struct gate *gate;
	uint64_t bits, heir; /* heir as a bit; 0: none */
	uint32_t until_s;
	uint8_t family;
	bool in_nets, any;
	struct prefix next; /* of the nets; family 0: from the start */
	struct host_scan *scan;
	struct lists_stripped result;
};
int lists_strip_begin(struct lists_strip *strip, struct gate *gate, uint64_t bits, uint32_t heir,
		      uint32_t until_s) must_check;
int lists_strip_step(struct lists_strip *strip, uint32_t most, bool *ret_done) must_check;
void lists_strip_end(struct lists_strip *strip);

#endif
