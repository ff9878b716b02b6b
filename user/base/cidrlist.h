/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * CIDR lists as the world publishes them: one address or prefix a line (FireHOL .netset/.ipset,
 * Spamhaus DROP "1.2.3.0/24 ; SBL1"), `ipset save` ("add NAME 1.2.3.4 timeout 60", "create" and
 * "flush" lines skipped), `a-b` ranges (split into prefixes), Spamhaus' JSON lines
 * ({"cidr":"1.10.16.0/20",...}). Comments begin with # or ;. Pure: text in, prefixes out.
 *
 * A bad line never spoils the others: it is reported and skipped; the caller decides.
 */
#ifndef STRAZH_USER_BASE_CIDRLIST_H
#define STRAZH_USER_BASE_CIDRLIST_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>

#define CIDRLIST_MAX 4000000U /* entries; more is an error, not a truncation */

struct cidrlist_fault {
	size_t line; /* from 1 */
	const char *why;
	char text[64]; /* the beginning of the line, printable */
};

struct cidrlist {
	struct prefix *entries; /* sorted by prefix_compare, no duplicates */
	size_t count;
	size_t lines; /* read */
	size_t faults_total;
	struct cidrlist_fault faults[8]; /* the first ones */
};

void cidrlist_deinit(struct cidrlist *list);

#define CIDRLIST_TOO_MANY 1
/*
 * 0; CIDRLIST_TOO_MANY; or -errno. Host bits set below the length are cut off (published lists do
 * that). *ret_list is the caller's: cidrlist_deinit().
 */
int cidrlist_parse(const char *text, size_t len, struct cidrlist *ret_list) must_check;

#endif
