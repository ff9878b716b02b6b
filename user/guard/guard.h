/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The guard: from what sources do to what is done about them. Facts come in (observation.h),
 * decisions go out at once by a struct of functions; time comes in with every call and is that of
 * CLOCK_BOOTTIME in ms. No sockets, no threads, no clock, no I/O, and no allocation after
 * guard_new(). One owner: one thread at a time, and no operation may call back into the guard.
 *
 *	fact -> detector -> observation -> score (proven) -> limited, banned, prefix banned
 *	                                -> pressure (spoofable) -> limited, shut out for seconds
 *	load -> attack state, AIMD -> limits of the tiers, admission, puzzles, cookies
 *
 * What it is wired to, in user/daemon/guarding/guarding.h: guard_limit -> reput_put(), guard_ban ->
 *act.h, record -> the log and the store's audit, evict -> the store; pacing.h reads state and pace
 *from guard_figures().
 */
#ifndef STRAZH_USER_GUARD_GUARD_H
#define STRAZH_USER_GUARD_GUARD_H

#include <strazh/abi/stats.h>
#include <strazh/base/compiler.h>
#include <user/guard/config.h>
#include <user/guard/observation.h>
#include <user/guard/record.h>
#include <user/guard/source.h>

/* ---- what goes out ---- */

/* A source has limits of its own until then, or until it is taken back: a struct sz_reput. */
struct guard_limit {
	struct prefix prefix; /* IPv4 /32, IPv6 /64 */
	enum guard_tier tier;
	uint16_t slow; /* its limits are divided by slow / 16 (SZ_SLOW_ONE) */
	float score, pressure;
	uint32_t reasons;
	uint64_t first_ms, until_ms;
};

struct guard_ban {
	struct prefix prefix; /* IPv4 /32 or /24, IPv6 /64 or /48 */
	uint64_t until_ms;
	float score;
	uint32_t reasons;
	unsigned offences;
};

/* Shares of the limits of each tier, and of the handshakes that the server takes, 0 to 1. */
struct guard_pace {
	float tiers[GUARD_TIERS];
	float admission;
};

/* What the store keeps of a source; times relative to at_ms, so that a clock may change. */
struct guard_kept {
	struct prefix prefix;
	uint64_t at_ms;
	uint64_t banned_ms;  /* so long its ban still lasts; 0: none */
	uint64_t known_ms;   /* since it was first seen */
	uint64_t idle_ms;    /* since it was seen last */
	uint32_t ban_over_h; /* hours since its last ban ended; 0 also: it has not */
	uint32_t trusted_h;  /* hours that its trust still lasts; 0: none */
	uint32_t good_ago_d; /* days since its last good one */
	uint16_t share;
	uint8_t offences, days, sessions, proven;
	float good;
	struct guard_kept_evidence {
		float nats;
		uint32_t count;		    /* 0: none */
		uint64_t since_ms, last_ms; /* ago */
		uint64_t holds_ms;	    /* so long it does not fade */
		uint8_t kind, evidence;
	} evidence[SCORE_SLOTS];
};

/* Each may be NULL. What one cannot do is its own business: the gate is repaired by its owner. */
struct guard_ops {
	void (*limit)(void *owner, const struct guard_limit *limit);
	void (*unlimit)(void *owner, const struct prefix *prefix);
	void (*ban)(void *owner, const struct guard_ban *ban);
	void (*lift)(void *owner, const struct prefix *prefix);
	void (*record)(void *owner, const struct guard_record *record);
	/* It is forgotten here; a ban of it stays in the gate until its time. */
	void (*evict)(void *owner, const struct guard_kept *kept);
};

/* ---- its life ---- */

struct guard;

/* -EINVAL: guard_config_check() says why. -ENOMEM. */
int guard_new(const struct guard_config *config, const struct guard_ops *ops, void *owner,
	      uint64_t now_ms, struct guard **ret_guard) must_check;
void guard_free(struct guard *guard); /* NULL is fine; no operation is called */
/* All but capacities and seed. Holds for what comes; bans that are there stay. -EINVAL. */
int guard_configure(struct guard *guard, const struct guard_config *config) must_check;

/* ---- what comes in ---- */

/*
 * A fact. Returns what holds for its source now, enum guard_level (GUARD_FREE where it would be
 * limited or banned but is not acted on), or -EINVAL for a family or an input that there is not.
 * Facts about ::/64, which is nobody's, are left alone.
 */
int guard_observe(struct guard *guard, const struct observation *seen, uint64_t now_ms);
/*
 * What holds for a host now, its prefix included: for who asks before a connection is taken, where
 * there is no gate.
 */
