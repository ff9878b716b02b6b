/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The two hash maps of denied hosts: single entries, batches, and a scan that may change what it
 * comes by. The numbers of entries in struct gate are kept here.
 */
#ifndef STRAZH_USER_GATE_HOSTS_H
#define STRAZH_USER_GATE_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/abi/rule.h>
#include <strazh/base/compiler.h>
#include <user/base/prefix.h>
#include <user/gate/gate.h>
#include <user/gate/rule.h>

enum gate_map hosts_map(uint8_t family);

struct say host_say(const struct sz_rule *rule);
void host_set(struct sz_rule *rule, const struct say *say);

/* Of an IPv4 host, without the hits that dlines_hits() tells. */
int host_read(struct gate *gate, const struct prefix *host, struct sz_rule *ret_rule) must_check;
/* Marks presence first. `fresh`: it was not there. -ENOSPC: the map is full. */
int host_write(struct gate *gate, const struct prefix *host, const struct sz_rule *rule,
	       bool fresh) must_check;
int host_delete(struct gate *gate, const struct prefix *host) must_check; /* 0 or -ENOENT */

/* Entries of one family to be written in one system call. */
#define HOSTS_BATCH 4096U
struct host_batch {
	struct gate *gate;
	uint8_t family;
	uint32_t count;
	uint32_t done; /* of `count`, after a flush that failed */
	uint8_t keys[HOSTS_BATCH * 16];
	struct sz_rule rules[HOSTS_BATCH];
};
void host_batch_put(struct host_batch *batch, const uint8_t *addr, const struct sz_rule *rule);
/* Write all; -ENOSPC: the map is full, `done` are written. Presence is the caller's. */
int host_batch_write(struct host_batch *batch) must_check;
int host_batch_delete(struct host_batch *batch) must_check;

/*
 * Scan a family in slices. `decide` may change *rule and say what becomes of it. Entries that are
 * inserted meanwhile may or may not come by; all others do, once.
 */
enum host_fate {
	HOST_KEEP,
	HOST_WRITE,
	HOST_DELETE,
	HOST_STOP, /* KEEP, and end the scan */
};
typedef enum host_fate (*host_decide)(void *context, const struct prefix *host,
				      struct sz_rule *rule);
struct host_scan;
int host_scan_new(struct gate *gate, uint8_t family, struct host_scan **ret_scan) must_check;
void host_scan_free(struct host_scan *scan);
/* A slice of about `most`. *ret_done: through, or stopped. */
int host_scan_step(struct host_scan *scan, uint32_t most, host_decide decide, void *context,
		   bool *ret_done) must_check;
/* All of it. */
int hosts_scan(struct gate *gate, uint8_t family, host_decide decide, void *context) must_check;

/* Is the map empty? */
bool hosts_none(struct gate *gate, uint8_t family);
/* Make gate->hosts[] right: by a scan, unless it is known or the map is empty. */
int hosts_count(struct gate *gate) must_check;
/* Remove every entry. */
int hosts_clear(struct gate *gate, uint8_t family, uint64_t *removed) must_check;

static inline void host_scan_closep(struct host_scan **scan)
{
	host_scan_free(*scan);
}
#define own_host_scan cleanup_with(host_scan_closep)

#endif
