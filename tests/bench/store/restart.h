/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_BENCH_STORE_RESTART_H
#define TESTS_BENCH_STORE_RESTART_H

/*
 * strazhd of that build folder, in namespaces of its own, started with the store at `url` and
 * without maps, until it says that it is ready: seconds. It has to say that it put `entries` into
 * the gate first. Root.
 */
void restart(const char *name, const char *build, const char *url, unsigned entries);

#endif
