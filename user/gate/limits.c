/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The same arithmetic as the gate's (bpf/lib/limit.h, meter.h), over a copy of one line: readings
 * while packets flow are of one moment for each word.
 */
#include <user/gate/limits.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include <user/base/clock.h>
#include <user/gate/act.h>
#include <user/gate/reput.h>

const char *const rate_class_names[SZ_RATE_CLASSES] = {
#define X(code, name, pps, burst, text) [SZ_RATE_##code] = name,
	SZ_RATE_CLASSES_OF(X)
#undef X
};

const char *const rate_class_texts[SZ_RATE_CLASSES] = {
#define X(code, name, pps, burst, text) [SZ_RATE_##code] = text,
	SZ_RATE_CLASSES_OF(X)
#undef X
};

static const struct sz_limit defaults[SZ_RATE_CLASSES] = {
#define X(code, name, pps, burst, text)                                                            \
	[SZ_RATE_##code] = {.step_ns = NS_PER_S / (pps),                                           \
			    .burst_ns = NS_PER_S / (pps) * (burst),                                \
			    .byte_burst_ns = SZ_RATE_BYTE_BURST_NS},
	SZ_RATE_CLASSES_OF(X)
#undef X
};

struct sz_limit limit_default(enum sz_rate_level level, enum sz_rate_class class_)
{
	struct sz_limit limit = defaults[class_];

	if (level == SZ_RATE_NET)
		limit.step_ns /= SZ_RATE_NET_SHARE;
	return limit;
}

void limits_fill(struct gate *gate)
{
	for (uint32_t i = 0; i < SZ_LIMITS; i++) {
		enum sz_rate_class class_ = i % SZ_RATE_CLASSES;
		enum sz_rate_level level = i / SZ_RATE_CLASSES % SZ_RATE_LEVELS;
		struct sz_limit limit = limit_default(level, class_);

		if (!gate->limits[i].step_ns && !gate->limits[i].byte_step)
			limit_store(&gate->limits[i], &limit);
	}
}

/* Where the gate looks for the source. */
static struct sz_rate_key bucket_key(const struct prefix *source, enum sz_rate_class class_)
{
	struct sz_rate_key key = {.kind = class_};
	uint32_t words[2];

	memcpy(words, source->addr, sizeof(words));
	key.hi = source->family == 4 ? SZ_RATE_IP4 : ntohl(words[0]);
	key.lo = ntohl(words[source->family == 4 ? 0 : 1]);
	return key;
}

/* With the tier and the slowness that the source has. */
static int bucket_limit(struct gate *gate, const struct prefix *source, enum sz_rate_level level,
			enum sz_rate_class class_, struct sz_limit *ret_limit)
{
	struct sz_reput reput = {.slow = SZ_SLOW_ONE};
	struct sz_limit limit;
	struct prefix key;
	int r = reput_standing(gate, source, clock_boot_s(), &reput, &key);
	uint64_t slow = reput.slow ? reput.slow : SZ_SLOW_ONE;

	if (r && r != REPUT_ABSENT)
		return r;
	limit = gate->limits[sz_limit_index(reput.tier, level, class_)];
	limit.step_ns = (uint32_t)MIN(limit.step_ns * slow / SZ_SLOW_ONE, SZ_RATE_NS_MAX + 0ULL);
	limit.byte_step = (uint32_t)MIN(limit.byte_step * slow / SZ_SLOW_ONE, UINT32_MAX + 0ULL);
	*ret_limit = limit;
	return 0;
}

static uint64_t coarse_ns(void)
{
	struct timespec now = {0};

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t ahead_of(uint64_t word, uint64_t tag, uint64_t now)
{
	uint64_t ahead = (word - now) & SZ_RATE_TIME;

	return (word ^ tag) & ~SZ_RATE_TIME || ahead > SZ_RATE_HORIZON_NS ? 0 : ahead;
}

/* Packets and bytes find their words apart: each may be in any of the ways. */
static uint64_t ahead_in(const __u64 words[SZ_RATE_WAYS], uint64_t tag, uint64_t now)
{
	uint64_t most = 0;

	for (int i = 0; i < SZ_RATE_WAYS; i++)
		most = MAX(most, ahead_of(words[i], tag, now));
	return most;
}

static int read_line(struct gate *gate, enum sz_rate_level level, struct sz_rate_key key,
		     struct sz_meters *ret_meters)
{
	const bool net = level == SZ_RATE_NET;
	uint32_t hash = sz_rate_hash(gate_seed(gate), 0, key);
	uint32_t line = net ? hash % SZ_RNET_LINES : hash % SZ_RHOST_LINES;
	const int map = gate->map[net ? GATE_MAP_RNET : GATE_MAP_RHOST];

	return bpf_map_lookup_elem(map, &line, ret_meters) ? -errno : 0;
}

int gate_bucket_read(struct gate *gate, const struct prefix *source, enum sz_rate_class class_,
		     struct gate_bucket *ret)
{
	const struct sz_rate_key key = bucket_key(source, class_);
	const uint64_t now = coarse_ns(), tag = sz_rate_tag(gate_seed(gate), key);
	enum sz_rate_level level = SZ_RATE_HOST;
	struct gate_bucket bucket;
	struct sz_meters meters;
	struct sz_limit limit;
	int r;

	if (class_ == SZ_RATE_FLOW)
		return -EINVAL;
	if (source->len == prefix_net_len(source->family))
		level = SZ_RATE_NET;
	r = bucket_limit(gate, source, level, class_, &limit);
	if (!r)
		r = read_line(gate, level, key, &meters);
	if (r)
		return r < 0 ? r : -EINVAL;
	bucket = (struct gate_bucket){
		.used_ns = ahead_in(meters.packets, tag, now),
		.burst_ns = limit.burst_ns,
		.step_ns = limit.step_ns,
		.bytes_used_ns = ahead_in(meters.bytes, tag, now),
		.bytes_burst_ns = limit.byte_burst_ns,
		.byte_step = limit.byte_step,
	};
	if (!bucket.used_ns && !bucket.bytes_used_ns)
		return ACT_NOT_FOUND;
	*ret = bucket;
	return 0;
}
