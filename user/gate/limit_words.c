/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Limits between words and the nanoseconds of abi/rate.h. Packets: step = 1 s / pps, burst in
 * steps. Bytes: step in 1/1024 ns. A change of the rate keeps the burst in packets or bytes, as far
 * as the 4 s of a burst allow.
 */
#include <user/gate/limits.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/base/clock.h>

#define PPS_MOST 1000000000ULL
#define BPS_LEAST 2000ULL /* below it a byte costs more than a step can say */
#define BPS_MOST 100000000000ULL
#define BITS 8ULL

static uint64_t rounded(uint64_t a, uint64_t b)
{
	return b ? (a + b / 2) / b : 0;
}

static uint64_t between(uint64_t value, uint64_t least, uint64_t most)
{
	return MAX(MIN(value, most), least);
}

uint64_t limit_pps(const struct sz_limit *limit)
{
	return rounded(NS_PER_S, limit->step_ns);
}

uint64_t limit_burst(const struct sz_limit *limit)
{
	return rounded(limit->burst_ns, limit->step_ns);
}

uint64_t limit_bps(const struct sz_limit *limit)
{
	return rounded(BITS * NS_PER_S << SZ_RATE_BYTE_SHIFT, limit->byte_step);
}

uint64_t limit_bytes(const struct sz_limit *limit)
{
	return rounded((uint64_t)limit->byte_burst_ns << SZ_RATE_BYTE_SHIFT, limit->byte_step);
}

bool limit_equal(const struct sz_limit *a, const struct sz_limit *b)
{
	return a->step_ns == b->step_ns && a->burst_ns == b->burst_ns &&
	       a->byte_step == b->byte_step && a->byte_burst_ns == b->byte_burst_ns;
}

void limit_store(struct sz_limit *at, const struct sz_limit *limit)
{
	/* The larger burst first, the smaller one last. */
	if (limit->burst_ns > at->burst_ns)
		__atomic_store_n(&at->burst_ns, limit->burst_ns, __ATOMIC_RELEASE);
	if (limit->byte_burst_ns > at->byte_burst_ns)
		__atomic_store_n(&at->byte_burst_ns, limit->byte_burst_ns, __ATOMIC_RELEASE);
	__atomic_store_n(&at->step_ns, limit->step_ns, __ATOMIC_RELEASE);
	__atomic_store_n(&at->byte_step, limit->byte_step, __ATOMIC_RELEASE);
	__atomic_store_n(&at->burst_ns, limit->burst_ns, __ATOMIC_RELEASE);
	__atomic_store_n(&at->byte_burst_ns, limit->byte_burst_ns, __ATOMIC_RELEASE);
}

/* ---- words ---- */

static int wants(const char *what, const char *text, const char *right, char why[LIMIT_WHY_LEN])
{
	(void)snprintf(why, LIMIT_WHY_LEN, "'%.40s' is no value for %s: %s", text, what, right);
	return -EINVAL;
}

/* "250", "10k", "1.5M": 0 or -EINVAL. */
static int number(const char *text, bool scaled, uint64_t *ret)
{
	double value = 0, scale = 1;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	value = strtod(text, &end);
	if (scaled && *end) {
		const char *unit = strchr("kMG", *end);

		if (!unit || end[1])
			return -EINVAL;
		scale = *end == 'k' ? 1e3 : *end == 'M' ? 1e6 : 1e9;
	} else if (*end || strpbrk(text, ".eExX")) {
		return -EINVAL;
	}
	value *= scale;
	if (value < 1 || value > 1e15)
		return -EINVAL;
	*ret = (uint64_t)(value + 0.5);
	return 0;
}

static int say_pps(const char *text, struct sz_limit *limit, char why[LIMIT_WHY_LEN])
{
	uint64_t burst = limit_burst(limit), pps, step;

	if (strcmp(text, "none") == 0) {
		limit->step_ns = 0;
		return 0;
	}
	if (number(text, false, &pps) || pps > PPS_MOST)
		return wants("--pps", text, "1 to 1000000000 packets/s, none, or default", why);
	step = rounded(NS_PER_S, pps);
	limit->step_ns = (uint32_t)step;
	limit->burst_ns = (uint32_t)between(burst * step, MAX(step, SZ_RATE_TICK_NS),
					    SZ_RATE_NS_MAX);
	return 0;
}

