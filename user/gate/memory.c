/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the gate costs: the kernel says it per descriptor, as "memlock:" in /proc/self/fdinfo. Since
 * Linux 6.4 hashes and tries without preallocation are counted by what is in use (on 6.18: 32 MiB
 * of buckets and 96 bytes a host, 84 bytes a prefix); before, by their capacity.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/gate/gate.h>
#include <user/gate/progs.h>

static int memlock_of(int fd, uint64_t *ret_bytes)
{
	own_file FILE *file = NULL;
	char path[64], line[128];
	int n = snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		static const char field[] = "memlock:";

		if (strncmp(line, field, sizeof(field) - 1) == 0) {
			*ret_bytes = strtoull(line + sizeof(field) - 1, NULL, 10);
			return 0;
		}
	}
	return -ENODATA;
}

struct total {
	struct gate *gate;
	uint64_t bytes;
};

static int add_program(void *context, int fd, const struct prog_facts *facts)
{
	struct total *total = context;
	uint64_t bytes = 0;
	int r;

	if (!prog_is_ours(total->gate, facts))
		return 0;
	r = memlock_of(fd, &bytes);
	total->bytes += bytes;
	return r;
}

int gate_memory(struct gate *gate, uint64_t *ret_bytes)
{
	struct total total = {.gate = gate};
	int r;

	for (int i = 0; i < GATE_MAPS_TOTAL; i++) {
		uint64_t bytes;

		r = memlock_of(gate->map[i], &bytes);
		if (r) {
			gate_explain("/proc does not tell the size of map '%s': %s",
				     gate_map_names[i], strerror(-r));
			return r;
		}
		total.bytes += bytes;
	}
	r = progs_walk(add_program, &total);
	/* Without CAP_SYS_ADMIN programs cannot be opened; they are small next to the maps. */
	if (r && r != -EPERM)
		return r;
	*ret_bytes = total.bytes;
	return 0;
}
