/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard: a signal, not a defence. Bound parameters are the defence; a program that uses them is
 * safe whatever the guard says. What it tells is that somebody tries: values that were written to
 * leave their place in a statement, raw fragments that are more than they should be, and clients
 * that query like a machine. It also warns a program that still pastes text.
 *
 *	values     orm_guard_value(): judged by a lexer and a grammar of its own, of what
 *	           PostgreSQL, SQLite, MySQL, SQL Server and Oracle accept: attackers do not know
 *	           which database there is. No allocation; linear in the length; 150 to 250 ns
 *	           for a harmless value of 40 bytes.
 *	fragments  orm_guard_fragment(): PostgreSQL's own parser (libpg_query). A fragment is
 *	           refused unless it is one expression or one sort list of harmless parts.
 *	rates      orm_guard_count(): queries, distinct shapes, errors and rows a second and client.
 *
 * A value is judged as if a careless program pasted it: bare (where a number or a name stands),
 * inside '...', and inside "...". It is an injection where it stops being one token and continues
 * as something that makes sense as SQL. "O'Brien" stops being one token and does not make sense.
 *
 * What the guard cannot see: harm that needs two values, values that are harmless until they are
 * decoded (base64, compression), and SQL in the second half of a value whose first half makes no
 * sense (a database refuses that as well).
 */
#ifndef STRAZH_ORM_GUARD_H
#define STRAZH_ORM_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/orm/error.h>
#include <strazh/orm/types.h>

#pragma GCC visibility push(default)

/* ---- values ---- */

enum orm_guard_context { ORM_GUARD_BARE, ORM_GUARD_SINGLE, ORM_GUARD_DOUBLE, ORM_GUARD_CONTEXTS };
#define ORM_GUARD_ANY 7U /* all contexts, as bits: 1U << ORM_GUARD_BARE and so on */

/* X(NAME, name, text): what an injection does. Order is ABI, new ones go to the end. */
#define ORM_GUARD_CLASSES(X)                                                                       \
	X(NONE, "none", "is harmless")                                                             \
	X(TAUTOLOGY, "tautology", "adds a condition whose outcome is fixed")                       \
	X(CONDITION, "condition", "adds a condition of its own")                                   \
	X(UNION, "union", "adds the rows of another select")                                       \
	X(STACKED, "stacked", "adds a statement of its own")                                       \
	X(TRUNCATION, "truncation", "turns the rest of the statement into a comment")              \
	X(DELAY, "delay", "makes the database wait or work, to read the answer off the clock")     \
	X(SUBQUERY, "subquery", "adds a select inside the statement")                              \
	X(ERROR, "error", "carries data out in an error message")                                  \
	X(PROBE, "probe", "asks for tables, columns, users or the version")                        \
	X(CLAUSE, "clause", "adds a clause: order, group, limit, having, into a file")             \
	X(FUNCTION, "function", "calls a function that reaches out of the database")               \
	X(EXPRESSION, "expression", "computes where a plain value belongs")

#define ORM_GUARD_CLASS_ENUM_(NAME, name, text) ORM_GUARD_##NAME,
enum orm_guard_class { ORM_GUARD_CLASSES(ORM_GUARD_CLASS_ENUM_) ORM_GUARD_CLASS_COUNT };

struct orm_guard_finding {
	bool injection;	  /* the verdict: score reached the threshold in some context */
	bool encoded;	  /* seen only after %27, &#39;, \u0027 and the like were decoded */
	uint8_t context;  /* enum orm_guard_context: the one with the highest score */
	uint8_t contexts; /* bits: every context in which the threshold was reached */
	uint8_t class;	  /* enum orm_guard_class */
	float score;	  /* 0: one token, or no SQL; 1: certain */
	size_t offset;	  /* where the value stops being one token; of the decoded text, if so */
	const char
		*reason; /* for a person, static: "closes '...' and adds ..."; "" when harmless */
};

#define ORM_GUARD_THRESHOLD 0.6F
/*
 * Of a longer value the first 48 KiB and the last 16 KiB are looked at, as if they were one text.
 * Of a value that needs decoding the first 4 KiB are decoded.
 */
#define ORM_GUARD_VALUE_MAX 65536U

/* The judgement alone: no guard, no state, no counting. `contexts`: bits, or ORM_GUARD_ANY. */
void orm_guard_inspect(const void *text, size_t len, unsigned contexts, float threshold,
		       struct orm_guard_finding *ret_finding);
const char *orm_guard_class_name(enum orm_guard_class class);	    /* "tautology" */
const char *orm_guard_context_name(enum orm_guard_context context); /* "bare" */

/* ---- the guard of a program: what is found is counted and reported ---- */

struct orm_guard; /* thread-safe */

/* X(NAME, signal). */
#define ORM_GUARD_SIGNALS(X)                                                                       \
	X(INJECTION, "SQLInjectionAttempt")                                                        \
	X(FRAGMENT, "SQLFragmentRefused")                                                          \
	X(FLOOD, "ORMQueryFlood")
#define ORM_GUARD_SIGNAL_ENUM_(NAME, signal) ORM_SIGNAL_##NAME,
enum orm_guard_signal { ORM_GUARD_SIGNALS(ORM_GUARD_SIGNAL_ENUM_) ORM_SIGNAL_COUNT };
const char *orm_guard_signal_name(enum orm_guard_signal signal); /* "ORMQueryFlood" */

