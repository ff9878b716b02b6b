/* SPDX-License-Identifier: Apache-2.0 */
#include <strazh/base/compiler.h>

#include <orm/pool/demand.h>

#define ONE 65536
/* After so many intervals without a tick the old figures weigh nothing. */
#define MISSED_MAX 64

static void sample(struct orm_demand *d, uint32_t value)
{
	int64_t error = (int64_t)value * ONE - d->mean;
	int64_t size = error < 0 ? -error : error;

	d->mean += error / 8;
	d->deviation += (size - d->deviation) / 4;
}

bool orm_demand_tick(struct orm_demand *d, uint64_t now_ns, uint32_t wanted)
{
	uint32_t missed = 0;

	orm_demand_note(d, wanted);
	if (!d->next_ns) {
		d->next_ns = now_ns + ORM_DEMAND_INTERVAL_NS;
		return false;
	}
	if (now_ns < d->next_ns)
		return false;
	/* The first interval had the peak; in those that nobody looked at, what is wanted now. */
	while (now_ns >= d->next_ns && missed++ < MISSED_MAX) {
		sample(d, d->peak);
		d->peak = wanted;
		d->next_ns += ORM_DEMAND_INTERVAL_NS;
	}
	if (now_ns >= d->next_ns)
		d->next_ns = now_ns + ORM_DEMAND_INTERVAL_NS;
	return true;
}

uint32_t orm_demand_target(const struct orm_demand *d)
{
	int64_t target = d->mean + 4 * d->deviation;

	return (uint32_t)MAX((target + ONE / 2) / ONE, (int64_t)d->peak);
}
