/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_BENCH_GUARD_SCENES_H
#define TESTS_BENCH_GUARD_SCENES_H

/*
 * The scenes of tests/e2e with strazhd, attackers and honest clients in namespaces; root alone. Or
 * $BENCH_SCENES, what scenes that were run by hand wrote to $SCENE_LOG. Returns how many figures
 * are over their budgets.
 */
unsigned bench_scenes(const char *build_dir);

#endif
