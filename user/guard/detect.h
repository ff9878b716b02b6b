/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Detectors: from raw facts to observations that weigh something. Each says how much is honest:
 *
 *	meters  leaky buckets (GCRA, as in abi/rate.h): `burst` at once and `per_s` for ever are
 *	        fine; what is above fires, and once more for each `step`. Handshake failures, bad
 *	        records, unknown keys, connections without a session, odd sizes, malformed packets.
 *	rates   packets above the source's limits, as two EWMA (a quarter of a second, four
 *	        seconds): high rate, burst, flood of tiny packets. Fires at most once in `again_ms`.
 *	ports   distinct ports within hours, by linear counting in 32 bits, spoofable and proven
 *	        ones apart: a flood of SYNs under a foreign address makes nobody a scanner.
 *
 * A session that is opened pays back connections that were not: who comes with 500 clients behind
 * one address is no flood. Refused connections beside sessions that live are pressure and no score:
 * the server has too little room for all who share the address.
 */
#ifndef STRAZH_USER_GUARD_DETECT_H
#define STRAZH_USER_GUARD_DETECT_H

#include <user/guard/observation.h>
#include <user/guard/source.h>

struct detect_meter {
	float burst, per_s, step;
};

struct detect_config {
	struct detect_meter meters[METER_COUNT];
	float high_pps;	   /* HighPacketRate above it, over seconds */
	float burst_pps;   /* BurstTraffic above it, over a quarter of a second, and */
	float burst_ratio; /* so many times the rate over seconds */
	float small_pps;   /* SmallPacketFlood above it, and */
	float small_share; /* so many of them at most */
	uint32_t small_len;
	uint32_t ports;	     /* ScanPattern at so many distinct ones, at most 64, within */
	uint32_t ports_h;    /* hours */
	uint32_t again_ms;   /* a rate that stays fires again */
	float refused_share; /* of a connection: what a refused one counts */
	float session_pays;  /* so many wasted connections are paid back by a session */
};

struct detect_config detect_config_usual(void);

#define DETECT_MAX 3U /* of one input */

struct detection {
	uint8_t kind;
	uint8_t evidence;
	uint8_t times;	 /* so many observations at once */
	uint32_t count;	 /* raw events in them */
	float weight;	 /* of each; 0: that of the kind */
	uint32_t hold_s; /* so long it does not fade */
};

/* Before anything else is done with a source: what time has done to its rates and meters. */
void detect_touch(struct source *source, uint64_t now_ms);
/* What fires, into `found`; returns how many. `source` is charged. */
unsigned detect_feed(const struct detect_config *config, struct source *source,
		     const struct observation *seen, uint64_t now_ms,
		     struct detection found[DETECT_MAX]);
/* Distinct ports in a bitmap, estimated. */
float detect_ports(uint32_t bitmap);

#endif