enum guard_level guard_level(struct guard *guard, const struct prefix *host, uint64_t now_ms);
/* A sample of the gate; spoofable ones weigh what guard_counts() found that a sample stands for. */
void guard_event(struct guard *guard, const struct sz_event *event, uint64_t now_ms);
/* The gate's counters, summed over CPUs. Every 100 ms to 1 s, before guard_load(). */
void guard_counts(struct guard *guard, const struct sz_count sums[], uint64_t now_ms);
/* What was measured; packets a second are added where they are 0. Every 100 ms to 1 s. */
void guard_load(struct guard *guard, const struct guard_load *load, uint64_t now_ms);
/*
 * Lifts what is over and looks at who is limited. Every 100 ms to 1 s. At most so many at once,
 * those first who wait longest: each may be a write to the gate, and the caller has other things to
 * do. After a night of sleep all are due; the gate ends bans and limits by itself meanwhile.
 */
#define GUARD_TICK_MOST 8192U
void guard_tick(struct guard *guard, uint64_t now_ms);

/* ---- operators ---- */

#define GUARD_SPARED_MAX 4096U

enum guard_spared_by { GUARD_SPARED_ALLOW, GUARD_SPARED_NEVER, GUARD_SPARED_PROXY };

struct guard_spared {
	struct prefix prefix;
	uint8_t by; /* enum guard_spared_by */
};
/* All of whom nothing may be done to: the never-ban set, the allow list, proxies that clients come
 * through. What was done to them is taken back. -E2BIG, and the old set holds. */
int guard_spare(struct guard *guard, const struct guard_spared *list, size_t len,
		uint64_t now_ms) must_check;
/* A host, or a prefix that is banned: its ban, score and offences are gone. True: it was known. */
bool guard_forgive(struct guard *guard, const struct prefix *prefix, uint64_t now_ms);
/* The same for everyone. */
void guard_forgive_all(struct guard *guard, uint64_t now_ms);
/*
 * The guard stops to act (off, learning): what it did, trusted tiers too, is taken back. What is
 * held against whom stays. Learning is over (guard_configure() first): who would have been limited
 * or banned is forgiven, and who earned trust meanwhile gets it.
 */
void guard_withdraw(struct guard *guard, uint64_t now_ms);
void guard_begin(struct guard *guard, uint64_t now_ms);

/* ---- what it knows ---- */

/* What time does to it while the store has it. */
void guard_kept_age(struct guard_kept *kept, uint64_t passed_ms);
/*
 * A source that comes back, from the store, as of now: the caller has told guard_kept_age() how
 * long it lay there. Added to what is known of it. A ban that still lasts goes out again. -EINVAL.
 */
int guard_restore(struct guard *guard, const struct guard_kept *kept, uint64_t now_ms) must_check;
/* The same for the ban of a prefix (/24, /48), as ops.ban() said it. 0, -EINVAL, -ENOSPC. */
int guard_restore_prefix(struct guard *guard, const struct prefix *prefix, uint64_t banned_ms,
			 unsigned offences, uint64_t now_ms) must_check;
/* False: not known. */
bool guard_keep(struct guard *guard, const struct prefix *host, uint64_t now_ms,
		struct guard_kept *ret_kept);
/*
 * Every source, in slices of `most` places: *cursor begins at 0. True: there is more. For the store
 * and for lists of who is worst.
 */
bool guard_walk(struct guard *guard, uint32_t *cursor, uint32_t most, uint64_t now_ms,
		void (*visit)(void *context, const struct guard_kept *kept, float score,
			      float pressure, enum guard_level level),
		void *context);
/*
 * Every prefix whose ban is in force, and how long still, in slices of `most` places as
 * guard_walk() has them. `visit` may not call back.
 */
bool guard_walk_banned_prefixes(struct guard *guard, uint32_t *cursor, uint32_t most,
				uint64_t now_ms,
				void (*visit)(void *context, const struct prefix *prefix,
					      uint64_t banned_ms, unsigned offences),
				void *context);
/* The whole story of a host in lines that end with a newline; writes and returns as snprintf. */
int guard_why(struct guard *guard, const struct prefix *host, uint64_t now_ms, char *text,
	      size_t size);

struct guard_figures {
	uint32_t strangers, proven, prefixes; /* in the tables */
	uint32_t limited, banned, prefixes_banned;
	uint64_t facts, observations;
	uint64_t limits, bans, prefix_bans, lifts, alarms;
	uint64_t limits_held; /* of strangers, above limits_s */
	uint64_t strangers_evicted, proven_evicted;
	enum attack_state state; /* moves while learning as well, and the pace with it */
	float strain, hostility;
	struct guard_pace pace;
};
struct guard_figures guard_figures(const struct guard *guard);

#endif
