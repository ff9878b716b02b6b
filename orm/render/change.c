/* SPDX-License-Identifier: Apache-2.0 */
/* INSERT with ON CONFLICT, UPDATE, DELETE, and RETURNING. */
#include <errno.h>
#include <stdio.h>

#include <orm/render/render.h>
#include <orm/render/typing.h>
#include <orm/table/constraint.h>

static const struct orm_table *changed_table(struct words stream)
{
	return (const void *)(uintptr_t)stream.at[1];
}

/* ---- INSERT ---- */

static void check_required(struct render *r, const struct orm_table *table, uint64_t mask)
{
	int lacks = table_lacks(table, mask);

	if (lacks >= 0)
		render_fault(r, ORM_E_QUERY, "%s.%s is NOT NULL, has no default, and gets no value",
			     table->name, table->columns[lacks].name);
}

static void put_columns(struct render *r, const struct orm_table *table, uint64_t mask)
{
	bool first = true;

	put(r, " (");
	for (unsigned c = 0; c < table->count; c++) {
		if (!(mask >> c & 1))
			continue;
		put(r, first ? "" : ", ");
		put_name(r, table->columns[c].name);
		first = false;
	}
	put(r, ")");
}

static void put_row(struct render *r, const struct orm_table *table, uint64_t mask, uint32_t index)
{
	bool first = true;

	for (unsigned c = 0; c < table->count; c++) {
		if (!(mask >> c & 1))
			continue;
		put(r, first ? "(" : ", ");
		put_param(r, index);
		set_param_type(r, index++, table->columns[c].type);
		first = false;
	}
	put(r, ")");
}

/* Rows of structs: all of them fill the same columns. */
static void insert_rows(struct render *r, const struct orm_table *table, struct words stream)
{
	struct words w;
	uint64_t mask = 0;
	bool first = true;

	while (clause_next(&stream, CL_ROW, &w, NULL) && !r->class) {
		if (first) {
			mask = w.at[0];
			check_required(r, table, mask);
			if (!mask) {
				put(r, " DEFAULT VALUES");
				if (clause_has(stream, CL_ROW))
					render_fault(r, ORM_E_QUERY,
						     "several rows without a value");
				return;
			}
			put_columns(r, table, mask);
			put(r, " VALUES ");
		} else if (mask != w.at[0]) {
			render_fault(r, ORM_E_QUERY,
				     "the rows of one INSERT must fill the same "
				     "columns: AUTO columns all 0 or none");
		}
		put(r, first ? "" : ", ");
		put_row(r, table, mask, (uint32_t)w.at[1]);
		first = false;
	}
}

static bool take_target(struct render *r, struct words *w, const struct orm_table *table,
			uint64_t *mask, unsigned *ret_column)
{
	unsigned column = word_column(*w->at);

	if (word_op(*w->at) != ORM_OP_COLUMN || (const void *)(uintptr_t)w->at[1] != table) {
		render_fault(r, ORM_E_QUERY, "a column of '%s' is wanted", table->name);
		return false;
	}
	w->at = expr_end(w->at);
	if (*mask >> column & 1) {
		render_fault(r, ORM_E_QUERY, "%s.%s is named twice", table->name,
			     table->columns[column].name);
		return false;
	}
	*mask |= 1ULL << column;
	*ret_column = column;
	return true;
}

static void insert_set(struct render *r, const struct orm_table *table, struct words stream)
{
	struct scope s = {0};
	struct words names = stream, w;
	uint64_t mask = 0;
	unsigned column;
	bool first = true;

	put(r, " (");
	for (; clause_next(&names, CL_SET, &w, NULL) && !r->class; first = false) {
		if (!take_target(r, &w, table, &mask, &column))
			return;
		put(r, first ? "" : ", ");
		put_name(r, table->columns[column].name);
	}
	check_required(r, table, mask);
	put(r, ") VALUES (");
	first = true;
	for (; clause_next(&stream, CL_SET, &w, NULL) && !r->class; first = false) {
		struct typed t;

		column = word_column(*w.at);
		w.at = expr_end(w.at);
		put(r, first ? "" : ", ");
		t = render_expr(r, &s, &w);
		settle_column(r, &t, table, column);
	}
	put(r, ")");
}

