/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/nearest.h>

#include <string.h>

#include <strazh/base/compiler.h>

#define WORD_MAX 32

size_t word_distance(const char *a, const char *b)
{
	size_t cost[WORD_MAX + 1][WORD_MAX + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > WORD_MAX || b_len > WORD_MAX)
		return MAX(a_len, b_len);
	for (size_t i = 0; i <= a_len; i++)
		cost[i][0] = i;
	for (size_t j = 0; j <= b_len; j++)
		cost[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		for (size_t j = 1; j <= b_len; j++) {
			size_t same = a[i - 1] == b[j - 1] ? 0 : 1;
			size_t best = MIN(cost[i - 1][j] + 1, cost[i][j - 1] + 1);

			best = MIN(best, cost[i - 1][j - 1] + same);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = MIN(best, cost[i - 2][j - 2] + 1);
			cost[i][j] = best;
		}
	}
	return cost[a_len][b_len];
}

int word_near(const char *typed, const char *known)
{
	size_t longer = MAX(strlen(typed), strlen(known));

	return word_distance(typed, known) <= MAX(longer / 3, 1U);
}
