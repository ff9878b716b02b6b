/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The built gate on the maps of a writer's handle: what user space writes is what packets meet. For
 * the tests of the table in front of the denied IPv4 hosts.
 */
#ifndef TESTS_GATE_DLINE_RIG_H
#define TESTS_GATE_DLINE_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/libbpf.h>

#include <strazh/abi/dline.h>
#include <strazh/abi/reason.h>
#include <strazh/abi/rule.h>
#include <user/base/prefix.h>
#include <user/gate/gate.h>
#include <user/gate/sweep.h>

struct rig {
	struct gate *gate;
	struct bpf_object *object;
	int prog, count;
};

/* Fixtures; the table knows that there is nobody yet. */
int rig_setup(void **state);
int rig_teardown(void **state);
#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

/* What becomes of a packet of that source: DENY_HOST, DENY_NET or PASS; else the test fails. */
enum sz_reason rig_ask(struct rig *rig, const struct prefix *host);
#define expect_reason(rig, host, reason) assert_int_equal(rig_ask(rig, host), reason)
/* Packets counted for a reason. */
uint64_t rig_count(const struct rig *rig, enum sz_reason reason);
/* `repeat` packets of that source, counted by nobody here; safe on a thread of its own. */
void rig_flood(const struct rig *rig, const struct prefix *host, uint32_t repeat);

/* `count` hosts of one line, with presence, so that their packets ask it. */
void rig_mates(struct rig *rig, struct prefix *hosts, size_t count);
/* The same, of the line of that one. */
void rig_mates_of(struct rig *rig, const struct prefix *of, struct prefix *hosts, size_t count);
struct sz_dline *rig_line(struct rig *rig, const struct prefix *host);
/* Its slot; NULL: it has none. */
struct sz_dslot *rig_slot(struct rig *rig, const struct prefix *host);
bool rig_says(struct rig *rig, const struct prefix *host);
/* Has every line no slot, and knows that it is all? */
bool rig_blank(const struct rig *rig);

/* The entry in the hash alone, as bpftool does it. */
bool rig_raw_read(struct rig *rig, const struct prefix *host, struct sz_rule *ret_rule);
void rig_raw_write(struct rig *rig, const struct prefix *host, struct sz_rule rule);
void rig_raw_delete(struct rig *rig, const struct prefix *host);

/* Acts that must succeed. */
void rig_ban(struct rig *rig, const struct prefix *host, uint32_t bit, uint32_t until_s);
void rig_lift(struct rig *rig, const struct prefix *host, uint32_t bit);
void rig_load(struct rig *rig, const char *name, const struct prefix *hosts, size_t count);
/* As act_covering() says it. */
uint64_t rig_hits(struct rig *rig, const struct prefix *host);
struct sweep_round rig_sweep(struct rig *rig);

#endif
