/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From words to SQL: checks a query and writes its text in one dialect. Done once a shape; what it
 * says is cached (shape.h). Inside: render.c (entry, names, scopes), render_expr.c (operators),
 * render_leaf.c (columns, values), render_call.c (functions, windows),
 * render_part.c (JSON, arrays), render_select.c, render_from.c, render_set.c, render_change.c.
 */
#ifndef STRAZH_ORM_RENDER_H
#define STRAZH_ORM_RENDER_H

#include <orm/base/arena.h>
#include <orm/drivers/driver.h>
#include <orm/query/words.h>

#define SOURCES_MAX 24U
#define OUTPUTS_MAX 256U
#define GROUPS_MAX 32U
#define CTES_MAX 16U
#define NESTING_MAX 12U
#define TABLES_MAX 32U
#define SQL_MAX (1U << 20)

/* A column of a result, a CTE, or a derived table. */
struct output {
	char name[ORM_NAME_MAX + 1]; /* "" when it has none */
	uint8_t type;
	bool nullable;
};

struct outputs {
	struct output *list; /* in the arena */
	unsigned n;
};

/* Something in FROM. */
struct source {
	char name[ORM_NAME_MAX + 1];   /* as the SQL names it: alias, or the table's name */
	const struct orm_table *table; /* NULL: CTE or derived */
	struct outputs columns;
	bool nullable;	/* on the outer side of a join */
	bool recursive; /* the CTE that is being defined */
};

struct range {
	const uint64_t *at;
	const uint64_t *end;
};

/* The names that an expression can see; outer scopes for correlated queries. */
struct scope {
	struct scope *outer;
	struct source sources[SOURCES_MAX];
	unsigned n;
	struct range groups[GROUPS_MAX];
	unsigned n_groups;
	const struct orm_table *excluded; /* EXCLUDED can be read */
	const struct outputs *outputs;	  /* ORDER BY may name them */
	uint16_t may;			  /* enum may: what the place allows */
	bool grouped;			  /* columns outside aggregates must be grouped ... */
	bool in_aggregate;		  /* ... and this is inside one */
	bool constant_on;		  /* an inner join has a condition without columns */
	bool top;			  /* its rows go to the client */
	bool own, foreign;		  /* columns of this scope, of outer ones, were named */
};

enum may {
	MAY_AGGREGATE = 1,
	MAY_WINDOW = 2,
};

struct cte {
	char name[ORM_NAME_MAX + 1];
	struct outputs columns;
	unsigned references; /* while `open`: how often its step reads it */
	bool open;	     /* recursive, being defined */
};

struct render {
	enum orm_dialect dialect;
	struct arena *arena; /* for the result and what is needed on the way */
	char *text;
	size_t len, room;
	uint8_t *param_type;
	uint32_t params;
	struct cte ctes[CTES_MAX];
	unsigned n_ctes;
	struct cte *body; /* the recursive CTE that the next SELECT is the body of */
	unsigned nesting;
	const struct orm_table *tables[TABLES_MAX]; /* that are read or written */
	unsigned n_tables;
	int class;
	char fault[192];
};

/* What an expression is. */
struct typed {
	uint8_t type; /* enum orm_type; NONE after a fault */
	bool value;   /* a bare parameter: takes the type that the other side has */
	uint8_t kind; /* of the value */
	bool nullable;
	uint32_t index;	  /* of the value */
	const char *name; /* as an output column; not NUL-terminated; NULL none */
	size_t name_len;
};

/* What a rendered query gives; in the arena. */
struct rendered {
	struct orm_stmt stmt; /* id not set */
	const struct orm_table **tables;
	unsigned n_tables;
	struct outputs columns;
};

/*
 * Render the words; `values` are how many parameters there are. 0, or a class with `fault` (192
 * bytes) saying why in words.
 */
int render_query(const uint64_t *words, uint32_t n, uint32_t values, enum orm_dialect dialect,
		 struct arena *arena, struct rendered *ret_rendered, char fault[192]) must_check;

/* ---- inside ---- */

