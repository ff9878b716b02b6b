/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Times in ns, counted in buckets none of which is wider than a 32nd of what it holds. */
#ifndef STRAZH_USER_CLIENT_CLI_LATENCY_H
#define STRAZH_USER_CLIENT_CLI_LATENCY_H

#include <stdint.h>

#define LATENCY_FINE 5 /* bits */
#define LATENCY_BUCKETS ((64 - LATENCY_FINE + 1) << LATENCY_FINE)

struct latency {
	uint64_t count, max_ns;
	uint64_t buckets[LATENCY_BUCKETS];
};

void latency_add(struct latency *latency, uint64_t ns);
/* Of that share, 0 to 1; 0 when there is none. */
uint64_t latency_at(const struct latency *latency, double share);

#endif
