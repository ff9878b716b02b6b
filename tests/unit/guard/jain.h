/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_UNIT_GUARD_JAIN_H
#define TESTS_UNIT_GUARD_JAIN_H

/* J. R. Jain's index of fairness: 1 where all have the same, 1/n where one has all. */
static inline double jain_index(const double *values, unsigned len)
{
	double sum = 0, squares = 0;

	for (unsigned i = 0; i < len; i++) {
		sum += values[i];
		squares += values[i] * values[i];
	}
	return squares > 0 ? sum * sum / (len * squares) : 1;
}

#endif
