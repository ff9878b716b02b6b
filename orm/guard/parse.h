/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does text continue as SQL? A machine over tokens: it wants an operand, or it has one and wants
 * what may follow; parentheses, calls and CASE are frames on a stack of fixed depth. It takes what
 * some database would take, and stops at the first token that none would: in prose that is soon.
 * On its way it collects signs, each a class and a weight; score.c makes one number of them.
 */
#ifndef STRAZH_ORM_GUARD_PARSE_H
#define STRAZH_ORM_GUARD_PARSE_H

#include <stdbool.h>

#include <orm/guard/lex.h>
#include <strazh/orm/guard.h>

enum guard_operand {
	O_NONE,
	O_NAME,
	O_GROUP, /* in parentheses */
	O_CALL,	 /* of a function that nobody knows */
	O_CONST,
	O_KNOWN, /* call of a function of SQL; CASE */
	O_STAR,
	O_SELECT,
};

enum guard_frame_kind { FRAME_TOP, FRAME_GROUP, FRAME_CALL, FRAME_CASE };
enum guard_select { SELECT_NONE, SELECT_LIST, SELECT_FROM, SELECT_TAIL };
/* How a SELECT came there. */
enum guard_how { HOW_GROUP, HOW_STACKED, HOW_UNION, HOW_START, HOW_COUNT };

struct guard_frame {
	uint8_t kind;	/* enum guard_frame_kind */
	uint8_t select; /* enum guard_select: where in a SELECT of this frame */
	uint8_t how;
	uint8_t last;	/* enum guard_operand: the operand just met */
	uint8_t lhs;	/* and the one left of a comparison */
	uint8_t lone;	/* operand that a condition consists of, as long as nothing is compared */
	bool fresh;	/* just opened: SELECT may come */
	bool linked;	/* in a condition: behind AND, OR, WHERE, WHEN */
	bool inherited; /* the frame as a whole is in one */
	bool comparing;
	bool between;
	bool aliased;
	bool strong;  /* first item of the SELECT is more than a name */
	bool ordered; /* behind GROUP BY or ORDER BY */
	bool limited; /* behind LIMIT */
	bool branch;  /* IF (...): a statement follows */
	bool listed;  /* has a comma */
	const struct guard_word *function;
	const uint8_t *name, *lhs_name; /* of `last` and `lhs`, when they are names */
	size_t name_len, lhs_name_len;
};

#define GUARD_DEPTH_MAX 48

struct guard_parse {
	struct guard_lex lex;
	struct guard_token t;
	bool quoted; /* the value closed the quotes around it */
	bool plain;  /* bare, and began with a number or string, as values do */
	bool have;   /* an operand; else one is wanted */
	bool unite;  /* UNION was met: SELECT must come */
	bool arith;
	bool tail; /* ended in a comment */
	bool open; /* ended in a string that the program's quote closes */
	bool broke;
	bool loose; /* went on over a gap that no database would bridge */
	bool owes;  /* IF (...) was met, and no statement yet */
	bool done;
	unsigned closed; /* parentheses of the program's */
	unsigned depth;
	uint32_t tokens;
	float sign[ORM_GUARD_CLASS_COUNT];
	struct guard_token tail_token;
	struct guard_frame frames[GUARD_DEPTH_MAX];
};

/* From `p` on: behind the closing quote when `quote` is set, else from the value's first byte. */
void guard_parse(struct guard_parse *s, const uint8_t *p, const uint8_t *end, uint8_t quote);

/* parse.c: what all steps do. */
struct guard_frame *guard_top(struct guard_parse *s);
void guard_next(struct guard_parse *s); /* one token on */
bool guard_is_word(const struct guard_token *t, enum guard_role role);
/* False: too deep. */
bool guard_push(struct guard_parse *s, enum guard_frame_kind kind, const struct guard_word *func);
void guard_pop(struct guard_parse *s);
void guard_operand(struct guard_parse *s, enum guard_operand kind);
void guard_settle(struct guard_parse *s);
void guard_want(struct guard_parse *s);
void guard_link(struct guard_parse *s);

/* want.c, have.c: one step; false: it does not go on. */
bool guard_want_step(struct guard_parse *s);
bool guard_have_step(struct guard_parse *s);
bool guard_begin_select(struct guard_parse *s);
bool guard_plain_word(struct guard_parse *s);

/* statement.c: at the first word of a statement, in s->t; false: it is none. */
bool guard_statement(struct guard_parse *s, bool stacked);

/* score.c: signs. */
void guard_sign(struct guard_parse *s, enum orm_guard_class class, float weight);
void guard_sign_word(struct guard_parse *s, const struct guard_word *word);
void guard_sign_compare(struct guard_parse *s, const struct guard_frame *f,
			enum guard_operand right);
void guard_sign_lone(struct guard_parse *s, const struct guard_frame *f);
void guard_sign_select(struct guard_parse *s, const struct guard_frame *f, bool from);
void guard_sign_sorted(struct guard_parse *s, enum guard_operand operand);
float guard_score(const struct guard_parse *s, enum orm_guard_class *ret_class);

#endif
