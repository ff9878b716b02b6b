/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Does a value settle, or swing? */
#ifndef TESTS_UNIT_GUARD_SWINGS_H
#define TESTS_UNIT_GUARD_SWINGS_H

#include <strazh/base/compiler.h>

#define SWING 0.08 /* of a share: the gate has steps of up to 0.06 */

/* How often a value has turned round, by SWING of the whole and more. */
struct swings {
	double low, high;
	int direction;
	unsigned turns;
};

static inline void swings_begin(struct swings *s, double value)
{
	*s = (struct swings){value, value, 0, 0};
}

static inline void swings_see(struct swings *s, double value)
{
	s->low = MIN(s->low, value);
	s->high = MAX(s->high, value);
	if (s->direction >= 0 && value < s->high - SWING) {
		s->turns += s->direction > 0;
		s->direction = -1;
		s->low = s->high = value;
	} else if (s->direction <= 0 && value > s->low + SWING) {
		s->turns += s->direction < 0;
		s->direction = 1;
		s->low = s->high = value;
	}
}

#endif
