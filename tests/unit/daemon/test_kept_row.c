/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A source to the store and back is the same source; rows that nobody wrote are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>

#include <user/daemon/memory/kept_row.h>

#define WALL_MS 1790000000000LL
#define HOUR_MS 3600000LL

/* xorshift64: the same each time. */
static uint64_t seed = 88172645463325252ULL;

static uint64_t draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static struct guard_kept any_kept(void)
{
	struct guard_kept kept = {
		.prefix = {{10, (uint8_t)draw(256), (uint8_t)draw(256), (uint8_t)draw(256)}, 4, 32},
		.banned_ms = draw(2) ? draw(34560000000ULL) : 0,
		.known_ms = draw(1ULL << 39),
		.idle_ms = draw(1ULL << 36),
		.ban_over_h = (uint32_t)draw(65536),
		.trusted_h = draw(2) ? (uint32_t)draw(721) : 0,
		.good_ago_d = (uint32_t)draw(256),
		.share = (uint16_t)draw(SOURCE_SHARE_ONE + 1),
		.offences = (uint8_t)draw(256),
		.days = (uint8_t)draw(256),
		.sessions = (uint8_t)draw(256),
		.proven = (uint8_t)draw(2),
		.good = (float)draw(6553500) / 100,
	};

	for (unsigned i = 0, used = (unsigned)draw(SCORE_SLOTS + 1); i < used; i++)
		kept.evidence[i] = (struct guard_kept_evidence){
			.nats = (float)draw(1000000) / 300000,
			.count = 1 + (uint32_t)draw(SCORE_COUNT_MAX),
			.since_ms = draw(1ULL << 40),
			.last_ms = draw(1ULL << 30),
			.holds_ms = draw(3) ? 0 : draw(3600000000ULL),
			.kind = (uint8_t)draw(GUARD_KIND_COUNT),
			.evidence = (uint8_t)draw(2),
		};
	return kept;
}

static void same(const struct guard_kept *a, const struct guard_kept *b)
{
	assert_memory_equal(&a->prefix, &b->prefix, sizeof(a->prefix));
	assert_int_equal(a->banned_ms, b->banned_ms);
	assert_int_equal(a->known_ms, b->known_ms);
	assert_int_equal(a->idle_ms, b->idle_ms);
	assert_int_equal(a->ban_over_h, b->ban_over_h);
	assert_int_equal(a->trusted_h, b->trusted_h);
	assert_int_equal(a->good_ago_d, b->good_ago_d);
	assert_int_equal(a->share, b->share);
	assert_int_equal(a->offences, b->offences);
	assert_int_equal(a->days, b->days);
	assert_int_equal(a->sessions, b->sessions);
	assert_int_equal(a->proven, b->proven);
	assert_true(a->good == b->good);
	for (unsigned i = 0; i < SCORE_SLOTS; i++) {
		const struct guard_kept_evidence *x = &a->evidence[i], *y = &b->evidence[i];

		assert_true(x->nats == y->nats);
		assert_int_equal(x->count, y->count);
		assert_int_equal(x->since_ms, y->since_ms);
		assert_int_equal(x->last_ms, y->last_ms);
		assert_int_equal(x->holds_ms, y->holds_ms);
		assert_int_equal(x->kind, y->kind);
		assert_int_equal(x->evidence, y->evidence);
	}
}

static void there_and_back(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct guard_kept kept = any_kept(), back;
		struct store_source row = kept_to_row(&kept, 0.5F, 0.25F, WALL_MS);

		assert_int_equal(kept_from_row(&row, WALL_MS, &back), 0);
		same(&kept, &back);
		/* The clock was set back a day: as it was written, and no longer. */
		assert_int_equal(kept_from_row(&row, WALL_MS - 24 * HOUR_MS, &back), 0);
		same(&kept, &back);
		/* Time goes on in the store as it would have here. */
		assert_int_equal(kept_from_row(&row, WALL_MS + 5 * HOUR_MS, &back), 0);
		guard_kept_age(&kept, 5 * HOUR_MS);
		same(&kept, &back);
	}
}

static void for_a_person(void **state)
{
	struct guard_kept kept = {.banned_ms = 1000, .trusted_h = 2, .known_ms = 5, .idle_ms = 3};
	struct store_source row = kept_to_row(&kept, 0.5F, 0.25F, WALL_MS);

	(void)state;
	assert_int_equal(row.banned_until_ms, WALL_MS + 1000);
	assert_int_equal(row.trust_until_ms, WALL_MS + 2 * HOUR_MS);
	assert_int_equal(row.first_ms, WALL_MS - 5);
	assert_int_equal(row.last_ms, WALL_MS - 3);
	assert_true(row.score == 0.5 && row.pressure == 0.25);
	/* Older than the calendar of the store. */
	kept.known_ms = UINT64_MAX;
	assert_int_equal(kept_to_row(&kept, 0, 0, WALL_MS).first_ms, 0);
}

static void bad_rows(void **state)
{
	struct guard_kept kept = any_kept(), back;
	struct store_source good, bad;

	(void)state;
	kept.evidence[0] = (struct guard_kept_evidence){.count = 1, .nats = 1};
	good = kept_to_row(&kept, 0, 0, WALL_MS);
	assert_int_equal(kept_from_row(&good, WALL_MS, &back), 0);
#define BAD(change)                                                                                \
	do {                                                                                       \
		bad = good;                                                                        \
		change;                                                                            \
		assert_int_equal(kept_from_row(&bad, WALL_MS, &back), -EINVAL);                    \
	} while (0)
	BAD(bad.evidence_len--);
	BAD(bad.evidence_len = STORE_EVIDENCE_MAX);
	BAD(bad.offences = 256);
	BAD(bad.offences = -1);
	BAD(bad.days = 256);
	BAD(bad.sessions = -1);
	BAD(bad.proven = 2);
	BAD(bad.share = SOURCE_SHARE_ONE + 1);
	BAD(bad.good = -1);
	BAD(bad.good = (double)NAN);
	BAD(bad.ban_over_h = -1);
	BAD(bad.good_ago_d = -1);
	BAD(bad.first_ms = -1);
	BAD(bad.banned_until_ms = INT64_MIN);
	BAD(bad.trust_until_ms = INT64_MIN);
	for (unsigned i = 0; i < 7; i++) {
		BAD(bad.evidence[i] = -1);
		BAD(bad.evidence[i] = 1e300);
		BAD(bad.evidence[i] = (double)NAN);
		BAD(bad.evidence[i] = (double)INFINITY);
		if (i != 2) /* nats */
			BAD(bad.evidence[i] = 0.5);
	}
#undef BAD
}

/* Whatever numbers: nothing undefined, and what is taken is what the guard takes. */
static void any_numbers(void **state)
{
	uint64_t taken = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct guard_kept kept = any_kept(), back;
		struct store_source row = kept_to_row(&kept, 0, 0, WALL_MS);

		for (unsigned k = 0; k < 2; k++) {
			uint64_t bits = draw(UINT64_MAX);

			memcpy(&row.evidence[draw(STORE_EVIDENCE_MAX)], &bits, sizeof(bits));
		}
		row.scored_ms = (int64_t)draw(1ULL << 45);
		row.banned_until_ms = (int64_t)draw(1ULL << 45);
		row.trust_until_ms = (int64_t)draw(1ULL << 45);
		taken += kept_from_row(&row, (int64_t)draw(1ULL << 45), &back) == 0;
	}
	assert_in_range(taken, 1, 199999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(for_a_person),
		cmocka_unit_test(bad_rows),
		cmocka_unit_test(any_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
