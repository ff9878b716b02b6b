/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * orm-property's own idea of a query: a tree that is drawn at random, built through the public
 * builders, and written as SQL for PostgreSQL a second time, by code that shares nothing with the
 * renderer. Only the numbers of operators, functions and types are the library's.
 */
#ifndef ORM_PROP_H
#define ORM_PROP_H

#include <strazh/base/compiler.h>
#include <strazh/orm/query.h>
#include <strazh/orm/session.h>

enum { TABLES = 4, NODES_MAX = 4096, CLAUSES_MAX = 24, OUTS_MAX = 24, SOURCES = 6, GROUPS = 4 };
enum { T_ITEM, T_NET, T_DOC, T_TAG };

/* A part of a query is one call of a builder. */
/* clang-format off */
#define CALLS(X) \
	X(SELECT) X(SELECT_AS) X(SELECT_QUERY) X(SELECT_CTE) X(SELECT_NOTHING) X(INSERT) \
	X(UPDATE) X(DELETE) X(COLUMNS) X(DISTINCT) X(JOIN) X(JOIN_AS) X(JOIN_QUERY) \
	X(JOIN_CTE) X(WHERE) X(GROUP_BY) X(HAVING) X(ORDER_BY) X(LIMIT) X(OFFSET) \
	X(FOR_UPDATE) X(SET_OPERATION) X(WITH) X(WITH_RECURSIVE) X(ROW) X(ROW_MASKED) X(ROWS) \
	X(INSERT_FROM) X(CONFLICT_NOTHING) X(CONFLICT_UPDATE) X(DO_SET) X(DO_WHERE) X(SET) \
	X(EVERY_ROW) X(RETURNING)
/* clang-format on */
#define CALL_ENUM(name) CALL_##name,
enum call { CALLS(CALL_ENUM) CALL_COUNT };

struct tree;

struct node {
	uint8_t op;   /* enum orm_op */
	uint8_t func; /* enum orm_func, or enum orm_type of a cast or literal */
	uint8_t type; /* of a leaf whose type nothing else tells */
	uint8_t table;
	uint8_t column;
	bool named; /* built with orm_named() */
	bool bare;  /* a value that takes the type of its place */
	uint8_t n;
	uint32_t index; /* of the value in its query; of an inner query's first value */
	const char *source, *name;
	struct orm_value value;
	struct tree *query; /* of QUERY; of SOURCE_COLUMN: whose output `column` it is, or NULL */
	struct node **arg;
};

struct part {
	uint8_t call; /* enum call */
	uint8_t flag; /* kind of join or set operation; rows of ROWS */
	uint8_t table;
	uint8_t n;
	const char *name;
	struct node **list;
	struct tree *sub;
	uint32_t base; /* index of the first value */
	uint64_t mask;
	const void *row;
};

struct out {
	const char *name;  /* "" when it has none */
	struct node *expr; /* NULL: `type` says it */
	uint8_t type;
};

struct tree {
	struct part clause[CLAUSES_MAX];
	unsigned n;
	struct out out[OUTS_MAX];
	unsigned outs;
	uint32_t values;
	bool numbered;
};

/* ---- drawing (prop_make.c) ---- */

struct gsource {
	const char *name;
	int table; /* -1: a query's */
	struct tree *tree;
	struct out out[OUTS_MAX];
	unsigned outs;
	bool fixed; /* the types are in `out`: a recursive CTE in its own step */
};
struct gscope {
	struct gscope *outer;
	struct gsource source[SOURCES];
	unsigned n;
	struct node *group[GROUPS];
	unsigned groups;
	bool grouped, in_aggregate;
	bool aggregates, windows; /* may be used here */
};

