/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Looks for bytes in the memory of a process, as a core dump or as who may read it sees it. */
#ifndef TESTS_UNIT_CRYPTO_MEMORY_SCAN_H
#define TESTS_UNIT_CRYPTO_MEMORY_SCAN_H

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <strazh/base/own.h>

#define SCAN_STEP 65536U
#define SCAN_NEEDLES_MAX 8
#define SCAN_NEEDLE_MAX 32
/* A sanitizer's shadow is terabytes of address space, and holds no byte of the program. */
#define SCAN_MAPPING_MAX (1ULL << 32)

struct scan {
	pid_t pid;
	bool as_dump; /* only what a core dump has in it; else all that can be read */
	struct {
		uint8_t bytes[SCAN_NEEDLE_MAX];
		size_t len;
	} needles[SCAN_NEEDLES_MAX];
	size_t needles_len;
	uint64_t bytes; /* that were read */
	unsigned int mappings, left_out, hits;
};

static inline void scan_want(struct scan *scan, const void *bytes, size_t len)
{
	memcpy(scan->needles[scan->needles_len].bytes, bytes, len);
	scan->needles[scan->needles_len++].len = len;
}

static inline void scan_bytes(struct scan *scan, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < scan->needles_len; i++) {
		const uint8_t *at = bytes;
		size_t left = len;

		while ((at = memmem(at, left, scan->needles[i].bytes, scan->needles[i].len))) {
			scan->hits++;
			at++;
			left = len - (size_t)(at - bytes);
		}
	}
}

/* A dump goes through /proc/PID/mem; the other one through process_vm_readv(2). */
static inline ssize_t scan_read(const struct scan *scan, int mem, uint64_t at, uint8_t *to,
				size_t len)
{
	const struct iovec here = {to, len}, there = {(void *)(uintptr_t)at, len};

	return scan->as_dump ? pread(mem, to, len, (off_t)at)
			     : process_vm_readv(scan->pid, &here, 1, &there, 1, 0);
}

static inline void scan_mapping(struct scan *scan, int mem, uint64_t from, uint64_t to)
{
	/* What lies across the end of a step is seen whole in one of two. */
	static uint8_t bytes[SCAN_STEP + SCAN_NEEDLE_MAX];

	if (to - from > SCAN_MAPPING_MAX)
		return;
	scan->mappings++;
	for (uint64_t at = from; at < to; at += SCAN_STEP) {
		size_t want = MIN(to - at, (uint64_t)sizeof(bytes));
		ssize_t n = scan_read(scan, mem, at, bytes, want);

		if (n > 0) {
			scan->bytes += (uint64_t)n;
			scan_bytes(scan, bytes, (size_t)n);
		}
	}
}

/* False: the process's memory cannot be read at all. */
static inline bool scan_run(struct scan *scan)
{
	char path[64], line[512];
	uint64_t from = 0, to = 0;
	bool readable = false;
	own_file FILE *smaps = NULL;
	own_fd int mem = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps", (int)scan->pid);
	smaps = fopen(path, "re");
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)scan->pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (!smaps || mem < 0)
		return false;
	while (fgets(line, sizeof(line), smaps)) {
		char rights[5];
		uint64_t a, b; /* "AnonHugePages" begins like a number, too */

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &a, &b, rights) == 3) {
			from = a;
			to = b;
			readable = rights[0] == 'r';
		} else if (strncmp(line, "VmFlags:", 8) == 0 && readable) {
			if (scan->as_dump && strstr(line, " dd"))
				scan->left_out++;
			else
				scan_mapping(scan, mem, from, to);
		}
	}
	return scan->bytes > 0;
}

#endif
