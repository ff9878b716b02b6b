/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The parts of bench-wire. */
#ifndef TESTS_BENCH_WIRE_BENCH_H
#define TESTS_BENCH_WIRE_BENCH_H

#include <tests/bench/figures.h>

/* Where the programs lie. */
extern const char *bench_dir;

void bench_plain(void); /* the reactor alone: echo without cryptography, idle connections */

#endif
