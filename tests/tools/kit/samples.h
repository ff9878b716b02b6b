/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Latencies of one second, and the clock that they are taken from. */
#ifndef STRAZH_TESTS_TOOLS_KIT_SAMPLES_H
#define STRAZH_TESTS_TOOLS_KIT_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#define SAMPLES_MAX 65536
#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull
#define NS_PER_US 1000ull

struct samples {
	size_t len;
	uint32_t us[SAMPLES_MAX];
};

/* CLOCK_MONOTONIC */
uint64_t now_ns(void);

/* What is beyond SAMPLES_MAX is forgotten. */
void samples_add(struct samples *samples, uint64_t since_ns);
void samples_sort(struct samples *samples);
/* The value in us that `percent` of the samples do not exceed; they are sorted. 0: there is none.
 */
unsigned int samples_at(const struct samples *samples, unsigned int percent);

#endif
