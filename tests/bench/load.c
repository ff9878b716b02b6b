// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The million: `strazhctl load` of a text file (the figure is the whole command, from exec to
 * exit), act_load() alone, the listing of it, and what all of it holds of the kernel's memory, as
 * the maps say and, for a check, as the machine's free memory says.
 */
#include <tests/bench/bench.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 3
#define LOAD_BUDGET_S 1.0
#define LIST_BUDGET_S 3.0
#define MEMORY_BUDGET_MIB 256.0
#define MIB 1048576.0
#define FILE_HOSTS WORLD_DIR "/hosts.txt"
#define FILE_LISTING WORLD_DIR "/listing.txt"
/* Freed map memory comes back after an RCU grace period and a worker. */
#define SETTLE_US 1500000

static double available_mib(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[256];
	double kib = 0;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %lf", &kib) == 1)
			break;
	if (file)
		fclose(file);
	if (kib <= 0)
		die("no MemAvailable in /proc/meminfo");
	return kib / 1024;
}

static size_t lines_of(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[1024];
	size_t lines = 0;

	while (file && fgets(line, sizeof(line), file))
		lines++;
	if (file)
		fclose(file);
	return lines;
}

static void load_by_command(struct rig *rig, const struct lists *lists)
{
	static struct samples whole, inside;

	say("load: %zu hosts, %d times", lists->hosts4_count, ROUNDS);
	lists_file(FILE_HOSTS, lists->hosts4, lists->hosts4_count);
	for (int round = 0; round < ROUNDS; round++) {
		rig_release(rig);
		samples_add(&whole, CTL(NULL, "load", FILE_HOSTS, "--list", "bench"));
		rig_retake(rig);
		lists_load(rig->gate, "bench", NULL, 0);
		usleep(SETTLE_US);
		samples_add(&inside,
			    lists_load(rig->gate, "bench", lists->hosts4, lists->hosts4_count));
		if (round == ROUNDS - 1)
			continue;
		lists_load(rig->gate, "bench", NULL, 0);
		usleep(SETTLE_US);
	}
	unlink(FILE_HOSTS);
	report_budget("gate.load_1m_s", samples_at(&whole, 50), "s", LOAD_BUDGET_S, &whole);
	report("gate.load_1m_act_s", samples_at(&inside, 50), "s", NULL, 0, &inside);
}

static void list_by_command(size_t entries)
{
	double took;

	say("list: %zu entries", entries);
	took = CTL(FILE_LISTING, "list", "deny");
	if (lines_of(FILE_LISTING) < entries)
		die("strazhctl list shows %zu lines for %zu entries", lines_of(FILE_LISTING),
		    entries);
	unlink(FILE_LISTING);
	report_budget("gate.list_1m_s", took, "s", LIST_BUDGET_S, NULL);
}

void bench_lists(struct rig *rig, struct lists *lists)
{
	double before = available_mib();
	uint64_t bytes;
	int r;

	load_by_command(rig, lists);
	lists_load(rig->gate, "bench-rest", lists->rest, lists->rest_count);
	r = gate_memory(rig->gate, &bytes);
	if (r)
		die("gate_memory: %d, %s", r, gate_error());
	report_budget("gate.memory_mib", (double)bytes / MIB, "MiB", MEMORY_BUDGET_MIB, NULL);
	report("gate.memory_meminfo_mib", before - available_mib(), "MiB", NULL, 0, NULL);
	list_by_command(lists->hosts4_count + lists->rest_count);
}
