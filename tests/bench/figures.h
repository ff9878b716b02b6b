/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Samples and rows of a bench program. A bench is allowed to die: a failed step prints what failed
 * and exits, because a figure after it would be worth nothing.
 */
#ifndef TESTS_BENCH_FIGURES_H
#define TESTS_BENCH_FIGURES_H

#include <stddef.h>

#include <strazh/base/compiler.h>

#define SAMPLES_MAX 256U

struct samples {
	double value[SAMPLES_MAX];
	size_t count;
};

void samples_add(struct samples *s, double value);
/* Of `percent` per cent of the samples not above it; 50 is the median. Sorts. */
double samples_at(struct samples *s, double percent);

/* By how much each sample is above that of the same round in `floor`, for what is driven in turns;
 * what noise puts below it counts as a thousandth of the floor. Neither may be sorted yet. */
void samples_over(const struct samples *s, const struct samples *floor, struct samples *ret_over);

/*
 * One row on standard output, tab separated: name value unit peer ratio min median max repeats.
 * `peer` NULL: no ratio. The ratio is above 1 where ours is better.
 */
void report(const char *name, double value, const char *unit, const char *peer, double ratio,
	    struct samples *samples);
/* The ratio is budget / value; for figures of which less is better. */
void report_budget(const char *name, double value, const char *unit, double budget,
		   struct samples *samples);
/* On standard error, for the person who waits. */
void say(const char *format, ...) printf_like(1, 2);
void die(const char *format, ...) printf_like(1, 2) __attribute__((noreturn));

double now_s(void); /* CLOCK_MONOTONIC */

#endif
