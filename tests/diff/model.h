/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A second opinion on every packet: the verdict of the gate, written a second time from its
 * specification (shared/design/datapath.md and include/strazh/abi) and from nothing else. Plain
 * bytes, plain loops over plain arrays; slow and easy to read. Rates are left out: the harness
 * gives the gate a limit that no run reaches.
 *
 * Where the specification leaves a choice, it is listed at the head of model_read.c or
 * model_shape.c.
 */
#ifndef STRAZH_TESTS_DIFF_MODEL_H
#define STRAZH_TESTS_DIFF_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/abi/reason.h>
#include <strazh/abi/rule.h>

/* What was said of one address or prefix, by whom and until when. Nothing inherited. */
struct model_say {
	uint8_t family; /* 4 or 6 */
	uint8_t len;	/* prefix length */
	uint8_t addr[16];
	uint64_t lists;
	uint32_t until_s[SZ_ORIGINS]; /* 0: for good */
};

enum model_table { MODEL_NEVER, MODEL_ALLOW, MODEL_HOST, MODEL_NET, MODEL_TABLES };

struct model_world {
	struct model_say *says[MODEL_TABLES];
	size_t counts[MODEL_TABLES];
	uint64_t lists_off;
	uint32_t flags; /* SZ_SET_* */
	uint32_t bogon_flip;
	uint32_t now_s; /* CLOCK_BOOTTIME */
	uint32_t ifindex;
	uint32_t lease_ifindex, lease_until_s;
	bool standby; /* the program's number is not the one in sz_meta */
};

/* What the model read in a frame; members after `family` hold only where family is not 0. */
struct model_facts {
	unsigned int tags;     /* VLAN tags read */
	uint16_t tag_types[2]; /* their ethertypes */
	unsigned int family;   /* 4, 6; 0: no addresses were read */
	size_t src_at, dst_at; /* offsets in the frame */
	size_t addr_len;
	unsigned int proto;	 /* last next-header value */
	unsigned int extensions; /* IPv6 extension headers walked, fragment headers included */
	bool frag_header;	 /* IPv6 only: there was one, atomic or not */
	bool frag_first, frag_later;
	size_t frag_offset;   /* bytes */
	size_t l4_at, end_at; /* of transport header and packet; later fragments: of the data */
};

struct model_answer {
	enum sz_reason reason;
	bool drop;
	bool observed; /* would have been dropped */
	struct model_facts facts;
};

struct model_answer model_judge(const struct model_world *world, const uint8_t *frame, size_t len);

/* Does anything in this table that is in force speak of this address? */
bool model_listed(const struct model_world *world, enum model_table table, unsigned int family,
		  const uint8_t *addr);
/* Does this one say hold now? Deny tables: under lists_off. */
bool model_holds(const struct model_world *world, enum model_table table,
		 const struct model_say *say);
/* Are the first `bits` bits of a and b the same? */
bool model_same_bits(const uint8_t *a, const uint8_t *b, unsigned int bits);

/* The special source ranges, one by one: false past the last. */
bool model_special(size_t i, unsigned int *ret_family, unsigned int *ret_len, uint8_t ret_addr[16]);

/* "deny-net", ... */
const char *model_reason_name(unsigned int reason);
enum sz_class model_reason_class(unsigned int reason);

#endif
