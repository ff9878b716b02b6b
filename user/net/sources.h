/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * How many connections there are, in all and by source: an IPv4 address or an IPv6 /64. Shared by
 * the reactors, because the kernel spreads the connections of one source over them. Holds an entry
 * only for a source that has a connection, so it is as large as its limits and no larger. Any
 * thread.
 */
#ifndef STRAZH_USER_NET_SOURCES_H
#define STRAZH_USER_NET_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/net/endpoint.h>

struct sources_limits {
	uint32_t total, half_open;		 /* of all */
	uint32_t source_total, source_half_open; /* of one source */
};

enum sources_condition {
	SOURCES_TOTAL = 1,
	SOURCES_HALF_OPEN,
	SOURCES_SOURCE,
	SOURCES_SOURCE_HALF_OPEN,
	SOURCES_SOURCE_MUTE, /* the same, and most of these have said nothing for SOURCES_MUTE_MS */
};

/*
 * Whoever wants something says so with his first packet, however far away he is; and of many behind
 * one address some do at any moment.
 */
#define SOURCES_MUTE_MS 40U

struct sources;

/* The place of `limits` in memory is fixed here by `limits->total`; at most 2^22. */
int sources_new(const struct sources_limits *limits, struct sources **ret_sources) must_check;
void sources_free(struct sources *sources);
/* New limits for what comes; `total` stays at most what it was when it was made. */
void sources_set_limits(struct sources *sources, const struct sources_limits *limits);

/*
 * One more connection, half open. *ret_id names its source until sources_leave(). Family 0 counts
 * in all only. 0 or enum sources_condition.
 */
int sources_enter(struct sources *sources, const struct endpoint *from,
		  uint32_t *ret_id) must_check;
/* The same for one that is in already, without a source (the header of its proxy names it now). */
int sources_assign(struct sources *sources, const struct endpoint *from,
		   uint32_t *ret_id) must_check;
/* It has said something: once for each that sources_enter() let in. */
void sources_spoke(struct sources *sources, uint32_t id);
/* It is half open no longer. */
void sources_opened(struct sources *sources, uint32_t id);
/* `half_open`: sources_opened() was not called for it; `mute`: nor sources_spoke(). */
void sources_leave(struct sources *sources, uint32_t id, bool half_open, bool mute);

struct sources_count {
	uint32_t total, half_open, sources;
};
struct sources_count sources_count(struct sources *sources);

#endif
