/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves of expressions: columns, and whether the place may name them; values; inner queries. */
#include <stdio.h>

#include <orm/render/render.h>
#include <orm/render/typing.h>
#include <orm/table/sqltype.h>

static const struct typed faulty = {.type = ORM_T_NONE};

/* In a grouped query a column outside aggregates must be grouped, or its table's key must be. */
static bool is_grouped(const struct scope *s, const struct source *source)
{
	const struct orm_table *table = source->table;
	unsigned keys = 0;
	uint64_t found = 0;

	if (!table)
		return false;
	for (unsigned c = 0; c < table->count; c++) {
		if (!(table->columns[c].flags & ORM_PK))
			continue;
		keys++;
		for (unsigned g = 0; g < s->n_groups; g++) {
			const uint64_t *at = s->groups[g].at;
			struct words w = {at, s->groups[g].end, 0};
			const char *alias = table->name;
			size_t len = strlen(table->name);

			if (word_op(*at) != ORM_OP_COLUMN || word_column(*at) != c ||
			    (const void *)(uintptr_t)at[1] != table)
				continue;
			w.at += 2;
			if (word_n(*at))
				alias = words_text(&w, &len);
			if (same_name(source->name, alias, len))
				found |= 1ULL << c;
		}
	}
	return keys && (unsigned)__builtin_popcountll(found) == keys;
}

static bool column_is_allowed(struct render *r, const struct scope *s, const struct source *source,
			      const char *column)
{
	if (!s->grouped || s->in_aggregate || is_grouped(s, source))
		return true;
	render_fault(r, ORM_E_QUERY, "%s.%s is neither in GROUP BY nor inside an aggregate",
		     source->name, column);
	return false;
}

static struct typed render_column(struct render *r, struct scope *s, struct words *w)
{
	uint64_t word = words_take(w);
	const struct orm_table *table = words_pointer(w);
	const struct orm_column *column = &table->columns[word_column(word)];
	const char *alias = NULL;
	struct scope *found = NULL;
	struct source *source;
	size_t len = 0;

	if (word_n(word))
		alias = words_text(w, &len);
	source = scope_table(r, s, table, alias, len, &found);
	if (!source || !column_is_allowed(r, found, source, column->name))
		return faulty;
	put_name(r, source->name);
	put(r, ".");
	put_name(r, column->name);
	return (struct typed){.type = column->type,
			      .nullable = source->nullable || !(column->flags & (ORM_NN | ORM_PK)),
			      .name = column->name,
			      .name_len = strlen(column->name)};
}

static struct typed render_source_column(struct render *r, struct scope *s, struct words *w)
{
	const char *name, *column;
	struct scope *found = NULL;
	struct source *source;
	size_t len, column_len;

	w->at++;
	name = words_text(w, &len);
	column = words_text(w, &column_len);
	source = scope_named(r, s, name, len, &found);
	for (unsigned i = 0; source && i < source->columns.n; i++) {
		const struct output *output = &source->columns.list[i];

		if (!same_name(output->name, column, column_len))
			continue;
		if (!column_is_allowed(r, found, source, output->name))
			return faulty;
		put_name(r, source->name);
		put(r, ".");
		put_name(r, output->name);
		return (struct typed){.type = output->type,
				      .nullable = source->nullable || output->nullable,
				      .name = output->name,
				      .name_len = column_len};
	}
	if (source)
		render_fault(r, ORM_E_QUERY, "'%s' has no column '%.*s'", source->name,
			     (int)MIN(column_len, 70), column);
	return faulty;
}

static struct typed render_excluded(struct render *r, struct scope *s, struct words *w)
{
	uint64_t word = words_take(w);
	const struct orm_table *table = words_pointer(w);
	const struct orm_column *column = &table->columns[word_column(word)];

	if (s->excluded != table) {
		render_fault(r, ORM_E_QUERY, "EXCLUDED of '%s' is known in its ON CONFLICT only",
			     table->name);
		return faulty;
	}
	put(r, "excluded.");
	put_name(r, column->name);
	return (struct typed){.type = column->type, .nullable = true};
}

