/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The arithmetic of what is said about a source, pure: which bits belong to which origin, what is
 * over, and how what a prefix says and what covers it add up.
 *
 * A struct say is in order when no origin without bits has an expiry: two of them that mean the
 * same are then equal byte for byte. Every function here returns it so.
 */
#ifndef STRAZH_USER_GATE_RULE_H
#define STRAZH_USER_GATE_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/abi/meta.h>
#include <strazh/abi/rule.h>

struct say {
	uint64_t lists;
	uint32_t until_s[SZ_ORIGINS]; /* 0: for good */
	uint32_t zero;
};

#define RULE_FEED_BITS (~0ULL << SZ_LIST_FEED)

/* Bits of that origin in the entries of that table. */
uint64_t rule_origin_bits(enum sz_table table, enum sz_origin origin);
enum sz_origin rule_bit_origin(enum sz_table table, uint32_t bit);
bool rule_is_over(uint32_t until_s, uint32_t now_s);

struct say say_make(uint64_t lists, const uint32_t until_s[SZ_ORIGINS]);
bool say_equal(const struct say *a, const struct say *b);

/* The bits that are in force; the deny table's silenced lists are the caller's to take off. */
uint64_t say_live(enum sz_table table, const struct say *say, uint32_t now_s);
/* Forget what is over. */
void say_prune(enum sz_table table, struct say *say, uint32_t now_s);
void say_drop(enum sz_table table, struct say *say, uint64_t bits);
/*
 * Bit `bit` is said until `until_s`. That replaces the expiry of its origin; where other bits of
 * the origin are live, theirs must not end early, so the longer one holds.
 */
void say_add(enum sz_table table, struct say *say, uint32_t bit, uint32_t until_s, uint32_t now_s);
/* What covers an entry adds to it: of each origin the longer expiry; what is over adds nothing. */
void say_inherit(enum sz_table table, struct say *say, const struct say *above, uint32_t now_s);

#endif
