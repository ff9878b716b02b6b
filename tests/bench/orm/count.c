// SPDX-License-Identifier: AGPL-3.0-or-later
/* malloc and its kin, counted: the program's own definitions come before those of the C library. */
#include <tests/bench/orm/bench.h>

#include <stdlib.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

static __thread unsigned long calls;

unsigned long count_allocations(void)
{
	return calls;
}

void *malloc(size_t size)
{
	calls++;
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	calls++;
	return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	calls++;
	return __libc_realloc(old, size);
}
