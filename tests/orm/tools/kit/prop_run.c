/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Running a SELECT on both databases, and comparing what they answer. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { ROWS_MAX = 200000, STEPS_MAX = 40000000, ROWS_EACH = 28 };

void answer_deinit(struct answer *a)
{
	for (size_t i = 0; i < (size_t)a->rows * a->columns; i++)
		free(a->cell[i]);
	free(a->cell);
}

/* ---- PostgreSQL ---- */

static void take_pg(const PGresult *result, const struct orm_stmt *stmt, struct answer *to)
{
	to->rows = (unsigned)PQntuples(result);
	to->columns = (unsigned)PQnfields(result);
	to->cell = calloc((size_t)to->rows * to->columns + 1, sizeof(char *));
	if (!to->cell)
		abort();
	for (unsigned r = 0; r < to->rows; r++) {
		for (unsigned c = 0; c < to->columns; c++) {
			if (!PQgetisnull(result, (int)r, (int)c))
				to->cell[r * to->columns + c] = cell_of_pg(
					PQgetvalue(result, (int)r, (int)c), stmt->column_type[c]);
		}
	}
}

void run_pg(PGconn *conn, const struct orm_stmt *stmt, const struct orm_value *values,
	    struct answer *ret_answer)
{
	Oid *oids = calloc(stmt->params + 1U, sizeof(*oids));
	char **texts = calloc(stmt->params + 1U, sizeof(*texts));
	PGresult *result;

	if (!oids || !texts)
		abort();
	*ret_answer = (struct answer){0};
	param_oids(stmt, values, oids);
	for (unsigned i = 0; i < stmt->params; i++)
		texts[i] = param_of_pg(&values[i], stmt->param_type[i]);
	result = PQexecParams(conn, stmt->sql, stmt->params, oids, (const char *const *)texts, NULL,
			      NULL, 0);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		take_pg(result, stmt, ret_answer);
	else
		snprintf(ret_answer->error, sizeof(ret_answer->error), "%s",
			 PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)
				 ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)
				 : PQerrorMessage(conn));
	PQclear(result);
	for (unsigned i = 0; i < stmt->params; i++)
		free(texts[i]);
	free(texts);
	free(oids);
}

/* ---- SQLite ---- */

static int give_up(void *data)
{
	(void)data;
	return 1;
}

static int take_sqlite(sqlite3_stmt *st, const struct orm_stmt *stmt, struct answer *to)
{
	size_t room = 64;
	int rc;

	to->columns = stmt->columns;
	to->cell = calloc(room * to->columns, sizeof(char *));
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && to->rows < ROWS_MAX) {
		if (to->rows == room) {
			room *= 2;
			to->cell = realloc(to->cell, room * to->columns * sizeof(char *));
		}
		if (!to->cell)
			abort();
		for (unsigned c = 0; c < to->columns; c++)
			to->cell[to->rows * to->columns + c] = cell_of_sqlite(st, (int)c,
									      stmt->column_type[c]);
		to->rows++;
	}
	return rc;
}

void run_sqlite(sqlite3 *db, const struct orm_stmt *stmt, const struct orm_value *values,
		struct answer *ret_answer)
{
	sqlite3_stmt *st = NULL;
	int rc;

	*ret_answer = (struct answer){0};
	sqlite3_progress_handler(db, STEPS_MAX, give_up, NULL);
	rc = sqlite3_prepare_v2(db, stmt->sql, -1, &st, NULL);
	for (int i = 0; rc == SQLITE_OK && i < sqlite3_bind_parameter_count(st); i++)
		rc = bind_sqlite(st, i + 1, &values[i], stmt->param_type[i]);
	if (rc == SQLITE_OK)
		rc = take_sqlite(st, stmt, ret_answer);
	if (rc != SQLITE_DONE)
		snprintf(ret_answer->error, sizeof(ret_answer->error), "%s", sqlite3_errmsg(db));
	sqlite3_finalize(st);
}

/* ---- comparing ---- */

static const uint8_t *compare_types;
static unsigned compare_columns;

static int compare_text(const char *a, const char *b)
{
	if (!a || !b)
		return a ? 1 : b ? -1 : 0;
	return strcmp(a, b);
}

/* What is exact comes first, so that fractions that differ in the last bit meet each other. */
static int by_row(const void *left, const void *right)
{
	char *const *a = *(char **const *)left, *const *b = *(char **const *)right;

	for (int turn = 0; turn < 2; turn++) {
		for (unsigned c = 0; c < compare_columns; c++) {
			int order;

			if (is_float(compare_types[c]) != turn)
				continue;
			if (turn && a[c] && b[c]) {
				double x = strtod(a[c], NULL), y = strtod(b[c], NULL);

				order = x < y ? -1 : x > y;
			} else {
				order = compare_text(a[c], b[c]);
			}
			if (order)
				return order;
		}
	}
	return 0;
}

