/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The built gate on maps of its own, pinned nowhere, fed one frame at a time with
 * BPF_PROG_TEST_RUN. A test that cannot go on fails; nothing here returns errors.
 */
#ifndef TESTS_GATE_GATE_RUN_H
#define TESTS_GATE_GATE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/libbpf.h>

#include <strazh/abi/event.h>
#include <strazh/abi/meta.h>
#include <strazh/abi/present.h>
#include <strazh/abi/rate.h>
#include <strazh/abi/reason.h>
#include <strazh/abi/rule.h>
#include <strazh/abi/service.h>
#include <strazh/abi/settings.h>
#include <strazh/abi/stats.h>
#include <strazh/base/compiler.h>
#include <tests/gate/packet.h>

/* The object as user/gate/object.S embeds it. */
extern const char gate_object[];
extern const size_t gate_object_len;

enum run_entry { RUN_PLAIN, RUN_FRAGS, RUN_ENTRIES };

/* The network interface that BPF_PROG_TEST_RUN names where the test does not: lo. */
#define RUN_IFINDEX 1U

struct run {
	struct bpf_object *object;
	int prog[RUN_ENTRIES];
	enum run_entry entry; /* which one run_frame() takes */
	volatile struct sz_settings *settings;
	volatile struct sz_meta *meta;
	struct sz_present4 *present4;
	struct sz_present6 *present6;
	struct sz_meters *rhost, *rnet;
	struct sz_limit *limits;
	struct sz_port *ports;
	struct sz_service *services;
	struct sz_rsvc *rsvc;
	struct ring_buffer *ring;
	struct sz_event events[64]; /* what run_events() found */
	size_t event_count;
};

/* What became of a frame. */
struct outcome {
	uint32_t action;
	int reason; /* the one whose counter moved by one packet; -1: none or several */
	bool observed;
	uint64_t bytes; /* by how much its counter of bytes moved */
};

/* `instance` becomes sz_instance. */
struct run *run_new_as(uint32_t instance);
struct run *run_new(void);
void run_free(struct run *run);
/* Lists, settings, rates, counters and events as in the beginning; the seed stays. */
void run_clean(struct run *run);
/* Fixtures: one struct run for a group, clean before each test of it. */
int run_setup(void **state);
int run_clean_up(void **state);
int run_teardown(void **state);
#define RUN_TEST(f) cmocka_unit_test_setup(f, run_clean_up)
int run_map(const struct run *run, const char *name);

struct outcome run_frame(struct run *run, const struct frame *frame);
struct outcome run_spec(struct run *run, const struct spec *spec);
/* The same frame n times in one call; the action of the last. */
uint32_t run_many(struct run *run, const struct frame *frame, uint32_t times);

const char *reason_name(int reason);
/* Sum over CPUs of a reason or tally. */
struct sz_count run_count(const struct run *run, uint32_t which);
/* Read all events there are into run->events (the newest beyond 64 are counted only). */
size_t run_events(struct run *run);

/* Fails and names `what` unless the frame ended so. Passing reasons pass, others drop. */
void expect_outcome(const char *what, struct outcome got, int reason);
void expect_spec(struct run *run, const char *what, const struct spec *spec, int reason);
void expect_observed(const char *what, struct outcome got, int reason);

/* ---- gate_rules.c: lists, as a writer makes them: presence first ------------------------------
 */
#define FOREVER(bits) ((struct sz_rule){.lists = (bits)})

uint32_t boot_now_s(void);
uint64_t boot_now_ns(void);
/* Table by name without family: "never", "allow", "dnet" take ADDR/LEN, "dhost" an address. */
void rule_set(struct run *run, const char *table, const char *text, struct sz_rule rule);
struct sz_rule rule_get(struct run *run, const char *table, const char *text);
void rule_delete(struct run *run, const char *table, const char *text);
/* The presence bits of a prefix only. */
void presence_set(struct run *run, const char *text);
/* "ADDR/LEN" or "ADDR" to its parts. */
uint8_t prefix_split(const char *text, uint8_t ret_addr[16], uint8_t *ret_len);

#endif
