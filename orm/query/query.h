/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query as it is being built: a stream of words, its *shape*, and beside it the values. The shape
 * holds everything that the SQL text depends on and nothing else, so two queries with the same
 * words have the same text, and a cache (shape.h) can answer with a compare instead of rendering.
 *
 *	stream = clause*
 *	clause = WORD(clause, flag, 0, length) word*length	   clauses in the order of the calls
 *	expr   = WORD(op, func, column, n) operands		   prefix order
 *	  COLUMN, EXCLUDED, ALL   table pointer, then the alias when n is 1
 *	  NAMED                   never: looked up by the builder, becomes COLUMN
 *	  SOURCE_COLUMN           name of the source, name of the column
 *	  OUTPUT                  name
 *	  AS                      name, operand
 *	  VALUE                   func is its kind, column its type, n its index in `values`
 *	  LITERAL                 func is its type; text
 *	  QUERY                   n words of another stream behind the index of its first value
 *	  others                  n operands
 *	name, text = length in bytes, then the bytes, padded with zeros to whole words
 */
#ifndef STRAZH_ORM_QUERY_IMPL_H
#define STRAZH_ORM_QUERY_IMPL_H

#include <string.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/query.h>

enum clause {
	CL_NONE,
	CL_SELECT,     /* the statement's kind is the first clause */
	CL_INSERT,     /* table */
	CL_UPDATE,     /* table */
	CL_DELETE,     /* table */
	CL_RAW,	       /* text */
	CL_FROM,       /* table, alias when the flag is 1 */
	CL_FROM_QUERY, /* alias, QUERY */
	CL_FROM_CTE,   /* name */
	CL_COLUMNS,    /* expr* */
	CL_DISTINCT,
	CL_JOIN,       /* flag: join kind, + JOIN_ALIAS; table, alias, expr */
	CL_JOIN_QUERY, /* flag: join kind; alias, QUERY, expr */
	CL_JOIN_CTE,   /* flag: join kind; name, expr */
	CL_WHERE,      /* expr */
	CL_GROUP,      /* expr* */
	CL_HAVING,     /* expr */
	CL_ORDER,      /* expr* */
	CL_LIMIT,      /* VALUE */
	CL_OFFSET,     /* VALUE */
	CL_FOR_UPDATE,
	CL_SET_OPERATION, /* flag: kind; QUERY */
	CL_WITH,	  /* flag: 1 recursive; name, QUERY */
	CL_ROW,		  /* mask, index of the first value */
	CL_INSERT_FROM,	  /* number of columns, expr*, QUERY */
	CL_CONFLICT,	  /* flag: 1 update; expr* */
	CL_DO_SET,	  /* column, expr */
	CL_DO_WHERE,	  /* expr */
	CL_SET,		  /* column, expr */
	CL_EVERY_ROW,
	CL_RETURNING, /* expr* */
	CL_PARAM,     /* VALUE */
};

#define JOIN_ALIAS 0x80U

/* One word: what, and the length or count of what follows. */
static inline uint64_t word_make(unsigned op, unsigned func, unsigned column, uint32_t n)
{
	return (uint64_t)n << 32 | (uint64_t)(column & 0xffff) << 16 | (func & 0xff) << 8 |
	       (op & 0xff);
}
static inline unsigned word_op(uint64_t w)
{
	return w & 0xff;
}
static inline unsigned word_func(uint64_t w)
{
	return w >> 8 & 0xff;
}
static inline unsigned word_column(uint64_t w)
{
	return w >> 16 & 0xffff;
}
static inline uint32_t word_n(uint64_t w)
{
	return (uint32_t)(w >> 32);
}
/* Words that a text of `len` bytes takes, its length included. */
static inline uint32_t text_words(size_t len)
{
	return 1 + (uint32_t)((len + 7) / 8);
}

struct orm_query {
	struct orm_session *session;
	struct orm_query *next; /* in the session's list of free or of lent queries */
	struct orm_query *prev;
	uint64_t *words;
	uint32_t n, room;
	uint32_t clause; /* where the open clause begins */
	struct orm_value *values;
	uint32_t n_values, values_room;
	const struct orm_table *table; /* of INSERT, UPDATE, DELETE, and of the FROM clause */
	int class;		       /* of the fault, or 0 */
	char fault[192];
};

/* What the session does with queries; query_reset keeps the memory. */
struct orm_query *query_new(struct orm_session *s) must_check;
void query_reset(struct orm_query *q);
void query_delete(struct orm_query *q);
/* A query that is nothing but its fault: no memory for a real one. Never freed. */
struct orm_query *query_no_memory(void);

/* The first fault counts. */
void query_fault(struct orm_query *q, int class, const char *format, ...) printf_like(3, 4);

/* Room for `more` words, or false and a fault. False too when there is one already. */
bool query_reserve(struct orm_query *q, uint32_t more);
/* Nearly every word has room: seen without a call. */
static inline bool query_has_room(struct orm_query *q)
{
	return (!q->class && q->n < q->room) || query_reserve(q, 1);
}

/* Making clauses: open, put, close. All do nothing on a query that has a fault. */
static inline void query_word(struct orm_query *q, uint64_t word)
{
	if (query_has_room(q))
		q->words[q->n++] = word;
}
static inline void query_pointer(struct orm_query *q, const void *p)
{
	query_word(q, (uintptr_t)p);
}
static inline void query_open(struct orm_query *q, enum clause clause, unsigned flag)
{
	if (!query_has_room(q))
		return;
	q->clause = q->n;
	q->words[q->n++] = word_make(clause, flag, 0, 0);
}
static inline void query_close(struct orm_query *q)
{
	if (!q->class)
		q->words[q->clause] |= (uint64_t)(q->n - q->clause - 1) << 32;
}
void query_text(struct orm_query *q, const char *text, size_t len);
/* An identifier; refused when it is not [A-Za-z_][A-Za-z0-9_]{0,62}. */
void query_name(struct orm_query *q, const char *name, const char *what);
void query_expr(struct orm_query *q, const struct orm_expr *e);
void query_exprs(struct orm_query *q, const struct orm_expr *list, size_t n);
void query_sub(struct orm_query *q, const struct orm_query *sub);
/* A column by its number. */
static inline struct orm_expr query_column(const struct orm_table *table, unsigned column)
{
	return (struct orm_expr){.op = ORM_OP_COLUMN, .column = (uint16_t)column, .of = table};
}
/* ON CONFLICT (columns of `target`) DO UPDATE of those of `update` to the new row's; 0: NOTHING. */
void query_conflict(struct orm_query *q, const struct orm_table *table, uint64_t target,
		    uint64_t update);
/* The value's index; UINT32_MAX on failure. */
uint32_t query_value(struct orm_query *q, const struct orm_value *value);

#endif
