/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What sources may send: limits per tier, level and class as numbers that people use, and what the
 * meters of a source hold.
 */
#ifndef STRAZH_USER_GATE_LIMITS_H
#define STRAZH_USER_GATE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/abi/rate.h>
#include <strazh/base/compiler.h>
#include <user/base/prefix.h>
#include <user/gate/gate.h>

extern const char *const rate_class_names[SZ_RATE_CLASSES];
extern const char *const rate_class_texts[SZ_RATE_CLASSES];

/* The defaults of abi/rate.h where no limit stands, before meta.layout says that they are there. */
void limits_fill(struct gate *gate);

/* The default of a class; a prefix has SZ_RATE_NET_SHARE times as much. */
struct sz_limit limit_default(enum sz_rate_level level, enum sz_rate_class class_);

/* In words; NULL leaves a thing as it is. */
struct limit_words {
	const char *pps;   /* packets/s: a number, "none", "default" (all of the limit) */
	const char *burst; /* packets at once */
	const char *bps;   /* bit/s: 2k to 100G (k, M, G: powers of 1,000), "none" */
	const char *bytes; /* at once, in bytes: 64k, 1M */
};

#define LIMIT_WHY_LEN 240

/*
 * What `limit` becomes by these words. What is not named stays, in packets and bytes; the bounds of
 * abi/rate.h are kept. 0; or -EINVAL and `why`.
 */
int limit_say(const struct limit_words *words, const struct sz_limit *fallback,
	      struct sz_limit *limit, char why[LIMIT_WHY_LEN]) must_check;
/* Back in numbers; 0: no limit, or none at once. */
uint64_t limit_pps(const struct sz_limit *limit);
uint64_t limit_burst(const struct sz_limit *limit);
uint64_t limit_bps(const struct sz_limit *limit);
uint64_t limit_bytes(const struct sz_limit *limit);
bool limit_equal(const struct sz_limit *a, const struct sz_limit *b);
/* Into the map, a store a member, in an order in which no packet finds a burst below its step. */
void limit_store(struct sz_limit *at, const struct sz_limit *limit);

/* As one word for the journal, "STEP,BURST,BYTE_STEP,BYTE_BURST"; -EINVAL for what is none. */
#define LIMIT_TEXT_LEN 48
void limit_format(const struct sz_limit *limit, char text[LIMIT_TEXT_LEN]);
int limit_parse(const char *text, struct sz_limit *ret_limit) must_check;

/* What the rate tables know of a source in a class: how far its meters are used. */
struct gate_bucket {
	uint64_t used_ns, burst_ns, step_ns;		   /* packets; step 0: not limited */
	uint64_t bytes_used_ns, bytes_burst_ns, byte_step; /* as in struct sz_limit */
};
/*
 * `source`: a host (IPv4 /32, IPv6 /64 or /128) or a prefix (/24, /48), by the limits that are its
 * own. ACT_NOT_FOUND: no slot, it has sent nothing lately. -EINVAL: another length, or FLOW, which
 * wants a port.
 */
int gate_bucket_read(struct gate *gate, const struct prefix *source, enum sz_rate_class class_,
		     struct gate_bucket *ret) must_check;

#endif
