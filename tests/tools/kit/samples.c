/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <time.h>

#include <tests/tools/kit/samples.h>

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void samples_add(struct samples *samples, uint64_t since_ns)
{
	if (samples->len < SAMPLES_MAX)
		samples->us[samples->len++] = (uint32_t)((now_ns() - since_ns) / NS_PER_US);
}

static int compare_us(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void samples_sort(struct samples *samples)
{
	qsort(samples->us, samples->len, sizeof(samples->us[0]), compare_us);
}

unsigned int samples_at(const struct samples *samples, unsigned int percent)
{
	size_t rank = (samples->len * percent + 99) / 100;

	return samples->len ? samples->us[rank ? rank - 1 : 0] : 0;
}
