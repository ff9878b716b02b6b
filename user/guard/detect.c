/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A meter is the time at which it will be empty, in ms modulo 2^32: nothing has to be leaked. A
 * source that was silent for a day has its meters emptied before the modulus can lie.
 */
#include <user/guard/detect.h>

#include <math.h>

#include <strazh/base/compiler.h>

#define FAST_MS 250.0F
#define SLOW_MS 4000.0F
#define SMALL_OF 8.0F /* samples that the share of tiny ones remembers; each is one length */
#define SILENT_MS 86400000ULL
#define AHEAD_MS 0x7000000U /* no meter is fuller than this; 33 hours */

struct detect_config detect_config_usual(void)
{
	return (struct detect_config){
		.meters =
			{
				[METER_HELLO] = {4, 0.1F, 4},
				[METER_RECORD] = {1, 0.01F, 1},
				[METER_AUTH] = {2, 0.05F, 2},
				[METER_CONN] = {64, 8, 48},
				[METER_SIZE] = {200, 20, 200},
				[METER_MALFORMED] = {20, 1, 20},
			},
		.high_pps = 200,
		.burst_pps = 2000,
		.burst_ratio = 4,
		.small_pps = 500,
		.small_share = 0.9F,
		.small_len = 80,
		.ports = 12,
		.ports_h = 6,
		.again_ms = 1000,
		.refused_share = 0.125F,
		.session_pays = 4,
	};
}

static float meter_level(const struct detect_meter *meter, const struct source *source,
			 unsigned which, uint32_t now)
{
	int32_t ahead = (int32_t)(source->empty_ms[which] - now);

	return ahead > 0 ? (float)ahead * meter->per_s / 1000 : 0;
}

static void meter_set(const struct detect_meter *meter, struct source *source, unsigned which,
		      uint32_t now, float level)
{
	float ahead = MAX(level, 0.0F) * 1000 / meter->per_s;

	source->empty_ms[which] = now + (uint32_t)MIN(ahead, (float)AHEAD_MS);
}

/*
 * Charged with `n`; returns how often it fires, and leaves it at its burst or below. *ret_count:
 * events in these firings.
 */
static unsigned meter_add(const struct detect_config *config, struct source *source, unsigned which,
			  float n, uint64_t now_ms, uint32_t *ret_count)
{
	const struct detect_meter *meter = &config->meters[which];
	float level = meter_level(meter, source, which, (uint32_t)now_ms) + n, over;
	unsigned fires = 0;

	over = level - meter->burst;
	if (over > 0.001F) {
		fires = (unsigned)MIN(ceilf((over - 0.001F) / meter->step), 64.0F);
		*ret_count = (uint32_t)(MIN((float)fires * meter->step, 1e6F) + 0.5F);
		/* Down to its burst at most, whatever it was: 64 firings saturate any kind. */
		level = MIN(level - (float)fires * meter->step, meter->burst);
	}
	meter_set(meter, source, which, (uint32_t)now_ms, level);
	return fires;
}

static unsigned find(struct detection *found, unsigned kind, enum guard_evidence evidence,
		     uint32_t count, float weight)
{
	*found = (struct detection){(uint8_t)kind, (uint8_t)evidence, 1, MAX(count, 1U), weight, 0};
	return 1;
}

/* Several firings of one meter at once are one observation of their joint weight. */
static unsigned metered(const struct detect_config *config, struct source *source, unsigned which,
			unsigned kind, enum guard_evidence evidence, float n, uint64_t now_ms,
			struct detection *found)
{
	uint32_t count = 0;
	unsigned fires = meter_add(config, source, which, n, now_ms, &count);

	if (!fires)
		return 0;
	find(found, kind, evidence, count, 0);
	found->times = (uint8_t)fires;
	return 1;
}

/* A rate that stays is one observation each again_ms; in between its events are only counted. */
static bool may_fire(const struct detect_config *config, struct source *source, unsigned kind,
		     enum guard_evidence evidence, uint32_t n, uint64_t now_ms)
{
	struct score_slot *slot = score_find(source->slots, kind, evidence);

	if (!slot || now_ms / 100 >= slot->last_ds + config->again_ms / 100)
		return true;
	slot->count = MIN(slot->count + MIN(n, SCORE_COUNT_MAX), SCORE_COUNT_MAX) & SCORE_COUNT_MAX;
	return false;
}