static bool same_cell(const char *a, const char *b, enum orm_type type)
{
	double x, y;

	if (!a || !b || !is_float(type))
		return !compare_text(a, b);
	x = strtod(a, NULL);
	y = strtod(b, NULL);
	if (x == y || (isnan(x) && isnan(y)))
		return true;
	return fabs(x - y) <= (type == ORM_T_REAL ? 1e-6 : 1e-9) * fmax(fabs(x), fabs(y));
}

static char ***row_pointers(struct answer *a, bool ordered)
{
	char ***rows = calloc(a->rows + 1U, sizeof(*rows));

	if (!rows)
		abort();
	for (unsigned r = 0; r < a->rows; r++)
		rows[r] = &a->cell[r * a->columns];
	if (!ordered)
		qsort(rows, a->rows, sizeof(*rows), by_row);
	return rows;
}

static void show(const char *what, char *const *row, unsigned columns)
{
	printf("#   %s:", what);
	for (unsigned c = 0; c < columns; c++)
		printf(" %s%.80s", c ? "| " : "", row[c] ? row[c] : "NULL");
	printf("\n");
}

bool same_answer(struct answer *a, struct answer *b, const uint8_t *types, bool ordered)
{
	char ***left, ***right;
	bool same = a->rows == b->rows && a->columns == b->columns;

	compare_types = types;
	compare_columns = a->columns;
	if (!same) {
		printf("#   %u rows of %u columns, and %u of %u\n", a->rows, a->columns, b->rows,
		       b->columns);
		if (a->columns != b->columns)
			return false;
	}
	left = row_pointers(a, ordered);
	right = row_pointers(b, ordered);
	for (unsigned r = 0; r < MIN(a->rows, b->rows); r++) {
		bool row = true;

		for (unsigned c = 0; c < a->columns; c++)
			row &= same_cell(left[r][c], right[r][c], types[c]);
		if (!row) {
			show("PostgreSQL", left[r], a->columns);
			show("SQLite", right[r], a->columns);
			same = false;
			break;
		}
	}
	free(left);
	free(right);
	return same;
}

/* ---- the rows ---- */

static void insert_text(struct text *sql, const struct orm_table *t, bool pg)
{
	sql->len = 0;
	say(sql, "INSERT INTO \"%s\" VALUES (", t->name);
	for (unsigned i = 0; i < t->count; i++)
		say(sql, pg ? "%s$%u" : "%s?%u", i ? ", " : "", i + 1);
	say(sql, ") ON CONFLICT DO NOTHING");
}

static int fill_sqlite(sqlite3 *db, const char *sql, const struct orm_table *t,
		       const struct orm_value *values)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	for (unsigned i = 0; rc == SQLITE_OK && i < t->count; i++)
		rc = bind_sqlite(st, (int)i + 1, &values[i], t->columns[i].type);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	sqlite3_finalize(st);
	if (rc != SQLITE_DONE)
		fprintf(stderr, "SQLite: %s\n", sqlite3_errmsg(db));
	return rc == SQLITE_DONE ? 0 : -1;
}

static int fill_pg(PGconn *conn, const char *sql, const struct orm_table *t,
		   const struct orm_value *values)
{
	char *texts[ORM_COLUMNS_MAX];
	PGresult *result;
	int r;

	for (unsigned i = 0; i < t->count; i++)
		texts[i] = param_of_pg(&values[i], t->columns[i].type);
	result = PQexecParams(conn, sql, t->count, NULL, (const char *const *)texts, NULL, NULL, 0);
	r = PQresultStatus(result) == PGRES_COMMAND_OK ? 0 : -1;
	if (r)
		fprintf(stderr, "PostgreSQL: %s", PQerrorMessage(conn));
	PQclear(result);
	for (unsigned i = 0; i < t->count; i++)
		free(texts[i]);
	return r;
}

int fill(struct gen *g, sqlite3 *db, PGconn *conn)
{
	struct orm_value values[ORM_COLUMNS_MAX];
	struct text lite = {0}, pg = {0};
	int r = 0;

	g->rng = 42;
	for (unsigned table = 0; table < TABLES && !r; table++) {
		const struct orm_table *t = prop_table[table];

		insert_text(&lite, t, false);
		insert_text(&pg, t, true);
		for (unsigned n = 0; n < ROWS_EACH && !r; n++) {
			const void *row;

			g->used = 0;
			row = draw_row(g, table);
			for (unsigned i = 0; i < t->count; i++) {
				values[i] = orm_row_get(t, i, row);
				if (t->columns[i].flags & ORM_AUTO)
					values[i] = orm_value_i64(n + 1);
			}
			r = fill_sqlite(db, lite.at, t, values);
			if (!r)
				r = fill_pg(conn, pg.at, t, values);
		}
	}
	free(lite.at);
	free(pg.at);
	return r;
}
