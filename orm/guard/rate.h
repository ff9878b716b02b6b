/* SPDX-License-Identifier: Apache-2.0 */
/* What each client does a second, in a table of fixed size. Thread-safe; allocates in new() only.
 */
#ifndef STRAZH_ORM_GUARD_RATE_H
#define STRAZH_ORM_GUARD_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/guard.h>

struct guard_rates;

struct guard_rates_config {
	unsigned clients;
	int64_t a_second[ORM_RATE_COUNT]; /* 0: not metered */
	int64_t burst_ns, repeat_ns;
};

struct guard_rates_verdict {
	unsigned over; /* bits of enum orm_guard_rate */
	bool report;   /* the first time in repeat_ns */
	bool evicted;  /* another client left for this one */
};

struct guard_rates *guard_rates_new(const struct guard_rates_config *config) must_check;
void guard_rates_free(struct guard_rates *r);
void guard_rates_count(struct guard_rates *r, uint64_t client, const struct orm_guard_use *use,
		       int64_t now_ns, struct guard_rates_verdict *ret_verdict);

#endif
