/* SPDX-License-Identifier: Apache-2.0 */
/* EXPLAIN QUERY PLAN as a tree: two blanks for each level under the statement. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/drivers/sqlite/lite.h>

#define DEPTH_MAX 64 /* deeper nodes are shown at this depth */

static const char before[] = "EXPLAIN QUERY PLAN ";

struct tree {
	FILE *out;
	int path[DEPTH_MAX]; /* ids from the root to the node shown last */
	int depth;
};

/* Nodes come parents first, each child after its parent or its elder sibling's tree. */
static void show(struct tree *tree, int id, int parent, const char *detail)
{
	while (tree->depth && tree->path[tree->depth - 1] != parent)
		tree->depth--;
	fprintf(tree->out, "%*s%s\n", tree->depth * 2, "", detail);
	if (tree->depth < DEPTH_MAX)
		tree->path[tree->depth++] = id;
}

static int show_all(struct orm_conn *conn, sqlite3_stmt *sql, FILE *out, struct orm_error *err)
{
	struct tree tree = {.out = out};
	int rc;

	while ((rc = sqlite3_step(sql)) == SQLITE_ROW) {
		const unsigned char *detail = sqlite3_column_text(sql, 3);

		show(&tree, sqlite3_column_int(sql, 0), sqlite3_column_int(sql, 1),
		     detail ? (const char *)detail : "?");
	}
	return rc == SQLITE_DONE ? 0 : lite_fail(conn, rc, "cannot explain", err);
}

static int explain(struct orm_conn *conn, sqlite3_stmt *sql, char **ret_text, struct orm_error *err)
{
	own_free char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int r;

	if (!out)
		return orm_fail(err, -ENOMEM, "out of memory for a plan");
	r = show_all(conn, sql, out, err);
	if (fclose(out) && !r)
		r = orm_fail(err, -ENOMEM, "out of memory for a plan");
	if (!r)
		*ret_text = take_ptr(text);
	return r;
}

int lite_explain(struct orm_conn *conn, const struct orm_stmt *stmt, const struct orm_value *values,
		 char **ret_text, struct orm_error *err)
{
	own_free char *text = NULL;
	sqlite3_stmt *sql;
	int len, r;

	if (conn->run.sql)
		return orm_fail(err, -EINVAL, "the statement before was not finished");
	len = asprintf(&text, "%s%.*s", before, (int)stmt->sql_len, stmt->sql);
	if (len < 0) {
		text = NULL;
		return orm_fail(err, -ENOMEM, "out of memory for a plan");
	}
	r = lite_prepare(conn, text, (size_t)len, 0, &sql, err);
	if (r)
		return r;
	conn->step_until_ms = 0;
	/* Without values the plan is the one for NULLs. */
	r = values ? lite_bind_all(conn, sql, stmt, values, err) : 0;
	if (!r)
		r = explain(conn, sql, ret_text, err);
	sqlite3_finalize(sql);
	arena_reset(&conn->bound);
	return r;
}
