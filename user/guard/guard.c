/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The way of a fact: find or make its source, let time pass for it, let the detectors see it, add
 * what they found to its evidence, judge. Most facts fire no detector and end after the third step.
 */
#include <user/guard/parts.h>

#include <errno.h>
#include <stdlib.h>

#define SAMPLE_MAX 1e6F
#define HELD 0.95F /* of all that a source may: from here on nothing is held back */

void guard_at(struct guard *guard, uint64_t now_ms)
{
	guard->now_ms = MAX(guard->now_ms, now_ms);
}

static void on_evict(void *owner, const struct source *source)
{
	struct guard *guard = owner;
	struct guard_kept kept;

	guard->figures.limited -= source->level == GUARD_LIMITED;
	guard->figures.banned -= source->level == GUARD_BANNED;
	if (!guard->ops.evict)
		return;
	kept = keep_source(guard, source);
	guard->ops.evict(guard->owner, &kept);
}

static void set_rules(struct guard *guard)
{
	const struct guard_config *config = &guard->config;

	for (unsigned i = 0; i < GUARD_KIND_COUNT; i++) {
		guard->rules.nats[i] = score_nats(config->weight[i]);
		guard->rules.most[i] = score_nats(config->cap[i]);
	}
	guard->rules.half_ds[GUARD_PROVEN] = config->half_s * 10;
	guard->rules.half_ds[GUARD_SPOOFABLE] = config->pressure_half_s * 10;
}

static struct prefixes_config prefixes_of(const struct guard_config *config)
{
	return (struct prefixes_config){
		.room = config->prefixes,
		.bad_min = config->prefix_bad,
		.bad_share = config->prefix_share,
		.window_s = config->prefix_s,
		.seed = {config->seed[1], config->seed[0]},
	};
}

static int make_tables(struct guard *guard)
{
	struct roster_config roster = {
		.strangers = guard->config.strangers,
		.proven = guard->config.proven,
		.seed = {guard->config.seed[0], guard->config.seed[1]},
		.owner = guard,
		.on_evict = on_evict,
	};
	struct prefixes_config prefixes = prefixes_of(&guard->config);
	int r = roster_init(&guard->roster, &roster);

	if (!r)
		r = prefixes_init(&guard->prefixes, &prefixes);
	if (r)
		return r;
	guard->spared = calloc(GUARD_SPARED_MAX, sizeof(*guard->spared));
	return guard->spared ? 0 : -ENOMEM;
}

int guard_new(const struct guard_config *config, const struct guard_ops *ops, void *owner,
	      uint64_t now_ms, struct guard **ret_guard)
{
	const char *why;
	struct guard *guard;
	int r = guard_config_check(config, &why);

	if (r)
		return r;
	guard = calloc(1, sizeof(*guard));
	if (!guard)
		return -ENOMEM;
	guard->config = *config;
	guard->ops = *ops;
	guard->owner = owner;
	guard->now_ms = guard->filled_ms = now_ms;
	guard->limit_tokens = (float)config->limits_s;
	set_rules(guard);
	for (unsigned i = 0; i < GUARD_TIERS; i++) {
		aimd_init(&guard->tiers[i], now_ms);
		guard->figures.pace.tiers[i] = 1;
	}
	aimd_init(&guard->admission, now_ms);
	guard->figures.pace.admission = 1;
	for (unsigned i = 0; i < SZ_REASON_COUNT; i++)
		guard->sampling[i].weight = 1;
	r = make_tables(guard);
	if (r) {
		guard_free(guard);
		return r;
	}
	*ret_guard = guard;
	return 0;
}

void guard_free(struct guard *guard)
{
	if (!guard)
		return;
	roster_deinit(&guard->roster);
	prefixes_deinit(&guard->prefixes);
	free(guard->spared);
	free(guard);
}

int guard_configure(struct guard *guard, const struct guard_config *config)
{
	struct guard_config next = *config;
	struct prefixes_config prefixes;
	const char *why;
	int r = guard_config_check(config, &why);

	if (r)
		return r;
	next.strangers = guard->config.strangers;
	next.proven = guard->config.proven;
	next.prefixes = guard->config.prefixes;
	for (unsigned i = 0; i < ARRAY_LEN(next.seed); i++)
		next.seed[i] = guard->config.seed[i];
	guard->config = next;
	prefixes = prefixes_of(&next);
	guard->prefixes.config = prefixes;
	set_rules(guard);
	return 0;
}

/* ---- a fact ---- */

