/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Whether a copy is to be believed, and which of its entries are taken. Pure.
 *
 * Who must never be banned is the gate's to refuse (user/gate/never.h), and it says whom. Here go
 * entries that are absurdly wide, and those inside of what the operator allows, which would deny
 * nobody. A wider entry around an allowed host stays: the gate asks the allow list first.
 */
#ifndef STRAZH_USER_FEED_JUDGE_H
#define STRAZH_USER_FEED_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>

#define FEED_LEAST_LEN4 8U /* wider ones need wide = on */
#define FEED_LEAST_LEN6 16U
#define FEED_WRONG_MOST 10U  /* percent of the lines */
#define FEED_SHRINK_MOST 90U /* percent of the entries before */
#define FEED_SHRINK_FROM 20U /* entries: shorter lists may do what they like */

#define FEED_WHY_LEN 120
/* 0; 1: *why says what is wrong with it. `before`: entries of the copy that holds now. */
int feed_judge(uint64_t before, uint64_t entries, uint64_t lines, uint64_t wrong,
	       char why[FEED_WHY_LEN]) must_check;

struct feed_sieve {
	uint64_t wide, allowed; /* left out */
	struct prefix first;	/* of them; family 0: none */
};
/*
 * Takes out of `entries` (sorted) what is wide, unless `wide` allows it, and what one of `allow`
 * (sorted) covers. How many are left; their order is as it was.
 */
size_t feed_sieve(struct prefix *entries, size_t count, const struct prefix *allow,
		  size_t allow_len, bool wide, struct feed_sieve *ret_sieve);
/* Is it too wide to be meant? */
bool feed_wide(const struct prefix *entry);

#endif
