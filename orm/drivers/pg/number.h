/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers with a point, whatever the program's locale writes instead of it. */
#ifndef STRAZH_ORM_PG_NUMBER_H
#define STRAZH_ORM_PG_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

#define NUMBER_TEXT_MAX 32

/* All `len` characters; `text` may go on behind them, and ends in a NUL. */
bool number_parse_double(const char *text, size_t len, double *ret_f) must_check;
bool number_parse_int(const char *text, size_t len, int64_t *ret_i) must_check;
/* `digits` that count, 1 to 17. Returns the length. */
size_t number_format(double f, int digits, char ret_text[NUMBER_TEXT_MAX]);

#endif
