/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A gate on its pins, in the namespaces that netns_enter() made, with its program loaded and
 * attached to nothing: frames are given to it by BPF_PROG_TEST_RUN. For the tests of those who look
 * on.
 */
#ifndef TESTS_GATE_LIVE_H
#define TESTS_GATE_LIVE_H

#include <stdint.h>

#include <bpf/libbpf.h>

#include <strazh/abi/reason.h>
#include <tests/gate/packet.h>
#include <user/gate/gate.h>

struct live {
	struct gate *gate;
	struct bpf_object *object;
	int prog;
};

int live_setup(void **state);
int live_teardown(void **state);
#define LIVE_TEST(f) cmocka_unit_test_setup_teardown(f, live_setup, live_teardown)

/* `times` of it; the XDP action. */
uint32_t live_frame(const struct live *live, const struct frame *frame, uint32_t times);
uint32_t live_spec(const struct live *live, const struct spec *spec, uint32_t times);
/* One of it: the reason whose counter moved; the test fails if none did, or several. */
enum sz_reason live_reason(const struct live *live, const struct frame *frame);
/* A tally so far. */
uint64_t live_tally(const struct live *live, uint32_t tally);
/* For good, as an operator does it: "ADDR" or "ADDR/LEN". */
void live_say(const struct live *live, enum sz_table table, const char *prefix);

#endif
