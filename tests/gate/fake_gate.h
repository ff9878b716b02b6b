/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A gate without pins, lock and program: the maps only, made here. For tests of the list code. */
#ifndef TESTS_GATE_FAKE_GATE_H
#define TESTS_GATE_FAKE_GATE_H

#include <stdbool.h>

#include <user/base/prefix.h>
#include <user/gate/gate.h>

/* NULL: the default sizes. Fails the test that calls it. gate_close() ends it. */
struct gate *fake_gate(const struct gate_sizes *sizes);
/* The same maps under a second handle, as after the death of the process that had the first. */
struct gate *fake_gate_again(const struct gate *gate);

/* "10.0.0.0/8" */
struct prefix pfx(const char *text);
/* Does the presence bit of that address say "look"? As the gate asks. */
bool fake_present(struct gate *gate, const struct prefix *host);
/* Bits set in both presence maps. */
uint64_t fake_present_bits(const struct gate *gate);
/*
 * The gate's verdict on a source, from the maps alone: 0 pass, else 1 never, 2 allow, 3 denied
 * host, 4 denied prefix. *ret_lists: the live lists.
 */
int fake_verdict(struct gate *gate, const struct prefix *host, uint64_t *ret_lists);

#endif
