/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A guard on a fake clock, and what came out of it. */
#ifndef TESTS_UNIT_GUARD_KIT_H
#define TESTS_UNIT_GUARD_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include <user/guard/guard.h>

#define KIT_BEGIN_MS 1000000000ULL /* after days of a boot */

struct kit {
	struct guard *guard;
	uint64_t now_ms;
	unsigned limits, unlimits, bans, lifts, evicted;
	unsigned records[GUARD_ACT_COUNT], enforced; /* of all records */
	struct guard_limit limit;		     /* the last ones */
	struct guard_ban ban;
	struct prefix unlimited, lifted;
	struct guard_record record[GUARD_ACT_COUNT];
	struct guard_kept kept;
};

static void kit_limit(void *owner, const struct guard_limit *limit)
{
	struct kit *kit = owner;

	kit->limits++;
	kit->limit = *limit;
}
static void kit_unlimit(void *owner, const struct prefix *prefix)
{
	struct kit *kit = owner;

	kit->unlimits++;
	kit->unlimited = *prefix;
}
static void kit_ban(void *owner, const struct guard_ban *ban)
{
	struct kit *kit = owner;

	kit->bans++;
	kit->ban = *ban;
}
static void kit_lift(void *owner, const struct prefix *prefix)
{
	struct kit *kit = owner;

	kit->lifts++;
	kit->lifted = *prefix;
}
static void kit_record(void *owner, const struct guard_record *record)
{
	struct kit *kit = owner;

	kit->records[record->act]++;
	kit->enforced += record->enforced;
	kit->record[record->act] = *record;
}
static void kit_evict(void *owner, const struct guard_kept *kept)
{
	struct kit *kit = owner;

	kit->evicted++;
	kit->kept = *kept;
}

static const struct guard_ops kit_ops = {
	.limit = kit_limit,
	.unlimit = kit_unlimit,
	.ban = kit_ban,
	.lift = kit_lift,
	.record = kit_record,
	.evict = kit_evict,
};

/* Small tables, all other figures as usual. */
static inline struct guard_config kit_config(void)
{
	struct guard_config config = guard_config_usual();

	config.strangers = 500;
	config.proven = 3000;
	config.prefixes = 500;
	config.seed[0] = 0x9e3779b97f4a7c15ULL;
	config.seed[1] = 0xc2b2ae3d27d4eb4fULL;
	return config;
}

static inline void kit_open(struct kit *kit, const struct guard_config *config)
{
	struct guard_config usual = kit_config();

	*kit = (struct kit){.now_ms = KIT_BEGIN_MS};
	assert_int_equal(
		guard_new(config ? config : &usual, &kit_ops, kit, kit->now_ms, &kit->guard), 0);
}
static inline void kit_close(struct kit *kit)
{
	guard_free(kit->guard);
}

static inline struct prefix kit_prefix(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, strlen(text), &prefix), 0);
	return prefix;
}

static inline struct observation kit_of(const struct prefix *host, enum guard_input input)
{
	struct observation seen = {.family = host->family, .input = (uint8_t)input};

	memcpy(seen.addr, host->addr, sizeof(seen.addr));
	return seen;
}
/* 10.N.N.N and so on: the host number `n` of a /8. */
static inline struct prefix kit_host(uint32_t n)
{
	uint8_t addr[4] = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	return prefix_from(4, addr, 32);
}
static inline int kit_see(struct kit *kit, const struct prefix *host, enum guard_input input)
{
	struct observation seen = kit_of(host, input);

	return guard_observe(kit->guard, &seen, kit->now_ms);
}
static inline void kit_see_many(struct kit *kit, const struct prefix *host, enum guard_input input,
				unsigned n)
{
	while (n--)
		(void)kit_see(kit, host, input);
}
/* So much time in ticks of 100 ms. */
static inline void kit_pass(struct kit *kit, uint64_t ms)
{
	uint64_t end_ms = kit->now_ms + ms;

	while (kit->now_ms < end_ms) {
		kit->now_ms = MIN(kit->now_ms + 100, end_ms);
		guard_tick(kit->guard, kit->now_ms);
	}
}

#endif