static struct typed render_value(struct render *r, struct words *w)
{
	uint64_t word = words_take(w);
	uint32_t index = word_n(word) + w->base;
	enum orm_kind kind = word_func(word);
	enum orm_type type = word_column(word) ? word_column(word) : type_of_kind(kind);

	if (!kind_fits(kind, type)) {
		render_fault(r, ORM_E_QUERY, "a value of kind %s cannot be %s",
			     orm_type_name(type_of_kind(kind)), orm_type_name(type));
		return faulty;
	}
	put_param(r, index);
	/* The driver has no OID for it: the server must be told where nothing else tells. */
	if (type == ORM_T_VECTOR && is_pg(r))
		put(r, "::vector");
	set_param_type(r, index, type);
	return (struct typed){.type = type,
			      .value = !word_column(word),
			      .kind = kind,
			      .nullable = kind == ORM_K_NULL,
			      .index = index};
}

static struct typed render_output_name(struct render *r, struct scope *s, struct words *w)
{
	const struct output *found = NULL;
	char place[12];
	const char *name;
	size_t len;

	w->at++;
	name = words_text(w, &len);
	for (unsigned i = 0; s->outputs && i < s->outputs->n; i++) {
		if (!same_name(s->outputs->list[i].name, name, len))
			continue;
		if (found)
			render_fault(r, ORM_E_QUERY, "there are two output columns '%s'",
				     found->name);
		found = &s->outputs->list[i];
	}
	if (found) {
		/* By its place: what else is called so, in the list or in FROM, does not matter. */
		snprintf(place, sizeof(place), "%u", (unsigned)(found - s->outputs->list) + 1);
		put(r, place);
		return (struct typed){.type = found->type, .nullable = found->nullable};
	}
	render_fault(r, ORM_E_QUERY,
		     s->outputs ? "there is no output column '%.*s'"
				: "output column '%.*s' can be named in ORDER BY only",
		     (int)MIN(len, 70), name);
	return faulty;
}

/* In PostgreSQL a text in quotes has no type until something gives it one: what was declared. */
static struct typed render_literal(struct render *r, struct words *w)
{
	enum orm_type type = word_func(words_take(w));
	const char *text;
	size_t len;

	text = words_text(w, &len);
	if (type == ORM_T_NONE || type >= ORM_T_COUNT) {
		render_fault(r, ORM_E_QUERY, "an SQL literal needs a type");
		return faulty;
	}
	put(r, "(");
	put_len(r, text, len);
	put(r, is_pg(r) ? ")::" : ")");
	put(r, is_pg(r) ? orm_type_sql(type, r->dialect) : "");
	return (struct typed){.type = type, .nullable = true};
}

/*
 * Of a query that is asked for one row, or for any, SQLite forgets the DISTINCT, and then OFFSET
 * counts what it should not: not of one that is inside another.
 */
void render_inner(struct render *r, struct scope *s, struct words stream, struct outputs *columns)
{
	bool wrap = !is_pg(r) && clause_has(stream, CL_DISTINCT) && clause_has(stream, CL_OFFSET);

	put(r, wrap ? "(SELECT * FROM (" : "(");
	render_select(r, s, stream, false, columns);
	put(r, wrap ? "))" : ")");
}

struct typed render_scalar(struct render *r, struct scope *s, struct words *w)
{
	struct outputs columns = {0};

	render_inner(r, s, words_query(w), &columns);
	if (!r->class && columns.n != 1)
		render_fault(r, ORM_E_QUERY, "a query used as a value must have one column, not %u",
			     columns.n);
	if (r->class)
		return faulty;
	return (struct typed){.type = columns.list[0].type, .nullable = true};
}

struct typed render_leaf(struct render *r, struct scope *s, struct words *w)
{
	switch (word_op(*w->at)) {
	case ORM_OP_COLUMN:
		return render_column(r, s, w);
	case ORM_OP_SOURCE_COLUMN:
		return render_source_column(r, s, w);
	case ORM_OP_OUTPUT:
		return render_output_name(r, s, w);
	case ORM_OP_EXCLUDED:
		return render_excluded(r, s, w);
	case ORM_OP_VALUE:
		return render_value(r, w);
	case ORM_OP_LITERAL:
		return render_literal(r, w);
	default:
		return render_scalar(r, s, w);
	}
}