void render_fault(struct render *r, int class, const char *format, ...) printf_like(3, 4);
void put(struct render *r, const char *text);
void put_len(struct render *r, const char *text, size_t len);
void put_name(struct render *r, const char *name); /* quoted */
/* Exchange the texts [begin, middle) and [middle, end). */
void swap_tail(struct render *r, size_t begin, size_t middle);
/* The text [middle, end of the text) instead of what stands at [begin, middle). */
void keep_tail(struct render *r, size_t begin, size_t middle);
/* Put in front of what stands at `at`; put what stands at [begin, end) once more. */
void put_at(struct render *r, size_t at, const char *text);
void put_again(struct render *r, size_t begin, size_t end);
void put_param(struct render *r, uint32_t index);
void set_param_type(struct render *r, uint32_t index, enum orm_type type);
bool same_name(const char *a, const char *b, size_t b_len);
bool is_pg(const struct render *r);

/* Scopes. A name that is there already is a fault. */
struct source *scope_add(struct render *r, struct scope *s, const char *name, size_t len);
void scope_add_table(struct render *r, struct scope *s, const struct orm_table *table,
		     const char *alias, size_t len);
/* The source of a table reference, searched outwards; NULL and a fault when there is none. */
struct source *scope_table(struct render *r, struct scope *s, const struct orm_table *table,
			   const char *alias, size_t len, struct scope **ret_scope);
struct source *scope_named(struct render *r, struct scope *s, const char *name, size_t len,
			   struct scope **ret_scope);
void use_table(struct render *r, const struct orm_table *table);

/* Expressions: write the text, return what it is. */
struct typed render_expr(struct render *r, struct scope *s, struct words *w);
/* The same, and it must be a condition. */
void render_condition(struct render *r, struct scope *s, struct words *w, const char *where);
struct typed render_leaf(struct render *r, struct scope *s, struct words *w);
/* An inner query in parentheses, of which one row or its existence counts. */
void render_inner(struct render *r, struct scope *s, struct words stream, struct outputs *columns);
struct typed render_scalar(struct render *r, struct scope *s, struct words *w);
/* SQLite: make a real number of what stands at [begin, end). */
void put_real(struct render *r, size_t begin, size_t end);
/* ORDER BY items, separated by commas. */
void render_order(struct render *r, struct scope *s, struct words *w);
/* Make two sides agree; bare values take the other's type. The common class is checked by `fits`.
 */
bool settle(struct render *r, struct typed *a, struct typed *b);
/* A value or expression that goes into a column. */
void settle_column(struct render *r, struct typed *t, const struct orm_table *table,
		   unsigned column);
/* Does this range, inner queries aside, call an aggregate that is not a window's? */
bool has_aggregate(const uint64_t *at, const uint64_t *end);
bool has_op(const uint64_t *at, const uint64_t *end, enum orm_op op);

/* A SELECT in its parentheses' place: text without them. Its columns, when the caller wants them.
 */
void render_select(struct render *r, struct scope *outer, struct words stream, bool top,
		   struct outputs *ret_columns);
bool render_from(struct render *r, struct scope *s, struct words stream);
void render_where(struct render *r, struct scope *s, struct words stream);
/* Of the SELECT whose text begins at `begin`; its columns become those of the whole. */
void render_set_operations(struct render *r, struct scope *outer, struct words stream, size_t begin,
			   struct cte *recursive, struct outputs *columns);
/* Behind a set operation in FROM: SQLite takes one with RIGHT or FULL JOINs apart, and errs. */
void keep_apart(struct render *r, struct words stream);
void render_with(struct render *r, struct words stream);
/* What an outer query names must have names, and each one once. */
bool names_are_clear(struct render *r, const struct outputs *o, const char *of);
void check_distinct(struct render *r, const struct outputs *columns, const char *what);
/* A select list or RETURNING: its columns. `top`: the client reads them. */
void render_outputs(struct render *r, struct scope *s, struct words list, bool top,
		    struct outputs *ret_columns);
void render_change(struct render *r, struct words stream, struct outputs *ret_columns);

#endif
