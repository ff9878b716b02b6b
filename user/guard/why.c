/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The story of one source in words: what holds, why, what speaks for it, what was before. */
#include <user/guard/parts.h>

#include <stdarg.h>
#include <stdio.h>

#include <user/base/clock.h>

struct story {
	char *text;
	size_t size;
	int len; /* of the whole, whatever fits */
};

static void tell(struct story *story, const char *format, ...) printf_like(2, 3);
static void tell(struct story *story, const char *format, ...)
{
	size_t from = MIN((size_t)story->len, story->size);
	va_list args;

	va_start(args, format);
	story->len += vsnprintf(from < story->size ? story->text + from : NULL, story->size - from,
				format, args);
	va_end(args);
}

static const char *for_s(uint64_t ms, char text[DURATION_TEXT_LEN])
{
	return duration_format(MAX((ms + 999) / 1000, 1U), text);
}

static void tell_level(struct story *story, const struct guard *guard, const struct source *source)
{
	uint64_t left_ms = source->due_ms - MIN(guard->now_ms, source->due_ms);
	bool enforced = source->flags & SOURCE_ENFORCED;
	char text[DURATION_TEXT_LEN];

	if (source->level == GUARD_FREE)
		tell(story, "free");
	else if (source->level == GUARD_LIMITED && source->flags & SOURCE_BLOCKED)
		tell(story, "shut out for seconds, by pressure");
	else if (source->level == GUARD_LIMITED)
		tell(story, "limited to %u/1024 of its buckets", source->share);
	else
		tell(story, "%sbanned for another %s", enforced ? "" : "would be ",
		     for_s(left_ms, text));
	if (source->level != GUARD_FREE && !enforced)
		tell(story, ", but not carried out: %s",
		     source->flags & SOURCE_SPARED ? "on the never or allow list" : "learning");
	tell(story, "\n");
}

static void tell_evidence(struct story *story, const struct guard *guard,
			  const struct source *source)
{
	struct guard_verdict verdict = policy_verdict(guard, source);
	struct guard_share shares[SCORE_SLOTS];
	char part[160], ago[DURATION_TEXT_LEN];
	unsigned len = guard_shares(source->slots, &guard->rules, guard_ds(guard), shares);

	tell(story, "score %.2f, pressure %.2f\n", (double)verdict.score, (double)verdict.pressure);
	for (unsigned i = 0; i < len; i++) {
		guard_share_text(&shares[i], part, sizeof(part));
		tell(story, "  %s: %s, the last %s ago\n", guard_kinds[shares[i].kind].name, part,
		     for_s(shares[i].age_ms, ago));
	}
}

static void tell_offences(struct story *story, unsigned bans)
{
	tell(story, "%u ban%s remembered\n", bans, bans == 1 ? "" : "s");
}

static void tell_standing(struct story *story, const struct guard *guard,
			  const struct source *source)
{
	uint32_t now_s = guard_s(guard);
	char text[DURATION_TEXT_LEN];

	tell(story, "known for %s, %s\n",
	     for_s(guard->now_ms - MIN((uint64_t)source->first_s * 1000, guard->now_ms), text),
	     roster_is_proven(&guard->roster, source) ? "has answered us"
						      : "has never answered us");
	if (source->live || source->good > 0.5F)
		tell(story, "%u sessions now, a crowd of %.0f: evidence weighs %.2f\n",
		     source->live, (double)trust_crowd(&guard->config.trust, source),
		     (double)trust_factor(&guard->config.trust, source));
	if (source->flags & SOURCE_CROWD_TOLD)
		tell(story, "not banned: many others behind this address behave\n");
	if (trust_has(source, now_s))
		tell(story, "trusted for another %s, after %u good days\n",
		     for_s((uint64_t)(uint16_t)(source->trust_h - (uint16_t)(now_s / 3600)) *
				   3600000,
			   text),
		     source->days);
	if (source->offences)
		tell_offences(story, policy_remembered(&guard->config, source->offences,
						       source->ban_h, now_s));
}

static void tell_prefix(struct story *story, const struct guard *guard,
			const struct host_prefix *around)
{
	struct host_counts counts = prefixes_count(around);
	struct prefix prefix = prefixes_prefix(around);
	char text[PREFIX_TEXT_LEN], left[DURATION_TEXT_LEN];

	tell(story, "its prefix %s: %u host%s seen, %u bad, %u good", prefix_format(&prefix, text),
	     counts.seen, counts.seen == 1 ? "" : "s", counts.bad, counts.good);
	if (around->until_ms)
		tell(story, "; banned for another %s%s",
		     for_s(around->until_ms - MIN(guard->now_ms, around->until_ms), left),
		     around->enforced ? "" : ", but not carried out");
	tell(story, "\n");
}

int guard_why(struct guard *guard, const struct prefix *host, uint64_t now_ms, char *text,
	      size_t size)
{
	uint64_t key = source_key(host->family, host->addr);
	const struct source *source = roster_find(&guard->roster, key);
	const struct host_prefix *around = prefixes_find(&guard->prefixes, key);
	struct story story = {text, size, 0};
	struct prefix prefix = source_prefix(key);
	char name[PREFIX_TEXT_LEN];

	guard_at(guard, now_ms);
	tell(&story, "%s: ", prefix_format(&prefix, name));
	if (source) {
		tell_level(&story, guard, source);
		tell_evidence(&story, guard, source);
		tell_standing(&story, guard, source);
	} else {
		tell(&story, "nothing is known about it\n");
	}
	if (spare_why_not(guard, &prefix))
		tell(&story, "%s\n", spare_why_not(guard, &prefix));
	if (around)
		tell_prefix(&story, guard, around);
	tell(&story, "attack state: %s\n", attack_scales[guard->attack.state].name);
	return story.len;
}
