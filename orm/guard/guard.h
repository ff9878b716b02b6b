/* SPDX-License-Identifier: Apache-2.0 */
/* The guard of a program, inside: options resolved, counters, the table of clients. */
#ifndef STRAZH_ORM_GUARD_INSIDE_H
#define STRAZH_ORM_GUARD_INSIDE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/guard.h>

struct guard_rates;

struct guard_totals {
#define GUARD_TOTAL(name, text) _Atomic uint64_t name;
	ORM_GUARD_COUNTERS(GUARD_TOTAL)
#undef GUARD_TOTAL
	_Atomic uint64_t classes[ORM_GUARD_CLASS_COUNT];
};

/* Nothing but `totals` changes after orm_guard_new(); `rates` has locks of its own. */
struct orm_guard {
	unsigned contexts;
	float threshold;
	orm_guard_report_func report;
	void *data;
	int64_t (*now_ns)(void *data);
	char *functions; /* may be NULL */
	struct guard_rates *rates;
	struct guard_totals totals;
};

/* Counters tell how often, not when: no order is needed. */
static inline void guard_add(_Atomic uint64_t *total, uint64_t n)
{
	atomic_fetch_add_explicit(total, n, memory_order_relaxed);
}

void guard_report(const struct orm_guard *g, const struct orm_guard_report *report);

/* allow.c: what a fragment may be made of. */
bool guard_allows_function(const struct orm_guard *g, const char *name);
bool guard_allows_type(const char *name);
bool guard_allows_operator(const char *name);

#endif
