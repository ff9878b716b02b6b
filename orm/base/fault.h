/* SPDX-License-Identifier: Apache-2.0 */
/* Filling struct orm_error: a class and one line for a person. */
#ifndef STRAZH_ORM_FAULT_H
#define STRAZH_ORM_FAULT_H

#include <strazh/base/compiler.h>
#include <strazh/orm/error.h>

/* Sets everything but the names and the SQLSTATE, which are cleared; returns `class`. err may be
 * NULL. retryable follows from the class. */
int orm_fail(struct orm_error *err, int class, const char *format, ...) printf_like(3, 4);
void orm_error_clear(struct orm_error *err);
/* Class of a SQLSTATE of PostgreSQL; ORM_E_SQL for what is not special. */
int orm_class_of_sqlstate(const char sqlstate[5]);
bool orm_class_retryable(int class);
/* Copy a name, cut to what fits; NULL is "". */
void orm_fault_name(char to[64], const char *name);

#endif