static bool is_outcome(unsigned kind)
{
	return kind != GUARD_KIND_FEED_LISTED && kind != GUARD_KIND_REPORTED;
}

/*
 * More packets than its limits are relieved by smaller ones. Of forged probes and broken packets a
 * dozen a second would do, and whoever sends them under an address would choose whom we throttle.
 */
static bool is_rate(unsigned kind)
{
	return kind == GUARD_KIND_HIGH_PACKET_RATE || kind == GUARD_KIND_BURST_TRAFFIC ||
	       kind == GUARD_KIND_SMALL_PACKET_FLOOD || kind == GUARD_KIND_CONNECTION_FLOOD;
}

/*
 * SYNs above the default limits are what proxies and nodes of a CDN send to a service that nobody
 * told us of: the gate drops what is above, and a smaller limit would be above each second again.
 */
static void halve(const struct guard *guard, struct source *source, unsigned input)
{
	uint32_t least = input == GUARD_IN_SYNS ? guard->config.share_least_known
						: guard->config.share_least;

	source->share = (uint16_t)MIN(source->share, MAX(source->share / 2U, least));
}

/* One detection, into the evidence of the source. */
static void weigh(struct guard *guard, struct source *source, const struct detection *found,
		  unsigned input)
{
	enum guard_evidence evidence = (enum guard_evidence)found->evidence;
	float nats = guard->rules.nats[found->kind];

	if (found->weight > 0)
		nats = score_nats(MIN(found->weight, 0.99F));
	nats *= (float)found->times;
	if (evidence == GUARD_SPOOFABLE)
		nats *= attack_scales[guard->attack.state].suspicion;
	else if (is_outcome(found->kind))
		nats *= trust_factor(&guard->config.trust, source);
	score_add(source->slots, &guard->rules, found->kind, evidence, nats, found->count,
		  !is_outcome(found->kind), guard_ds(guard),
		  guard_ds(guard) + MIN(found->hold_s, SCORE_HOLD_MOST_S) * 10);
	if (evidence == GUARD_PROVEN)
		trust_doubt(source, false);
	if (evidence == GUARD_PROVEN && is_outcome(found->kind))
		policy_doubt(guard, source, found->times);
	if (evidence == GUARD_PROVEN || is_rate(found->kind))
		halve(guard, source, input);
	guard->limited_fired += source->level == GUARD_LIMITED;
	guard->figures.observations++;
}

static void see_session(struct guard *guard, struct source *source, const struct observation *seen)
{
	uint32_t now_s = guard_s(guard);

	switch (seen->input) {
	case GUARD_IN_SESSION_PROVEN:
		trust_opened(source, MAX(seen->count, 1U));
		break;
	case GUARD_IN_SESSION_ENDED:
		if (trust_ended(&guard->config.trust, source, seen->value, now_s))
			prefixes_good(&guard->prefixes, source->key, now_s);
		break;
	case GUARD_IN_SESSION_LOST:
		trust_lost(source);
		break;
	default:
		break;
	}
}

/*
 * A host that did so much wrong and nothing right is a bad one of its prefix. To connect and to
 * close is what monitors and probes of a cluster do all day, many in one prefix: `fired`, a flood
 * of it, is something else.
 */
static void see_outcome(struct guard *guard, struct source *source, const struct observation *seen,
			bool fired)
{
	switch (seen->input) {
	case GUARD_IN_CONN_WASTED:
		if (!fired)
			return;
		break;
	case GUARD_IN_HELLO_BAD:
	case GUARD_IN_RECORD_BAD:
	case GUARD_IN_AUTH_BAD:
	case GUARD_IN_SQL_INJECTION:
		break;
	default:
		return;
	}
	source->bad = (uint16_t)MIN(source->bad + MIN(MAX(seen->count, 1U), UINT16_MAX),
				    UINT16_MAX);
	/* Again each bad_outcomes: the window of the prefix may have passed. */
	if (source->bad >= guard->config.bad_outcomes &&
	    source->bad % guard->config.bad_outcomes == 0)
		neighbours_bad(guard, source);
}

static void pass_time(struct guard *guard, struct source *source, const struct observation *seen)
{
	uint32_t now_s = guard_s(guard);

	detect_touch(source, guard->now_ms);
	trust_touch(&guard->config.trust, source, now_s);
	if (source->due_at && source->due_ms <= guard->now_ms) {
		roster_clear_due(&guard->roster, source);
		policy_review(guard, source);
	}
	if (!(source->flags & SOURCE_IN_PREFIX) && seen->input != GUARD_IN_FEED_LISTED &&
	    seen->input != GUARD_IN_REPORTED &&
	    guard_inputs[seen->input].evidence == GUARD_PROVEN) {
		source->flags |= SOURCE_IN_PREFIX;
		prefixes_seen(&guard->prefixes, source->key, now_s);
	}
}

