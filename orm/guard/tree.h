/* SPDX-License-Identifier: Apache-2.0 */
/* Is a parse tree made of what a fragment may be made of? */
#ifndef STRAZH_ORM_GUARD_TREE_H
#define STRAZH_ORM_GUARD_TREE_H

#include <jansson.h>

#include <orm/guard/guard.h>

#define GUARD_WHY_LEN 160

/* `clause`: the key of the SELECT under which all of the fragment must be. 0, or ORM_E_GUARD. */
int guard_tree_check(const struct orm_guard *g, const json_t *root, const char *clause,
		     char why[GUARD_WHY_LEN]) must_check;

#endif
