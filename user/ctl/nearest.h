/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* "did you mean": the known word nearest to a mistyped one. */
#ifndef STRAZH_USER_CTL_NEAREST_H
#define STRAZH_USER_CTL_NEAREST_H

#include <stddef.h>

/*
 * Optimal string alignment distance (Damerau 1964: insertion, deletion, substitution, swap of
 * neighbours). Words longer than 32 bytes are as far away as they are long.
 */
size_t word_distance(const char *a, const char *b);
/* Near enough to be meant: at most a third of the longer one, at least one edit. */
int word_near(const char *typed, const char *known);

#endif