int guard_observe(struct guard *guard, const struct observation *seen, uint64_t now_ms)
{
	struct detection found[DETECT_MAX];
	enum guard_evidence evidence;
	struct source *source;
	uint16_t trusted_h;
	unsigned len;
	uint64_t key;

	if ((seen->family != 4 && seen->family != 6) || seen->input >= GUARD_INPUT_COUNT)
		return -EINVAL;
	guard_at(guard, now_ms);
	guard->figures.facts++;
	key = source_key(seen->family, seen->addr);
	if (!key)
		return GUARD_FREE;
	evidence = guard_inputs[seen->input].evidence;
	source = roster_get(&guard->roster, key, evidence, guard->now_ms);
	trusted_h = source->trust_h;
	pass_time(guard, source, seen);
	see_session(guard, source, seen);
	if (source->trust_h && (source->trust_h != trusted_h || !trust_has(source, guard_s(guard))))
		policy_trust(guard, source);
	len = detect_feed(&guard->config.detect, source, seen, guard->now_ms, found);
	for (unsigned i = 0; i < len; i++)
		weigh(guard, source, &found[i], seen->input);
	if (len)
		policy_judge(guard, source);
	see_outcome(guard, source, seen, len > 0);
	return source->flags & SOURCE_ENFORCED ? source->level : GUARD_FREE;
}

enum guard_level guard_level(struct guard *guard, const struct prefix *host, uint64_t now_ms)
{
	uint64_t key = source_key(host->family, host->addr);
	const struct source *source = roster_find(&guard->roster, key);
	const struct host_prefix *around = NULL;

	guard_at(guard, now_ms);
	if (guard->prefixes.banned)
		around = prefixes_find(&guard->prefixes, key);
	if (around && around->enforced && around->until_ms > guard->now_ms)
		return GUARD_BANNED;
	if (!source || !(source->flags & SOURCE_ENFORCED))
		return GUARD_FREE;
	/* Over, and not looked at yet. */
	if (source->level == GUARD_BANNED && source->due_ms <= guard->now_ms)
		return GUARD_FREE;
	return (enum guard_level)source->level;
}

void guard_tick(struct guard *guard, uint64_t now_ms)
{
	struct host_prefix *over;
	struct source *source;
	uint32_t cursor = 0;

	guard_at(guard, now_ms);
	for (unsigned i = 0; i < GUARD_TICK_MOST; i++) {
		source = roster_pop_due(&guard->roster, guard->now_ms);
		if (!source)
			break;
		policy_review(guard, source);
	}
	while ((over = prefixes_due(&guard->prefixes, &cursor, guard->now_ms)))
		neighbours_lift(guard, over, GUARD_ACT_LIFT);
}

/* ---- the gate and the whole ---- */

void guard_event(struct guard *guard, const struct sz_event *event, uint64_t now_ms)
{
	const char *why;
	enum guard_input input = observation_of_event(event, &why);
	struct observation seen = {.family = event->family};
	struct guard_sampling *sampling;

	if (input == GUARD_INPUT_COUNT)
		return;
	sampling = &guard->sampling[event->reason];
	sampling->events++;
	for (unsigned i = 0; i < sizeof(seen.addr); i++)
		seen.addr[i] = event->saddr[i];
	seen.input = (uint8_t)input;
	/* Above the limit of a connection it is no port that somebody looked at: it may be our own
	 * socket's, which asked somebody. */
	if (event->flags & SZ_EVENT_PORTS && event->reason != SZ_REASON_RATE_FLOW)
		seen.port = (uint16_t)(event->dport << 8 | event->dport >> 8);
	/* An estimate may shrink buckets; a ban needs what was seen, not what it may stand for. */
	seen.count = guard_inputs[input].evidence == GUARD_PROVEN ? 1 : (uint32_t)sampling->weight;
	seen.value = event->frame_len;
	(void)guard_observe(guard, &seen, now_ms); /* family and input are right */
}

static enum sz_class class_of(unsigned reason)
{
	static const uint8_t classes[SZ_REASON_COUNT] = {
#define X(code, name, class, text) [SZ_REASON_##code] = SZ_CLASS_##class,
		SZ_REASONS(X)
#undef X
	};

