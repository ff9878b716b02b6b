/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the guard keeps of a source, as a row of the store, and back, exactly: the guard counts in
 * ages, the store in times of the wall. Pure.
 */
#ifndef STRAZH_USER_DAEMON_MEMORY_KEPT_ROW_H
#define STRAZH_USER_DAEMON_MEMORY_KEPT_ROW_H

#include <strazh/base/compiler.h>
#include <user/guard/guard.h>
#include <user/store/rows.h>

/* wall_ms is the time of the wall at kept->at_ms. */
struct store_source kept_to_row(const struct guard_kept *kept, float score, float pressure,
				int64_t wall_ms);
/*
 * As of now_ms, of the wall, for guard_restore(). A row of the future (the clock was set back) is
 * as it was when it was written; a ban never lasts longer than it did then. -EINVAL: a row that
 * kept_to_row() did not make; nobody's numbers are trusted.
 */
int kept_from_row(const struct store_source *row, int64_t now_ms,
		  struct guard_kept *ret_kept) must_check;

#endif