static int say_burst(const char *text, struct sz_limit *limit, char why[LIMIT_WHY_LEN])
{
	uint64_t packets, most = limit->step_ns ? SZ_RATE_NS_MAX / limit->step_ns : 0;
	char right[100];

	if (!most)
		return wants("--burst", text, "packets are not limited; name --pps as well", why);
	(void)snprintf(right, sizeof(right),
		       "1 to %llu packets at %llu packets/s: what comes in 4 s",
		       (unsigned long long)most, (unsigned long long)limit_pps(limit));
	if (number(text, false, &packets) || packets > most)
		return wants("--burst", text, right, why);
	limit->burst_ns = (uint32_t)between(packets * limit->step_ns,
					    MAX(limit->step_ns, SZ_RATE_TICK_NS), SZ_RATE_NS_MAX);
	return 0;
}

static int say_bps(const char *text, struct sz_limit *limit, char why[LIMIT_WHY_LEN])
{
	uint64_t bytes = limit->byte_step ? limit_bytes(limit) : 0, bps;

	if (strcmp(text, "none") == 0) {
		limit->byte_step = 0;
		return 0;
	}
	if (number(text, true, &bps) || bps < BPS_LEAST || bps > BPS_MOST)
		return wants("--bps", text, "2k to 100G bit/s, or none", why);
	limit->byte_step = (uint32_t)MIN(rounded(BITS * NS_PER_S << SZ_RATE_BYTE_SHIFT, bps),
					 (uint64_t)UINT32_MAX);
	limit->byte_burst_ns = bytes ? (uint32_t)between(bytes * limit->byte_step >>
								 SZ_RATE_BYTE_SHIFT,
							 SZ_RATE_TICK_NS, SZ_RATE_NS_MAX)
				     : SZ_RATE_BYTE_BURST_NS;
	return 0;
}

static int say_bytes(const char *text, struct sz_limit *limit, char why[LIMIT_WHY_LEN])
{
	uint64_t bytes, most;
	char right[100];

	if (!limit->byte_step)
		return wants("--bytes", text, "bytes are not limited; name --bps as well", why);
	most = ((uint64_t)SZ_RATE_NS_MAX << SZ_RATE_BYTE_SHIFT) / limit->byte_step;
	(void)snprintf(right, sizeof(right), "1 to %llu bytes: what comes in 4 s",
		       (unsigned long long)most);
	if (number(text, true, &bytes) || bytes > most)
		return wants("--bytes", text, right, why);
	limit->byte_burst_ns = (uint32_t)between(bytes * limit->byte_step >> SZ_RATE_BYTE_SHIFT,
						 SZ_RATE_TICK_NS, SZ_RATE_NS_MAX);
	return 0;
}

int limit_say(const struct limit_words *words, const struct sz_limit *fallback,
	      struct sz_limit *limit, char why[LIMIT_WHY_LEN])
{
	struct sz_limit said = *limit;
	int r = 0;

	if (words->pps && strcmp(words->pps, "default") == 0)
		said = *fallback;
	else if (words->pps)
		r = say_pps(words->pps, &said, why);
	if (!r && words->burst)
		r = say_burst(words->burst, &said, why);
	if (!r && words->bps)
		r = say_bps(words->bps, &said, why);
	if (!r && words->bytes)
		r = say_bytes(words->bytes, &said, why);
	if (!r)
		*limit = said;
	return r;
}

/* ---- journal ---- */

void limit_format(const struct sz_limit *limit, char text[LIMIT_TEXT_LEN])
{
	(void)snprintf(text, LIMIT_TEXT_LEN, "%u,%u,%u,%u", limit->step_ns, limit->burst_ns,
		       limit->byte_step, limit->byte_burst_ns);
}

int limit_parse(const char *text, struct sz_limit *ret_limit)
{
	struct sz_limit limit;
	char tail;

	if (text[strspn(text, "0123456789,")] ||
	    sscanf(text, "%u,%u,%u,%u%c", &limit.step_ns, &limit.burst_ns, &limit.byte_step,
		   &limit.byte_burst_ns, &tail) != 4)
		return -EINVAL;
	if (limit.step_ns > SZ_RATE_NS_MAX || limit.burst_ns > SZ_RATE_NS_MAX ||
	    limit.byte_burst_ns > SZ_RATE_NS_MAX ||
	    (limit.step_ns && limit.burst_ns < MAX(limit.step_ns, SZ_RATE_TICK_NS)) ||
	    (limit.byte_step && limit.byte_burst_ns < SZ_RATE_TICK_NS))
		return -EINVAL;
	*ret_limit = limit;
	return 0;
}
