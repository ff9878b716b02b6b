/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * bench-wire BUILD_DIR [PART...]: what the secured server costs. Rows on standard output, what it
 * is doing on standard error.
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

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		void (*run)(void);
	} all[] = {
		{"plain", bench_plain},
		{"record", bench_record},
	};

	if (argc < 2)
		die("usage: bench-wire BUILD_DIR [PART...]");
	bench_dir = argv[1];
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		int wanted = argc == 2;

		for (int n = 2; n < argc; n++)
			wanted |= !strcmp(argv[n], all[i].name);
		if (!wanted)
			continue;
		say("%s", all[i].name);
		all[i].run();
	}
	return 0;
}
