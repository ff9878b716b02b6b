/* SPDX-License-Identifier: Apache-2.0 */
/* Results for a person (an aligned table) and for a program (a JSON object a row). */
#ifndef STRAZH_ORM_TOOLS_PRINT_H
#define STRAZH_ORM_TOOLS_PRINT_H

#include <stdio.h>

#include <jansson.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/session.h>

/* Control characters as \n, \x1b; cut to `most` characters with an ellipsis. */
void print_escaped(FILE *to, const char *text, size_t len, size_t most);
/* NULL on no memory. Bytes are "\\x0a1b", as PostgreSQL shows them. */
json_t *print_json_value(const struct orm_value *value);
void print_table(FILE *to, const struct orm_result *result);
/* The document, which is taken, on one line: 0, or -ENOMEM with nothing printed; also when it is
 * NULL, as json_pack() gives when it had no memory. What `to` could not take, ferror() knows. */
int print_json_line(FILE *to, json_t *json) must_check;
/* One line for each row; -ENOMEM or 0. */
int print_json_rows(FILE *to, const struct orm_result *result) must_check;

#endif
