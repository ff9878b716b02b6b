/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections are worth keeping: the mean of the demand and four times its mean deviation,
 * smoothed as TCP smooths round trips (V. Jacobson, "Congestion Avoidance and Control", 1988;
 * RFC 6298: gains 1/8 and 1/4, factor 4). A sample is the highest number of connections wanted at
 * once in one interval. A steady load keeps what it uses; after a burst the target falls within
 * about half a minute; a load that comes in bursts keeps room for the next.
 */
#ifndef STRAZH_ORM_DEMAND_H
#define STRAZH_ORM_DEMAND_H

#include <stdbool.h>
#include <stdint.h>

#define ORM_DEMAND_INTERVAL_NS 1000000000ULL

struct orm_demand {
	uint64_t next_ns;  /* end of the running interval; 0: not begun */
	uint32_t peak;	   /* highest seen in it */
	int64_t mean;	   /* * 65536 */
	int64_t deviation; /* * 65536 */
};

static inline void orm_demand_note(struct orm_demand *d, uint32_t wanted)
{
	if (wanted > d->peak)
		d->peak = wanted;
}
/* Time has passed; `wanted` is the demand at this moment, with which the next interval begins.
 * True when an interval ended. */
bool orm_demand_tick(struct orm_demand *d, uint64_t now_ns, uint32_t wanted);
uint32_t orm_demand_target(const struct orm_demand *d);

#endif
