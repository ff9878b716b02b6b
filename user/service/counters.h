/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Counters of a service from one list, X(name, gauge, help): the struct that counts, and what
 * service_ops.counters() tells.
 *
 *	struct echo_counters {
 *		ECHO_COUNTERS(COUNTER_FIELD)
 *	};
 *	static const struct service_counter told[] = {ECHO_COUNTERS(COUNTER_TOLD)};
 */
#ifndef STRAZH_USER_SERVICE_COUNTERS_H
#define STRAZH_USER_SERVICE_COUNTERS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <strazh/base/compiler.h>
#include <user/service/service.h>

#define COUNTER_FIELD(name, gauge, help) uint64_t name;
#define COUNTER_TOLD(name, gauge, help) {#name, help, gauge, 0},

/* `values`: the struct of the fields, `count` of them. Returns `count`. */
static inline size_t counters_tell(const struct service_counter told[], const void *values,
				   size_t count, size_t n, struct service_counter ret_counters[])
{
	for (size_t i = 0; i < MIN(n, count); i++) {
		ret_counters[i] = told[i];
		memcpy(&ret_counters[i].value, (const uint8_t *)values + i * sizeof(uint64_t),
		       sizeof(uint64_t));
	}
	return count;
}

#endif
