/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/client/cli/latency.h>

#include <strazh/base/compiler.h>

static unsigned bucket_of(uint64_t ns)
{
	unsigned shift;

	if (ns >> LATENCY_FINE == 0)
		return (unsigned)ns;
	shift = 63U - (unsigned)__builtin_clzll(ns) - LATENCY_FINE;
	return ((shift + 1) << LATENCY_FINE) + (unsigned)(ns >> shift) - (1U << LATENCY_FINE);
}

/* The largest that lies in it. */
static uint64_t end_of(unsigned bucket)
{
	unsigned shift = bucket >> LATENCY_FINE;
	uint64_t fine = bucket & ((1U << LATENCY_FINE) - 1);

	if (!shift)
		return fine;
	return ((fine + (1U << LATENCY_FINE) + 1) << (shift - 1)) - 1;
}

void latency_add(struct latency *latency, uint64_t ns)
{
	latency->count++;
	latency->max_ns = MAX(latency->max_ns, ns);
	latency->buckets[bucket_of(ns)]++;
}

uint64_t latency_at(const struct latency *latency, double share)
{
	uint64_t seen = 0, wanted = (uint64_t)(share * (double)latency->count);

	if (!latency->count)
		return 0;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		seen += latency->buckets[i];
		if (seen > wanted || (seen == latency->count))
			return MIN(end_of(i), latency->max_ns);
	}
	return latency->max_ns;
}
