/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What has to hold of every prefix that was read from anywhere. */
#ifndef STRAZH_TESTS_FUZZ_MUST_PREFIX_H
#define STRAZH_TESTS_FUZZ_MUST_PREFIX_H

#include <user/base/prefix.h>

#include "must.h"

static inline void must_prefix(const struct prefix *p)
{
	struct prefix again;

	MUST(p->family == 4 || p->family == 6);
	MUST(p->len <= prefix_len_max(p->family));
	again = prefix_from(p->family, p->addr, p->len);
	MUST(memcmp(p, &again, sizeof(again)) == 0);
}

#endif