void detect_touch(struct source *source, uint64_t now_ms)
{
	uint64_t passed = now_ms > source->touch_ms ? now_ms - source->touch_ms : 0;

	if (!passed)
		return;
	source->touch_ms = now_ms;
	if (source->slow_pps > 0) {
		source->fast_pps *= expf(-(float)passed / FAST_MS);
		source->slow_pps *= expf(-(float)passed / SLOW_MS);
		if (source->slow_pps < 0.01F)
			source->slow_pps = source->fast_pps = 0;
	}
	if (passed >= SILENT_MS)
		for (unsigned i = 0; i < METER_COUNT; i++)
			source->empty_ms[i] = (uint32_t)now_ms;
}

/* n packets now, on top of what is left of those before. */
static void rates_add(const struct detect_config *config, struct source *source, uint32_t n,
		      uint32_t frame_len)
{
	source->fast_pps += (float)n * 1000 / FAST_MS;
	source->slow_pps += (float)n * 1000 / SLOW_MS;
	if (frame_len)
		source->small += ((float)(frame_len <= config->small_len) - source->small) /
				 SMALL_OF;
}

static unsigned detect_rates(const struct detect_config *config, struct source *source,
			     const struct observation *seen, uint64_t now_ms,
			     struct detection *found)
{
	const enum guard_evidence evidence = GUARD_SPOOFABLE;
	unsigned high = seen->input == GUARD_IN_SYNS ? GUARD_KIND_CONNECTION_FLOOD
						     : GUARD_KIND_HIGH_PACKET_RATE;
	uint32_t n = MAX(seen->count, 1U);
	unsigned len = 0;
	bool is_high;

	rates_add(config, source, n, seen->value);
	is_high = source->slow_pps > config->high_pps;
	if (is_high && may_fire(config, source, high, evidence, n, now_ms))
		len += find(&found[len], high, evidence, n, 0);
	if (source->fast_pps > config->burst_pps &&
	    source->fast_pps > source->slow_pps * config->burst_ratio &&
	    may_fire(config, source, GUARD_KIND_BURST_TRAFFIC, evidence, n, now_ms))
		len += find(&found[len], GUARD_KIND_BURST_TRAFFIC, evidence, n, 0);
	/* SYNs are small by nature: they are a flood of connections or nothing. */
	if (seen->input == GUARD_IN_PACKETS && source->slow_pps > config->small_pps &&
	    source->small > config->small_share &&
	    may_fire(config, source, GUARD_KIND_SMALL_PACKET_FLOOD, evidence, n, now_ms))
		len += find(&found[len], GUARD_KIND_SMALL_PACKET_FLOOD, evidence, n, 0);
	return len;
}

float detect_ports(uint32_t bitmap)
{
	unsigned used = (unsigned)__builtin_popcount(bitmap);

	/* All bits set: as if half a bit were free. */
	return -32 * logf((used < 32 ? (float)(32 - used) : 0.5F) / 32);
}

static unsigned detect_scan(const struct detect_config *config, struct source *source,
			    uint16_t port, enum guard_evidence evidence, uint64_t now_ms,
			    struct detection *found)
{
	uint16_t hour = (uint16_t)(now_ms / 3600000);
	uint32_t *bitmap = &source->ports[evidence];
	float ports;

	if ((uint16_t)(hour - source->ports_h) >= config->ports_h) {
		source->ports[0] = source->ports[1] = 0;
		source->ports_h = hour;
		source->bad /= 2;
		source->doubts /= 2;
	}
	/* Multiplicative hashing: Knuth, The Art of Computer Programming, vol. 3, 6.4. */
	*bitmap |= 1U << (port * 2654435769U >> 27);
	ports = detect_ports(*bitmap);
	if (ports < (float)config->ports)
		return 0;
	*bitmap = 0;
	return find(found, GUARD_KIND_SCAN_PATTERN, evidence, (uint32_t)(ports + 0.5F), 0);
}

static void pay_back(const struct detect_config *config, struct source *source, uint32_t n,
		     uint64_t now_ms)
{
	const struct detect_meter *meter = &config->meters[METER_CONN];
	float level = meter_level(meter, source, METER_CONN, (uint32_t)now_ms);

	level -= (float)n * config->session_pays;
	meter_set(meter, source, METER_CONN, (uint32_t)now_ms, level);
}

