/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Evidence lies in the row as groups of numbers, one group for each slot in use. A double holds the
 * guard's floats and its counts and ages exactly (below 2^53).
 */
#include <user/daemon/memory/kept_row.h>

#include <errno.h>

#define HOUR_MS 3600000

enum number { N_KIND, N_EVIDENCE, N_NATS, N_COUNT, N_SINCE_MS, N_LAST_MS, N_HOLDS_MS, N_NUMBERS };

_Static_assert(N_NUMBERS *SCORE_SLOTS <= STORE_EVIDENCE_MAX, "a row has room for all slots");

static int64_t before(int64_t wall_ms, uint64_t ago_ms)
{
	return ago_ms < (uint64_t)wall_ms ? wall_ms - (int64_t)ago_ms : 0;
}

struct store_source kept_to_row(const struct guard_kept *kept, float score, float pressure,
				int64_t wall_ms)
{
	struct store_source row = {
		.prefix = kept->prefix,
		.offences = kept->offences,
		.score = (double)score,
		.pressure = (double)pressure,
		.good = (double)kept->good,
		.ban_over_h = (int32_t)MIN(kept->ban_over_h, (uint32_t)INT32_MAX),
		.good_ago_d = (int32_t)MIN(kept->good_ago_d, (uint32_t)INT32_MAX),
		.share = kept->share,
		.days = kept->days,
		.sessions = kept->sessions,
		.proven = kept->proven,
		.scored_ms = wall_ms,
		.first_ms = before(wall_ms, kept->known_ms),
		.last_ms = before(wall_ms, kept->idle_ms),
	};

	if (kept->banned_ms)
		row.banned_until_ms = wall_ms + (int64_t)kept->banned_ms;
	if (kept->trusted_h)
		row.trust_until_ms = wall_ms + (int64_t)kept->trusted_h * HOUR_MS;
	for (unsigned i = 0; i < SCORE_SLOTS; i++) {
		const struct guard_kept_evidence *from = &kept->evidence[i];
		double *to = row.evidence + row.evidence_len;

		if (!from->count)
			continue;
		to[N_KIND] = from->kind;
		to[N_EVIDENCE] = from->evidence;
		to[N_NATS] = (double)from->nats;
		to[N_COUNT] = from->count;
		to[N_SINCE_MS] = (double)from->since_ms;
		to[N_LAST_MS] = (double)from->last_ms;
		to[N_HOLDS_MS] = (double)from->holds_ms;
		row.evidence_len += N_NUMBERS;
	}
	return row;
}

/* A whole number in [0, most]? The conversion of any other is undefined. */
static bool whole(double number, double most, uint64_t *ret)
{
	if (!(number >= 0 && number <= most))
		return false;
	*ret = (uint64_t)number;
	return (double)*ret == number;
}

static bool read_slot(const double *from, struct guard_kept_evidence *to)
{
	const double age_max = 1e15; /* ms */
	uint64_t kind, evidence, count;

	if (!whole(from[N_KIND], UINT8_MAX, &kind) ||
	    !whole(from[N_EVIDENCE], UINT8_MAX, &evidence) ||
	    !whole(from[N_COUNT], SCORE_COUNT_MAX, &count) ||
	    !(from[N_NATS] >= 0 && from[N_NATS] < 1e6) ||
	    !whole(from[N_SINCE_MS], age_max, &to->since_ms) ||
	    !whole(from[N_LAST_MS], age_max, &to->last_ms) ||
	    !whole(from[N_HOLDS_MS], age_max, &to->holds_ms))
		return false;
	to->kind = (uint8_t)kind;
	to->evidence = (uint8_t)evidence;
	to->count = (uint32_t)count;
	to->nats = (float)from[N_NATS];
	return true;
}

static bool within(int64_t number, int64_t most)
{
	return number >= 0 && number <= most;
}

static bool is_sound(const struct store_source *row)
{
	return row->evidence_len % N_NUMBERS == 0 && row->evidence_len <= N_NUMBERS * SCORE_SLOTS &&
	       within(row->offences, UINT8_MAX) && within(row->days, UINT8_MAX) &&
	       within(row->sessions, UINT8_MAX) && within(row->proven, 1) &&
	       within(row->share, SOURCE_SHARE_ONE) && within(row->ban_over_h, INT32_MAX) &&
	       within(row->good_ago_d, INT32_MAX) && row->good >= 0 && row->good < 1e6 &&
	       row->scored_ms >= 0 && row->first_ms >= 0 && row->last_ms >= 0 &&
	       row->banned_until_ms >= 0 && row->trust_until_ms >= 0;
}

int kept_from_row(const struct store_source *row, int64_t now_ms, struct guard_kept *ret_kept)
{
	struct guard_kept kept = {
		.prefix = row->prefix,
		.ban_over_h = (uint32_t)row->ban_over_h,
		.good_ago_d = (uint32_t)row->good_ago_d,
		.share = (uint16_t)row->share,
		.offences = (uint8_t)row->offences,
		.days = (uint8_t)row->days,
		.sessions = (uint8_t)row->sessions,
		.proven = (uint8_t)row->proven,
		.good = (float)row->good,
	};

	if (!is_sound(row))
		return -EINVAL;
	kept.known_ms = (uint64_t)MAX(row->scored_ms - row->first_ms, 0);
	kept.idle_ms = (uint64_t)MAX(row->scored_ms - row->last_ms, 0);
	kept.banned_ms = (uint64_t)MAX(row->banned_until_ms - row->scored_ms, 0);
	kept.trusted_h = (uint32_t)MIN(MAX(row->trust_until_ms - row->scored_ms, 0) / HOUR_MS,
				       (int64_t)UINT16_MAX);
	for (uint32_t i = 0; i < row->evidence_len / N_NUMBERS; i++)
		if (!read_slot(row->evidence + (size_t)i * N_NUMBERS, &kept.evidence[i]))
			return -EINVAL;
	guard_kept_age(&kept, (uint64_t)MAX(now_ms - row->scored_ms, 0));
	*ret_kept = kept;
	return 0;
}
