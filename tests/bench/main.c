// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * bench-gate BUILD_DIR [PART...]: measures the shipped gate. Rows on standard output (see
 * report()), what it is doing on standard error.
 */
#include <tests/bench/bench.h>

#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

static bool wanted(char *const parts[], int count, const char *part)
{
	for (int n = 0; n < count; n++)
		if (!strcmp(parts[n], part))
			return true;
	return !count;
}

static void load_quietly(struct rig *rig, struct lists *lists)
{
	lists_load(rig->gate, "bench", lists->hosts4, lists->hosts4_count);
	lists_load(rig->gate, "bench-rest", lists->rest, lists->rest_count);
}

int main(int argc, char *argv[])
{
	char *const *parts = argv + 2;
	struct lists lists;
	struct rig rig = {0};
	char path[4096];

	if (argc < 2)
		die("usage: bench-gate BUILD_DIR "
		    "[lists|packet|flood|peer|cookie|swap|veth|ban]...");
	if (!realpath(argv[1], path))
		die("'%s': no such folder", argv[1]);
	build_dir = path;
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	world_enter();
	lists_make(&lists);
	rig_open(&rig);
	lists_pass(rig.gate);
	if (wanted(parts, argc - 2, "lists"))
		bench_lists(&rig, &lists);
	else
		load_quietly(&rig, &lists);
	lists_sweep(rig.gate);
	if (wanted(parts, argc - 2, "packet"))
		bench_packet(&rig);
	if (wanted(parts, argc - 2, "flood"))
		bench_flood(&rig);
	if (wanted(parts, argc - 2, "peer"))
		bench_peer(&rig, &lists);
	if (wanted(parts, argc - 2, "cookie"))
		bench_cookie(&rig);
	if (wanted(parts, argc - 2, "swap"))
		bench_swap(&rig);
	if (wanted(parts, argc - 2, "veth"))
		bench_veth(&rig);
	if (wanted(parts, argc - 2, "ban"))
		bench_ban(&rig);
	lists_free(&lists);
	rig_close(&rig);
	return 0;
}
