/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A store on a test's database, and short ways to say what is done with it. */
#ifndef TESTS_STORE_DEPOT_H
#define TESTS_STORE_DEPOT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <user/store/inside.h>

#include <tests/orm/kit/database.h>

#define DEPOT_T0 1700000000000LL /* a wall clock that tests count from */

struct store *depot_open(const struct database *db, const struct store_options *options);
/* Without its thread: store_turn() is called by the test. */
struct store *depot_manual(const struct database *db, const struct store_options *options);
void depot_close(struct store *st);

struct prefix depot_prefix(const char *text);
/* Of n: 10.x.y.z */
struct prefix depot_host(uint32_t n);
struct store_act depot_ban(const char *cidr, int64_t until_ms, const char *cause);
struct store_act depot_lift(const char *cidr, const char *cause);
struct store_act depot_note(const char *action, const char *subject, const char *detail);
struct store_source depot_source(uint32_t n, double score);
/* Done, durable; else the test fails. */
void depot_do(struct store *st, const struct store_act *act);
/* All bans that hold, sorted, "192.0.2.1 5 origin actor cause\n"; free it. */
char *depot_bans(struct store *st, int64_t now_ms);
void depot_expect_bans(struct store *st, int64_t now_ms, const char *want);
/* The chain is whole and has so many records. */
void depot_chain(struct store *st, int64_t records);
/* A callback that counts by result. */
struct depot_count {
	unsigned of[STORE_CONDITION_COUNT];
};
void depot_count(void *data, int result);
/* Collect until so many were called back; fails when nothing comes for long. */
void depot_collect(struct store *st, unsigned n);

#endif