/* SQLite takes "SELECT ... ON" for a join: the query goes into a derived table with a WHERE. */
static void insert_from(struct render *r, const struct orm_table *table, struct words w,
			bool conflict)
{
	struct outputs columns = {0};
	unsigned targets[ORM_COLUMNS_MAX];
	uint64_t n = words_take(&w), mask = 0;

	put(r, " (");
	for (unsigned i = 0; i < n && !r->class; i++) {
		if (!take_target(r, &w, table, &mask, &targets[i]))
			return;
		put(r, i ? ", " : "");
		put_name(r, table->columns[targets[i]].name);
	}
	check_required(r, table, mask);
	put(r, conflict ? ") SELECT * FROM (" : ") ");
	render_select(r, NULL, words_query(&w), false, &columns);
	put(r, conflict ? ") AS orm_rows WHERE true" : "");
	if (!r->class && columns.n != n)
		render_fault(r, ORM_E_QUERY, "%u columns are filled by a query of %u", (unsigned)n,
			     columns.n);
	for (unsigned i = 0; i < columns.n && !r->class; i++) {
		struct typed t = {.type = columns.list[i].type};

		settle_column(r, &t, table, targets[i]);
	}
}

/* ---- ON CONFLICT ---- */

static void put_assignments(struct render *r, struct scope *s, const struct orm_table *table,
			    struct words stream, enum clause clause)
{
	struct words w;
	uint64_t mask = 0;
	unsigned column;

	while (clause_next(&stream, clause, &w, NULL) && !r->class) {
		bool first = !mask;
		struct typed t;

		if (!take_target(r, &w, table, &mask, &column))
			return;
		put(r, first ? " SET " : ", ");
		put_name(r, table->columns[column].name);
		put(r, " = ");
		t = render_expr(r, s, &w);
		settle_column(r, &t, table, column);
	}
	if (!mask)
		render_fault(r, ORM_E_QUERY, "nothing is set");
}

static void render_conflict(struct render *r, const struct orm_table *table, struct words stream)
{
	struct scope s = {.excluded = table};
	struct words all = stream, w;
	uint64_t mask = 0;
	unsigned update, column;
	bool first = true;

	if (!clause_next(&all, CL_CONFLICT, &w, &update)) {
		if (clause_has(stream, CL_DO_SET) || clause_has(stream, CL_DO_WHERE))
			render_fault(r, ORM_E_QUERY, "orm_do_set() without ON CONFLICT");
		return;
	}
	if (clause_has(all, CL_CONFLICT))
		render_fault(r, ORM_E_QUERY, "ON CONFLICT twice");
	put(r, " ON CONFLICT");
	while (w.at < w.end && take_target(r, &w, table, &mask, &column)) {
		put(r, first ? " (" : ", ");
		put_name(r, table->columns[column].name);
		first = false;
	}
	put(r, mask ? ")" : "");
	if (mask && !table_is_unique(table, mask))
		render_fault(r, ORM_E_QUERY,
			     "ON CONFLICT: '%s' has no unique key of exactly these "
			     "columns",
			     table->name);
	if (!mask && update)
		render_fault(r, ORM_E_QUERY, "ON CONFLICT DO UPDATE needs its columns");
	put(r, update ? " DO UPDATE" : " DO NOTHING");
	if (!update) {
		if (clause_has(stream, CL_DO_SET) || clause_has(stream, CL_DO_WHERE))
			render_fault(r, ORM_E_QUERY,
				     "orm_do_set() without orm_on_conflict_update()");
		return;
	}
	scope_add_table(r, &s, table, NULL, 0);
	put_assignments(r, &s, table, stream, CL_DO_SET);
	first = true;
	for (all = stream; clause_next(&all, CL_DO_WHERE, &w, NULL) && !r->class; first = false) {
		put(r, first ? " WHERE " : " AND ");
		render_condition(r, &s, &w, "orm_do_where()");
	}
}

static void render_insert(struct render *r, const struct orm_table *table, struct words stream)
{
	bool rows = clause_has(stream, CL_ROW), set = clause_has(stream, CL_SET);
	bool conflict = clause_has(stream, CL_CONFLICT);
	struct words all = stream, w;

	put(r, "INSERT INTO ");
	put_name(r, table->name);
	if (clause_next(&all, CL_INSERT_FROM, &w, NULL)) {
		if (rows || set || clause_has(all, CL_INSERT_FROM))
			render_fault(r, ORM_E_QUERY, "an INSERT of rows and of a query");
		insert_from(r, table, w, conflict && !is_pg(r));
	} else if (rows && set) {
		render_fault(r, ORM_E_QUERY, "an INSERT has rows or orm_set(), not both");
	} else if (rows) {
		insert_rows(r, table, stream);
	} else if (set) {
		insert_set(r, table, stream);
	} else {
		check_required(r, table, 0);
		put(r, " DEFAULT VALUES");
	}
	if (conflict && !is_pg(r) && r->len > 7 && !memcmp(r->text + r->len - 7, " VALUES", 7))
		render_fault(r, ORM_E_QUERY, "ON CONFLICT of DEFAULT VALUES: not in SQLite");
	render_conflict(r, table, stream);
}

