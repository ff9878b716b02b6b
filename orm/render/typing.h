/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be done with values of which types: the rules of PostgreSQL, which is the stricter of
 * the two, and where SQLite would answer something else, a refusal.
 */
#ifndef STRAZH_ORM_TYPING_H
#define STRAZH_ORM_TYPING_H

#include <strazh/base/compiler.h>
#include <strazh/orm/db.h>
#include <strazh/orm/types.h>

bool type_is_integer(enum orm_type type);
bool type_is_float(enum orm_type type);
/* Integer or float; NUMERIC is a kind of its own. */
bool type_is_number(enum orm_type type);
/* What a value of this kind is when nothing else tells. */
enum orm_type type_of_kind(enum orm_kind kind);
/* May a parameter of this kind stand where `type` is wanted? */
bool kind_fits(enum orm_kind kind, enum orm_type type);
/* May a parameter of this kind be stored in a column of `type`? */
bool kind_stores(enum orm_kind kind, enum orm_type type);
/* a = b, by type alone. SQLite has an INET and a CIDR as texts that differ. */
bool types_compare(enum orm_type a, enum orm_type b, enum orm_dialect dialect);
/* Whole numbers that a double does not hold exactly, against a float: PostgreSQL compares both as
 * doubles, SQLite exactly. */
bool types_round(enum orm_type a, enum orm_type b);
/* May an expression of type `from` be assigned to a column of type `to`? */
bool types_assign(enum orm_type from, enum orm_type to, enum orm_dialect dialect);
/* Has the type an equality (also GROUP BY, DISTINCT), an order, in this dialect? */
bool type_has_equality(enum orm_type type, enum orm_dialect dialect);
bool type_has_order(enum orm_type type, enum orm_dialect dialect);
bool type_has_min(enum orm_type type, enum orm_dialect dialect);
/* The type of a op b, of CASE and COALESCE branches, of UNION columns; ORM_T_NONE: no such. */
enum orm_type types_common(enum orm_type a, enum orm_type b);
enum orm_type types_arithmetic(enum orm_type a, enum orm_type b);
/* May what has this type be read into a field of this kind? */
bool type_reads_as(enum orm_type type, enum orm_kind kind);

#endif
