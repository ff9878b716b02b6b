/* SPDX-License-Identifier: Apache-2.0 */
/* A result from inside: structs or values, and the relations that were loaded for it. */
#ifndef STRAZH_ORM_RESULT_H
#define STRAZH_ORM_RESULT_H

#include <strazh/orm/relation.h>

#include <orm/base/arena.h>
#include <orm/table/rowset.h>

struct related;

struct orm_result {
	struct orm_session *session;
	struct orm_result *next; /* of the session; none of a related result */
	struct orm_result *prev;
	const struct orm_table *row; /* NULL: values */
	struct arena texts;
	char *structs;
	size_t count, room;
	size_t bytes_max;
	struct orm_rowset set;
	enum orm_lazy lazy;
	struct related *related; /* what relation.c loaded */
};

void related_free(struct related *related);

#endif
