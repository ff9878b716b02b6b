/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/guard/record.h>

#include <stdio.h>
#include <string.h>

#include <strazh/base/compiler.h>
#include <user/base/clock.h>

const char *const guard_act_names[GUARD_ACT_COUNT] = {
#define X(code, name, text) [GUARD_ACT_##code] = name,
	GUARD_ACTS(X)
#undef X
};
const char *const guard_act_texts[GUARD_ACT_COUNT] = {
#define X(code, name, text) [GUARD_ACT_##code] = text,
	GUARD_ACTS(X)
#undef X
};

static void insert(struct guard_share shares[SCORE_SLOTS], unsigned len,
		   const struct guard_share *share)
{
	unsigned at = len;

	while (at && shares[at - 1].share < share->share) {
		shares[at] = shares[at - 1];
		at--;
	}
	shares[at] = *share;
}

unsigned guard_shares(const struct score_slot slots[SCORE_SLOTS], const struct score_rules *rules,
		      uint32_t now_ds, struct guard_share shares[SCORE_SLOTS])
{
	float sum[GUARD_EVIDENCES];
	uint32_t reasons;
	unsigned len = 0;

	for (unsigned i = 0; i < GUARD_EVIDENCES; i++)
		sum[i] = score_sum(slots, rules, (enum guard_evidence)i, now_ds, &reasons);
	for (unsigned i = 0; i < SCORE_SLOTS; i++) {
		const struct score_slot *slot = &slots[i];
		float nats = slot->count ? score_slot_nats(slot, rules, now_ds) : 0;
		struct guard_share share;

		if (nats <= 0)
			continue;
		share = (struct guard_share){
			.kind = slot->kind,
			.evidence = slot->proven,
			.share = score_of(sum[slot->proven]) * nats / sum[slot->proven],
			.count = slot->count,
			.span_ms = (uint64_t)(MIN(slot->last_ds, MAX(now_ds, slot->since_ds)) -
					      slot->since_ds) *
				   100,
			.age_ms = now_ds > slot->last_ds ? (uint64_t)(now_ds - slot->last_ds) * 100
							 : 0,
		};
		insert(shares, len++, &share);
	}
	return len;
}

int guard_share_text(const struct guard_share *share, char *text, size_t size)
{
	char span[DURATION_TEXT_LEN];
	uint64_t span_s = (share->span_ms + 999) / 1000;

	return snprintf(text, size, "%u %s in %s (%.2f%s)", share->count,
			guard_kinds[share->kind].text, duration_format(MAX(span_s, 1U), span),
			(double)share->share, share->evidence == GUARD_PROVEN ? "" : ", spoofable");
}

/* As snprintf at `at` of a text of `size`; what does not fit is counted. */
static int append(char *text, size_t size, int at, const char *what)
{
	size_t from = MIN((size_t)at, size);

	return at + snprintf(size ? text + MIN(from, size - 1) : text, size - from, "%s", what);
}

int guard_record_text(const struct guard_record *record, char *text, size_t size)
{
	char part[160], length[DURATION_TEXT_LEN];
	int at = append(text, size, 0, guard_act_texts[record->act]);

	if (record->act == GUARD_ACT_STATE) {
		at = append(text, size, at, " ");
		return append(text, size, at, attack_scales[record->state].name);
	}
	if (record->until_ms > record->at_ms) {
		uint64_t left_s = (record->until_ms - record->at_ms + 999) / 1000;

		snprintf(part, sizeof(part), " for %s", duration_format(left_s, length));
		at = append(text, size, at, part);
	}
	if (!record->enforced && record->why_not) {
		snprintf(part, sizeof(part), " (not carried out: %s)", record->why_not);
		at = append(text, size, at, part);
	}
	if (record->hosts.bad) {
		snprintf(part, sizeof(part), ": %u bad hosts of %u seen, %u good",
			 record->hosts.bad, record->hosts.seen, record->hosts.good);
		at = append(text, size, at, part);
	}
	for (unsigned i = 0; i < record->shares_len; i++) {
		at = append(text, size, at, i ? ", " : ": ");
		guard_share_text(&record->shares[i], part, sizeof(part));
		at = append(text, size, at, part);
	}
	return at;
}