	return (enum sz_class)classes[reason];
}

/* What was dropped, or would have been, since the last time; samples weigh accordingly. */
static uint64_t count_reason(struct guard_sampling *sampling, const struct sz_count *sum)
{
	uint64_t packets = sum->packets + sum->observed_packets;
	/* Less than before: the gate was loaded anew. */
	uint64_t since = packets - MIN(sampling->packets, packets);

	if (sampling->events)
		sampling->weight = MIN((float)since / (float)sampling->events, SAMPLE_MAX);
	sampling->weight = MAX(sampling->weight, 1.0F);
	sampling->events = 0;
	sampling->packets = packets;
	return since;
}

void guard_counts(struct guard *guard, const struct sz_count sums[], uint64_t now_ms)
{
	uint64_t passed = 0, dropped = 0, since_ms;

	guard_at(guard, now_ms);
	since_ms = guard->now_ms - guard->counted_ms;
	if (guard->counted_ms && !since_ms)
		return;
	for (unsigned i = 0; i < SZ_REASON_COUNT; i++) {
		if (class_of(i) != SZ_CLASS_PASS && class_of(i) != SZ_CLASS_ANSWER) {
			dropped += count_reason(&guard->sampling[i], &sums[i]);
			continue;
		}
		passed += sums[i].packets - MIN(guard->sampling[i].packets, sums[i].packets);
		guard->sampling[i].packets = sums[i].packets;
	}
	/* The first counts are those of the gate's life until now: they tell no rate. */
	if (guard->counted_ms) {
		guard->passed_pps = passed * 1000 / since_ms;
		guard->dropped_pps = dropped * 1000 / since_ms;
	} else {
		for (unsigned i = 0; i < SZ_REASON_COUNT; i++)
			guard->sampling[i].weight = 1;
	}
	guard->counted_ms = MAX(guard->now_ms, 1U);
}

static void step_pace(struct guard *guard, float congestion)
{
	struct guard_pace pace;

	for (unsigned i = 0; i < GUARD_TIERS; i++) {
		bool behaves = i != GUARD_TIER_LIMITED || !guard->limited_fired;
		float scale = i == GUARD_TIER_TRUSTED ? 1
						      : attack_scales[guard->attack.state].limits;

		(void)aimd_step(&guard->tiers[i], &guard->config.tiers[i], congestion, behaves,
				guard->now_ms);
		/* A bound and no factor: what ends with the state comes back by growth, not at
		 * once, which would bring the state back. */
		aimd_bound(&guard->tiers[i], scale);
		pace.tiers[i] = guard->tiers[i].share;
	}
	(void)aimd_step(&guard->admission, &guard->config.admission, congestion, true,
			guard->now_ms);
	pace.admission = guard->admission.share;
	guard->limited_fired = 0;
	guard->figures.pace = pace;
}

void guard_load(struct guard *guard, const struct guard_load *load, uint64_t now_ms)
{
	struct guard_load all = *load;
	struct guard_record record;

	guard_at(guard, now_ms);
	if (!all.passed_pps)
		all.passed_pps = guard->passed_pps;
	if (!all.dropped_pps)
		all.dropped_pps = guard->dropped_pps;
	all.held = MIN(guard->tiers[GUARD_TIER_ALL].share, guard->admission.share) < HELD;
	if (attack_step(&guard->attack, &guard->config.attack, &all, guard->now_ms)) {
		record = (struct guard_record){
			.at_ms = guard->now_ms,
			.act = GUARD_ACT_STATE,
			.state = (uint8_t)guard->attack.state,
		};
		(void)policy_enforces(guard, &record);
		policy_say(guard, &record);
	}
	step_pace(guard, attack_congestion(&guard->config.attack, &all));
}

struct guard_figures guard_figures(const struct guard *guard)
{
	struct guard_figures figures = guard->figures;

	figures.strangers = guard->roster.tables[GUARD_SPOOFABLE].len;
	figures.proven = guard->roster.tables[GUARD_PROVEN].len;
	figures.prefixes = guard->prefixes.len;
	figures.prefixes_banned = guard->prefixes.banned;
	figures.strangers_evicted = guard->roster.evicted[GUARD_SPOOFABLE];
	figures.proven_evicted = guard->roster.evicted[GUARD_PROVEN];
	figures.state = guard->attack.state;
	figures.strain = guard->attack.strain;
	figures.hostility = guard->attack.hostility;
	return figures;
}
