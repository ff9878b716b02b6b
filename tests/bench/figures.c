// SPDX-License-Identifier: AGPL-3.0-or-later
/* Samples, rows and last words. */
#include <tests/bench/figures.h>

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void samples_add(struct samples *s, double value)
{
	if (s->count == SAMPLES_MAX)
		die("more than %u samples", SAMPLES_MAX);
	s->value[s->count++] = value;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void samples_over(const struct samples *s, const struct samples *floor, struct samples *ret_over)
{
	for (size_t i = 0; i < s->count && i < floor->count; i++) {
		double over = s->value[i] - floor->value[i];

		samples_add(ret_over, MAX(over, floor->value[i] / 1000));
	}
}

double samples_at(struct samples *s, double percent)
{
	size_t at;

	if (!s->count)
		die("no samples");
	qsort(s->value, s->count, sizeof(s->value[0]), compare);
	at = (size_t)((double)s->count * percent / 100);
	return s->value[MIN(at, s->count - 1)];
}

void report(const char *name, double value, const char *unit, const char *peer, double ratio,
	    struct samples *samples)
{
	if (!isfinite(value) || (peer && !isfinite(ratio)))
		die("'%s' is no number", name);
	printf("%s\t%.6g\t%s\t%s\t", name, value, unit, peer ? peer : "-");
	if (peer)
		printf("%.4g", ratio);
	else
		printf("-");
	if (samples)
		printf("\t%.6g\t%.6g\t%.6g\t%zu\n", samples_at(samples, 0), samples_at(samples, 50),
		       samples_at(samples, 100), samples->count);
	else
		printf("\t%.6g\t%.6g\t%.6g\t1\n", value, value, value);
	fflush(stdout);
}

void report_budget(const char *name, double value, const char *unit, double budget,
		   struct samples *samples)
{
	char peer[40];

	snprintf(peer, sizeof(peer), "budget %g %s", budget, unit);
	report(name, value, unit, peer, budget / value, samples);
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "  ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "bench-gate: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
