/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_BENCH_STORE_RESTART_H
#define TESTS_BENCH_STORE_RESTART_H

/*
 * strazhd of that build folder, in namespaces of its own, started with the store at `url` and
 * without maps, until it has said that it is ready and that `entries` are in the gate: seconds.
 * Root.
 */
void restart(const char *name, const char *build, const char *url, unsigned entries);

#endif