/* X(name, default a second, text): what is metered. Bursts of `burst_ms` worth of it are free. */
#define ORM_GUARD_RATES(X)                                                                         \
	X(queries, 1000, "queries a second")                                                       \
	X(shapes, 50, "distinct query shapes a second")                                            \
	X(errors, 20, "errors a second")                                                           \
	X(rows, 1000000, "rows a second")
#define ORM_GUARD_RATE_ENUM_(name, value, text) ORM_RATE_##name,
enum orm_guard_rate { ORM_GUARD_RATES(ORM_GUARD_RATE_ENUM_) ORM_RATE_COUNT };

/* Borrowed, for the time of the call; so is what it points to. */
struct orm_guard_report {
	enum orm_guard_signal signal;
	uint64_t client;
	const void *text; /* the value or fragment: a secret of the program's; NULL for FLOOD */
	size_t len;
	const struct orm_guard_finding *finding; /* INJECTION */
	const char *why;			 /* one line for a person */
	unsigned rates;				 /* FLOOD: bits, 1U << ORM_RATE_queries ... */
};
/* Called in the thread that found it, with no lock held. It may call the guard. */
typedef void (*orm_guard_report_func)(void *data, const struct orm_guard_report *report);

/* 0 or NULL is the default. */
struct orm_guard_options {
	unsigned contexts; /* ORM_GUARD_ANY */
	float threshold;   /* ORM_GUARD_THRESHOLD */
	orm_guard_report_func report;
	void *data;
	const char *functions; /* that fragments may call besides: "unaccent, similarity" */
	unsigned clients;      /* kept at once; 4096, at most 2^20; the longest silent one leaves */
	/* A client that floods is reported again after so long; 1000. */
	int64_t repeat_ms;
	int64_t burst_ms;				       /* 2000 */
#define ORM_GUARD_RATE_FIELD_(name, value, text) int64_t name; /* a second; -1: not metered */
	ORM_GUARD_RATES(ORM_GUARD_RATE_FIELD_)
	int64_t (*now_ns)(void *data); /* monotonic; NULL: CLOCK_MONOTONIC */
};

/* X(name, text) */
#define ORM_GUARD_COUNTERS(X)                                                                      \
	X(values, "values looked at")                                                              \
	X(value_bytes, "bytes of them")                                                            \
	X(injections, "values found to be injections")                                             \
	X(fragments, "fragments looked at")                                                        \
	X(fragments_refused, "fragments refused")                                                  \
	X(counted, "calls that counted for a client")                                              \
	X(floods, "reports of clients above their rates")                                          \
	X(over, "calls that found their client above a rate")                                      \
	X(clients_evicted, "clients that had to leave the table for others")
#define ORM_GUARD_COUNTER_FIELD_(name, text) uint64_t name;
struct orm_guard_counters {
	ORM_GUARD_COUNTERS(ORM_GUARD_COUNTER_FIELD_)
	uint64_t classes[ORM_GUARD_CLASS_COUNT]; /* injections by class */
};

/* All memory is taken here. NULL: no memory, or options out of bounds (errno ENOMEM, EINVAL). */
struct orm_guard *orm_guard_new(const struct orm_guard_options *options);
void orm_guard_free(struct orm_guard *g);
void orm_guard_counters(const struct orm_guard *g, struct orm_guard_counters *ret_counters);

/* Judge, count, report. True: an injection. ret_finding may be NULL. */
bool orm_guard_value(struct orm_guard *g, uint64_t client, const void *text, size_t len,
		     struct orm_guard_finding *ret_finding);

/*
 * What a client did since the last call. `shape` is any number that stands for the query's shape
 * (its text without values), 0: none. Returns the rates that the client is above, as bits; 0: none.
 * Client 0 is nobody and never counted.
 */
struct orm_guard_use {
	uint32_t queries;
	uint32_t errors;
	uint64_t rows;
	uint64_t shape;
};
unsigned orm_guard_count(struct orm_guard *g, uint64_t client, const struct orm_guard_use *use);

/* ---- fragments ---- */

enum orm_fragment {
	ORM_FRAGMENT_CONDITION,	 /* what may stand after WHERE */
	ORM_FRAGMENT_EXPRESSION, /* one value */
	ORM_FRAGMENT_ORDER,	 /* what may stand after ORDER BY */
};
#define ORM_FRAGMENT_MAX 4096U	     /* bytes */
#define ORM_FRAGMENT_TOKENS_MAX 512U /* tokens */

/*
 * May this text be pasted? 0, or ORM_E_GUARD with the reason in *ret_error (may be NULL); -EINVAL:
 * there is no such kind. What memory does not suffice to judge is refused. Accepted: columns,
 * numbers, plain '...' strings, operators, CASE, casts to built-in types, functions of a short list
 * (orm/guard/allow.c) and of options.functions. Refused: all else; so subqueries, comments,
 * semicolons, parameters, "*", window functions, and string forms that the databases read
 * differently. Names of columns are not checked. `g` may be NULL: then nothing is counted or
 * reported. Allocates, and takes 10 us and more: judge a fragment once, not every time.
 */
int orm_guard_fragment(struct orm_guard *g, uint64_t client, enum orm_fragment kind,
		       const char *text, size_t len, struct orm_error *ret_error) ORM_MUST_CHECK;

#pragma GCC visibility pop

#endif
