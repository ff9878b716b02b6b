// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * bench-wire BUILD_DIR [PART...]: the secured server and what it is made of. Rows on standard
 * output, what it is doing on standard error.
 */
#include <tests/bench/wire/bench.h>

#include <string.h>

const char *bench_dir;

static const struct {
	const char *name;
	void (*run)(void);
} parts[] = {
	{"plain", bench_plain},
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
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (wanted(parts[i].name, argc - 2, argv + 2))
			parts[i].run();
	return 0;
}