struct gen {
	uint64_t rng;
	char *memory;
	size_t used, room;
	struct node *nodes[NODES_MAX];
	unsigned n_nodes;
	int budget; /* nodes that may still be drawn before leaves only */
	int queries;
	bool execute;	  /* only what has one answer on both databases */
	bool unsure;	  /* the tree has more than one right answer */
	bool dotted_rows; /* LIMIT without total order at the top: only the count is sure */
	struct gsource cte[4];
	unsigned ctes;
	uint64_t ops[ORM_OP_COUNT], funcs[ORM_F_COUNT_], calls[CALL_COUNT];
};

uint64_t draw(struct gen *g);
unsigned below(struct gen *g, unsigned n);
bool chance(struct gen *g, unsigned percent);
void *keep(struct gen *g, size_t size); /* zeroed, until the next tree */
struct node *node(struct gen *g, enum orm_op op, unsigned n, ...);
struct node *call(struct gen *g, enum orm_func f, unsigned n, ...);
struct node *column_of(struct gen *g, const struct gsource *source, unsigned column);
struct node *value_of(struct gen *g, enum orm_type type, bool bare);
struct part *add(struct gen *g, struct tree *t, enum call c);
const struct part *find(const struct tree *t, enum call c, const struct part *after);
/* What it is, by our own reading of the rules. */
enum orm_type node_type(const struct node *e);
enum orm_type out_type(const struct tree *t, unsigned i);
const char *out_name(const struct tree *t, unsigned i); /* "" when it has none */
bool is_integer(enum orm_type type);
bool is_float(enum orm_type type);
bool is_number(enum orm_type type);
/* Indices for all values, as the calls come. */
void number_values(struct tree *t);

/* ---- expressions (prop_expr.c) ---- */

enum orm_type any_type(struct gen *g);
enum orm_type equal_type(struct gen *g);
enum orm_type order_type(struct gen *g);
struct node *expr(struct gen *g, struct gscope *s, enum orm_type type, int depth);
struct node *condition(struct gen *g, struct gscope *s, int depth);
struct node *plain_column(struct gen *g, struct gscope *s, enum orm_type type);

/* ---- queries (prop_from.c, prop_query.c, prop_change.c) ---- */

enum {
	SEL_NAMED = 1, /* columns with names, each once */
	SEL_BARE = 2,  /* no ORDER BY, LIMIT, FOR UPDATE, set operation */
	SEL_TOP = 4,
	SEL_ONE = 8, /* one row at most */
};
struct gsource *source_of_table(struct gscope *s, unsigned table, const char *name);
void source_of_tree(struct gsource *source, const char *name, struct tree *t);
struct tree *draw_derived(struct gen *g, struct gscope *s);
void draw_from(struct gen *g, struct gscope *s, struct tree *t);
struct tree *draw_select(struct gen *g, struct gscope *outer, const uint8_t *types, unsigned n,
			 unsigned flags);
struct tree *draw_tree(struct gen *g);
struct tree *draw_change(struct gen *g);
void draw_with(struct gen *g, struct tree *t);
void spoil(struct gen *g, struct tree *t);

/* ---- the tables (prop_tables.c) ---- */

extern const struct orm_table *prop_table[TABLES];
void prop_tables_init(void);
char *prop_ddl(bool pg); /* malloc'ed */
struct node *c_node(struct gen *g, unsigned table, unsigned column);
struct orm_expr c_expr(unsigned table, unsigned column);
struct orm_expr excluded_expr(unsigned table, unsigned column);
struct orm_expr all_expr(unsigned table);
/* A row of the table, for orm_row(), with values that fit; fields from the pools. */
const void *draw_row(struct gen *g, unsigned table);

/* ---- through the builders (prop_build.c), and as text (prop_text.c, prop_select.c) ---- */

struct orm_query *build(struct orm_session *s, const struct tree *t);
struct text {
	char *at;
	size_t len, room;
};
void say(struct text *t, const char *format, ...) printf_like(2, 3);
void text_expr(struct text *t, const struct node *e, uint32_t base);
void text_select(struct text *t, const struct tree *q, uint32_t base, bool top);
void text_tree(struct text *t, const struct tree *q);

#endif