static unsigned detect_outcome(const struct detect_config *config, struct source *source,
			       const struct observation *seen, uint64_t now_ms,
			       struct detection *found)
{
	static const struct {
		uint8_t meter, kind;
	} of[GUARD_INPUT_COUNT] = {
		[GUARD_IN_ODD_SIZE] = {METER_SIZE, GUARD_KIND_UNUSUAL_PACKET_SIZE},
		[GUARD_IN_MALFORMED] = {METER_MALFORMED, GUARD_KIND_MALFORMED},
		[GUARD_IN_COOKIE_OVER] = {METER_CONN, GUARD_KIND_CONNECTION_FLOOD},
		[GUARD_IN_CONN_WASTED] = {METER_CONN, GUARD_KIND_CONNECTION_FLOOD},
		[GUARD_IN_CONN_REFUSED] = {METER_CONN, GUARD_KIND_CONNECTION_FLOOD},
		[GUARD_IN_HELLO_BAD] = {METER_HELLO, GUARD_KIND_HANDSHAKE_FAILURE},
		[GUARD_IN_RECORD_BAD] = {METER_RECORD, GUARD_KIND_BAD_RECORD},
		[GUARD_IN_AUTH_BAD] = {METER_AUTH, GUARD_KIND_AUTH_FAILURE},
	};
	enum guard_evidence evidence = guard_inputs[seen->input].evidence;
	float n = (float)MAX(seen->count, 1U);

	if (seen->input == GUARD_IN_CONN_REFUSED) {
		n *= config->refused_share;
		/* Others have sessions there: more of them than the server takes from one address.
		 * They are slowed down, and it is no fault of theirs. */
		if (source->live)
			evidence = GUARD_SPOOFABLE;
	}
	return metered(config, source, of[seen->input].meter, of[seen->input].kind, evidence, n,
		       now_ms, found);
}

/* Somebody else has judged already. */
static unsigned detect_said(const struct detect_config *config, struct source *source,
			    const struct observation *seen, uint64_t now_ms,
			    struct detection *found)
{
	switch (seen->input) {
	case GUARD_IN_SQL_INJECTION:
		return find(found, GUARD_KIND_SQL_INJECTION, GUARD_PROVEN, seen->count, 0);
	case GUARD_IN_FEED_LISTED:
		find(found, GUARD_KIND_FEED_LISTED, GUARD_PROVEN, 1, seen->weight);
		found->hold_s = seen->value;
		return 1;
	case GUARD_IN_REPORTED:
		find(found, GUARD_KIND_REPORTED, GUARD_PROVEN, 1, seen->weight);
		found->hold_s = seen->value;
		return 1;
	case GUARD_IN_QUERY_FLOOD:
		if (!may_fire(config, source, GUARD_KIND_QUERY_FLOOD, GUARD_PROVEN, seen->count,
			      now_ms))
			return 0;
		return find(found, GUARD_KIND_QUERY_FLOOD, GUARD_PROVEN, seen->count, 0);
	case GUARD_IN_FLOW_OVER:
		if (!may_fire(config, source, GUARD_KIND_HIGH_PACKET_RATE, GUARD_SPOOFABLE,
			      seen->count, now_ms))
			return 0;
		return find(found, GUARD_KIND_HIGH_PACKET_RATE, GUARD_SPOOFABLE, seen->count, 0);
	default:
		return 0;
	}
}

unsigned detect_feed(const struct detect_config *config, struct source *source,
		     const struct observation *seen, uint64_t now_ms,
		     struct detection found[DETECT_MAX])
{
	unsigned len = 0;

	switch (seen->input) {
	case GUARD_IN_PACKETS:
	case GUARD_IN_SYNS:
		len = detect_rates(config, source, seen, now_ms, found);
		break;
	case GUARD_IN_SESSION_PROVEN:
		pay_back(config, source, MAX(seen->count, 1U), now_ms);
		break;
	case GUARD_IN_ODD_SIZE:
	case GUARD_IN_MALFORMED:
	case GUARD_IN_COOKIE_OVER:
	case GUARD_IN_CONN_WASTED:
	case GUARD_IN_CONN_REFUSED:
	case GUARD_IN_HELLO_BAD:
	case GUARD_IN_RECORD_BAD:
	case GUARD_IN_AUTH_BAD:
		len = detect_outcome(config, source, seen, now_ms, found);
		break;
	default:
		len = detect_said(config, source, seen, now_ms, found);
		break;
	}
	/* One place is always left for it: rates fire two at most at once (a burst is no high rate
	 * yet, or not four times it). */
	if (seen->port && len < DETECT_MAX)
		len += detect_scan(config, source, seen->port, guard_inputs[seen->input].evidence,
				   now_ms, &found[len]);
	return len;
}
