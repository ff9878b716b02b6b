/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who sends most, out of samples. What passed and what did not are sampled apart, and each sample
 * stands for as many packets as the counters say there were for one sample of its kind. The error
 * of a source with n samples is about 1/sqrt(n) of its figure. Pure; of fixed size: when it is
 * full, sources not in it are left out and counted.
 */
#ifndef STRAZH_USER_CTL_TOPLIST_H
#define STRAZH_USER_CTL_TOPLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/abi/event.h>
#include <strazh/base/compiler.h>
#include <user/gate/stats.h>

#define TOPLIST_SLOTS 16384U

enum top_by { TOP_PACKETS, TOP_DROPS, TOP_BYTES, TOP_ORDERS };

struct top_source {
	uint8_t family; /* 0: slot is free */
	uint8_t addr[16];
	uint32_t passed, stopped; /* samples; stopped: dropped, answered, or only observed */
	uint64_t passed_bytes, stopped_bytes;
	uint16_t reason;    /* of its last sample that was stopped; else of its last */
	uint8_t rate_class; /* see sz_event */
	uint8_t proto;
	uint16_t dport;
};

struct toplist {
	struct top_source slots[TOPLIST_SLOTS];
	uint32_t used, passed, stopped, left_out; /* samples */
};

/* An estimate for one source, a second. */
struct top_rate {
	const struct top_source *source;
	double packets, drops, bytes;
	double error; /* share of `packets` */
};

void toplist_clear(struct toplist *list);
void toplist_add(struct toplist *list, const struct sz_event *event);
/*
 * The first `most` by that order into rates[]; how many. passed, stopped: packets that the gate
 * counted in the `seconds` of the samples.
 */
size_t toplist_sort(const struct toplist *list, enum top_by by, uint64_t passed, uint64_t stopped,
		    double seconds, struct top_rate *rates, size_t most);

#endif
