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

/* Where the gate looks for the host. */
static struct sz_rate_key bucket_key(const struct prefix *host, enum sz_rate_class class_)
{
	struct sz_rate_key key = {.kind = class_};
	uint32_t words[2];

	memcpy(words, host->addr, sizeof(words));
	key.hi = host->family == 4 ? SZ_RATE_IP4 : ntohl(words[0]);
	key.lo = ntohl(words[host->family == 4 ? 0 : 1]);
	return key;
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

int gate_bucket_read(struct gate *gate, const struct prefix *host, enum sz_rate_class class_,
		     struct gate_bucket *ret)
{
	const struct sz_limit limit = gate->limits[sz_limit_index(0, SZ_RATE_HOST, class_)];
	const struct sz_seed *seed = gate_seed(gate);
	struct gate_bucket bucket = {.burst_ns = limit.burst_ns, .step_ns = limit.step_ns};
	struct sz_rate_key key = bucket_key(host, class_);
	uint64_t now = coarse_ns(), tag = sz_rate_tag(seed, key);
	uint32_t line = sz_rate_hash(seed, 0, key) % SZ_RHOST_LINES;
	struct sz_meters meters;

	if (class_ == SZ_RATE_FLOW)
		return -EINVAL;
	if (bpf_map_lookup_elem(gate->map[GATE_MAP_RHOST], &line, &meters))
		return -errno;
	for (int i = 0; i < SZ_RATE_WAYS; i++) {
		bucket.used_ns = ahead_of(meters.packets[i], tag, now);
		bucket.bytes_used_ns = ahead_of(meters.bytes[i], tag, now);
		if (!bucket.used_ns && !bucket.bytes_used_ns)
			continue;
		*ret = bucket;
		return 0;
	}
	return ACT_NOT_FOUND;
}
