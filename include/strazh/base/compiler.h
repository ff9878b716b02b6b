/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes under short names, and the few macros that every file may use. */
#ifndef STRAZH_BASE_COMPILER_H
#define STRAZH_BASE_COMPILER_H

#include <stddef.h>

#ifdef __cppcheck__ /* it cannot read the attribute behind a pointer to a function */
#define must_check
#else
#define must_check __attribute__((warn_unused_result))
#endif
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))
#define cleanup_with(func) __attribute__((cleanup(func)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
