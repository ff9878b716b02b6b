/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Looks for bytes in the memory of a process, as a core dump or as who may read it sees it. */
#ifndef TESTS_UNIT_CRYPTO_MEMORY_SCAN_H
#define TESTS_UNIT_CRYPTO_MEMORY_SCAN_H

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <strazh/base/own.h>

#define SCAN_STEP 65536U
#define SCAN_NEEDLES_MAX 1024
#define SCAN_PART 16 /* as much as a register moves at once */
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
	uint8_t begins[65536 / 8]; /* by bit: some needle begins with these two bytes */
	uint64_t bytes;		   /* that were read */
	unsigned int mappings, left_out, hits;
	char mapping[200]; /* that is being read, as /proc tells of it */
	char where[300];   /* the last hit was */
};

static inline bool scan_full(const struct scan *scan)
{
	return scan->needles_len + 4 > SCAN_NEEDLES_MAX;
}

static inline void scan_want(struct scan *scan, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	memcpy(scan->needles[scan->needles_len].bytes, bytes, len);
	scan->needles[scan->needles_len++].len = len;
	scan->begins[(at[0] << 8 | at[1]) / 8] |= (uint8_t)(1 << at[1] % 8);
}

/* Each half of a key, as bytes and as words, as SHA-256 computes with them. */
static inline void scan_want_key(struct scan *scan, const void *key)
{
	uint8_t turned[2 * SCAN_PART];

	for (size_t i = 0; i < sizeof(turned); i++)
		turned[i] = ((const uint8_t *)key)[i ^ 3];
	for (size_t half = 0; half < 2; half++) {
		scan_want(scan, (const uint8_t *)key + half * SCAN_PART, SCAN_PART);
		scan_want(scan, turned + half * SCAN_PART, SCAN_PART);
	}
}

static inline void scan_bytes(struct scan *scan, uint64_t address, const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at + 1 < len; at++) {
		if (!(scan->begins[(bytes[at] << 8 | bytes[at + 1]) / 8] >> bytes[at + 1] % 8 & 1))
			continue;
		for (size_t i = 0; i < scan->needles_len; i++) {
			if (len - at < scan->needles[i].len ||
			    memcmp(bytes + at, scan->needles[i].bytes, scan->needles[i].len) != 0)
				continue;
			scan->hits++;
			(void)snprintf(scan->where, sizeof(scan->where),
				       "needle %zu at %" PRIx64 ", mapping %s", i, address + at,
				       scan->mapping);
		}
	}
}

/* A core file. False: it cannot be read. */
static inline bool scan_file(struct scan *scan, const char *path)
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	uint8_t *bytes;

	if (fd < 0 || fstat(fd, &stat) || !stat.st_size)
		return false;
	bytes = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return false;
	(void)snprintf(scan->mapping, sizeof(scan->mapping), "'%.180s'", path);
	scan->bytes += (uint64_t)stat.st_size;
	scan_bytes(scan, 0, bytes, (size_t)stat.st_size);
	return !munmap(bytes, (size_t)stat.st_size);
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
			scan_bytes(scan, at, bytes, (size_t)n);
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
			(void)snprintf(scan->mapping, sizeof(scan->mapping), "%.199s", line);
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

/* The registers of its only thread, as a core dump has them; of 8 bytes and more. False: cannot. */
static inline bool scan_registers(struct scan *scan)
{
	static const int sets[] = {NT_PRSTATUS, NT_FPREGSET, NT_X86_XSTATE};
	static uint8_t bytes[16384];
	int status;

	if (ptrace(PTRACE_SEIZE, scan->pid, NULL, NULL) ||
	    ptrace(PTRACE_INTERRUPT, scan->pid, NULL, NULL) ||
	    waitpid(scan->pid, &status, 0) != scan->pid)
		return false;
	(void)snprintf(scan->mapping, sizeof(scan->mapping), "registers");
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		struct iovec set = {bytes, sizeof(bytes)};

		if (ptrace(PTRACE_GETREGSET, scan->pid, (void *)(uintptr_t)sets[i], &set))
			continue;
		scan->bytes += set.iov_len;
		scan_bytes(scan, 0, bytes, set.iov_len);
	}
	return !ptrace(PTRACE_DETACH, scan->pid, NULL, NULL) && scan->bytes > 0;
}

#endif
