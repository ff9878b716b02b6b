/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * bench-wire BUILD_DIR [PART...]: what the secured server costs, and what it is made of. Rows on
 * standard output, what it is doing on standard error.
 */
#include <tests/bench/wire/bench.h>

#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *bench_dir;

double cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % (int)sysconf(_SC_NPROCESSORS_ONLN), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot pin to CPU %d", cpu);
}

static const struct {
	const char *name;
	void (*run)(void);
} parts[] = {
	{"record", bench_record}, {"channel", bench_channel}, {"shield", bench_shield},
	{"dudect", bench_dudect}, {"plain", bench_plain},     {"shake", bench_shake},
	{"echo", bench_echo},	  {"burst", bench_burst},     {"idle", bench_idle},
	{"tunnel", bench_tunnel}, {"ends", bench_ends},
};

static int wanted(const char *name, int count, char **names)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return 1;
	return !count;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		die("usage: bench-wire BUILD_DIR [PART...]");
	bench_dir = argv[1];
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (!wanted(parts[i].name, argc - 2, argv + 2))
			continue;
		say("%s", parts[i].name);
		parts[i].run();
	}
	return 0;
}