/* ---- all three ---- */

static const char *clause_text(unsigned op)
{
	static const char *const texts[] = {
		[CL_FROM] = "FROM",
		[CL_FROM_QUERY] = "FROM of a query",
		[CL_FROM_CTE] = "FROM of a WITH",
		[CL_COLUMNS] = "output columns",
		[CL_DISTINCT] = "DISTINCT",
		[CL_JOIN] = "JOIN",
		[CL_JOIN_QUERY] = "JOIN",
		[CL_JOIN_CTE] = "JOIN",
		[CL_WHERE] = "WHERE",
		[CL_GROUP] = "GROUP BY",
		[CL_HAVING] = "HAVING",
		[CL_ORDER] = "ORDER BY",
		[CL_LIMIT] = "LIMIT",
		[CL_OFFSET] = "OFFSET",
		[CL_FOR_UPDATE] = "FOR UPDATE",
		[CL_SET_OPERATION] = "UNION, INTERSECT or EXCEPT",
		[CL_ROW] = "row of values",
		[CL_INSERT_FROM] = "rows of a query",
		[CL_CONFLICT] = "ON CONFLICT",
		[CL_DO_SET] = "ON CONFLICT DO UPDATE",
		[CL_DO_WHERE] = "ON CONFLICT DO UPDATE",
		[CL_SET] = "SET",
		[CL_EVERY_ROW] = "\"every row\"",
		[CL_PARAM] = "parameter of its own",
	};

	return op < ARRAY_LEN(texts) && texts[op] ? texts[op] : "such clause";
}

static void check_clauses(struct render *r, enum clause kind, struct words stream)
{
	bool insert = kind == CL_INSERT;

	for (const uint64_t *at = stream.at; at < stream.end; at += 1 + word_n(*at)) {
		bool fits;

		switch (word_op(*at)) {
		case CL_INSERT:
		case CL_UPDATE:
		case CL_DELETE:
		case CL_WITH:
		case CL_RETURNING:
			fits = true;
			break;
		case CL_ROW:
		case CL_INSERT_FROM:
		case CL_CONFLICT:
		case CL_DO_SET:
		case CL_DO_WHERE:
			fits = insert;
			break;
		case CL_SET:
			fits = kind != CL_DELETE;
			break;
		case CL_WHERE:
		case CL_EVERY_ROW:
			fits = !insert;
			break;
		default:
			fits = false;
		}
		if (!fits)
			render_fault(r, ORM_E_QUERY, "%s has no %s",
				     insert		 ? "an INSERT"
				     : kind == CL_UPDATE ? "an UPDATE"
							 : "a DELETE",
				     clause_text(word_op(*at)));
	}
}

void render_change(struct render *r, struct words stream, struct outputs *ret_columns)
{
	const struct orm_table *table = changed_table(stream);
	enum clause kind = word_op(*stream.at);
	struct scope *s = arena_alloc(r->arena, sizeof(*s));
	struct words list = stream, w;

	if (!s) {
		render_fault(r, -ENOMEM, "out of memory");
		return;
	}
	memset(s, 0, sizeof(*s));
	check_clauses(r, kind, stream);
	scope_add_table(r, s, table, NULL, 0);
	if (r->class)
		return;
	if (kind == CL_INSERT) {
		render_insert(r, table, stream);
	} else {
		put(r, kind == CL_UPDATE ? "UPDATE " : "DELETE FROM ");
		put_name(r, table->name);
		if (kind == CL_UPDATE)
			put_assignments(r, s, table, stream, CL_SET);
		if (!clause_has(stream, CL_WHERE) && !clause_has(stream, CL_EVERY_ROW))
			render_fault(r, ORM_E_QUERY,
				     "without a condition this changes every row of "
				     "'%s'; if that is meant: orm_every_row()",
				     table->name);
		render_where(r, s, stream);
	}
	if (!clause_next(&list, CL_RETURNING, &w, NULL))
		return;
	put(r, " RETURNING ");
	render_outputs(r, s, w, true, ret_columns);
}
