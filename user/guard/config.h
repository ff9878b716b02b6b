/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Every figure of the guard. guard_config_usual() has the defaults, said here in brackets. */
#ifndef STRAZH_USER_GUARD_CONFIG_H
#define STRAZH_USER_GUARD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/guard/aimd.h>
#include <user/guard/attack.h>
#include <user/guard/detect.h>
#include <user/guard/trust.h>

/* Tiers of the gate's limits (abi/rate.h); numbers are the gate's. */
enum guard_tier { GUARD_TIER_ALL, GUARD_TIER_TRUSTED, GUARD_TIER_LIMITED, GUARD_TIERS };

struct guard_config {
	/* Fixed by guard_new(). */
	uint32_t strangers; /* sources with spoofable evidence alone [25,000] */
	uint32_t proven;    /* sources that have answered us [75,000] */
	uint32_t prefixes;  /* with sources that have answered us [8,192] */
	uint64_t seed[2];   /* random; the caller draws it, for the guard does no I/O [0] */

	/* kind.h: what one observation weighs, and what its kind is worth at most. */
	float weight[GUARD_KIND_COUNT], cap[GUARD_KIND_COUNT];
	float half_s;	       /* half-life of proven evidence, seconds [600] */
	float pressure_half_s; /* of spoofable evidence [10] */

	/* Bars: limited from `limit` on, free again below `free`; above `ban` banned. */
	float limit, free, ban;		  /* [0.3, 0.2, 0.7] */
	float trusted_limit, trusted_ban; /* of trusted sources [0.5, 0.9] */
	/* Pressure from which a source that floods with tiny packets is shut out for block_ms [0.9]
	 */
	float block;
	uint32_t block_ms;  /* at most 10,000 [3,000] */
	uint32_t ban_s;	    /* the first ban [600]; each further one twice as long, */
	uint32_t ban_max_s; /* up to this [7 days]; */
	/* and up to this for keys and floods of connections alone: broken clients do that [3,600]
	 */
	uint32_t ban_broken_s;
	uint32_t forget_h; /* hours without a ban after which one offence is forgotten [168] */

	/* AIMD of one source: its share of its buckets, in SOURCE_SHARE_ONE (1,024). */
	uint32_t share_least;	    /* [16] */
	uint32_t share_least_known; /* by SYNs alone; of who has sessions or trust by pressure [512]
				     */
	uint32_t share_add;	    /* a second of good behaviour [64] */
	uint32_t review_ms;	    /* a limited source is looked at so often [2,000] */
	uint32_t limit_ms; /* the gate forgets a limit by itself: more than review_ms [10,000] */
	uint32_t limits_s; /* limits of strangers that go out in a second, at most [2,000] */

	/* Prefixes, see prefixes.h. */
	uint32_t bad_outcomes; /* make a host a bad one, where it has nothing good [3] */
	uint32_t crowd_doubts; /* proven findings within hours that make a crowd an alarm [16] */
	uint32_t prefix_bad;   /* distinct bad hosts that ban a prefix, at least [8] */
	float prefix_share;    /* of the hosts seen in it, at least [0.1] */
	uint32_t prefix_s;     /* within so many seconds [3,600] */

	bool learning; /* say what would be done, and do nothing [false] */

	struct detect_config detect;
	struct trust_config trust;
	struct attack_config attack;
	/*
	 * Who is limited gives way first, then everybody's limits, which cut who asks for most;
	 * then admission, which cuts all alike; trusted sources last.
	 */
	struct aimd_config tiers[GUARD_TIERS];
	struct aimd_config admission;
};

struct guard_config guard_config_usual(void);
/* 0, or -EINVAL: *ret_why says what would be right. */
int guard_config_check(const struct guard_config *config, const char **ret_why) must_check;

#endif
