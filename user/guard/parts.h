/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Inside user/guard: the guard and its parts. */
#ifndef STRAZH_USER_GUARD_PARTS_H
#define STRAZH_USER_GUARD_PARTS_H

#include <strazh/abi/reason.h>
#include <user/guard/guard.h>
#include <user/guard/roster.h>

/* Drops of one reason: how many there were, and how many of them came as samples. */
struct guard_sampling {
	uint64_t packets;
	uint32_t events;
	float weight; /* drops for each sample, at least 1 */
};

struct guard {
	struct guard_config config;
	struct score_rules rules;
	struct guard_ops ops;
	void *owner;
	uint64_t now_ms; /* the latest that was said: time does not run back */

	struct roster roster;
	struct prefixes prefixes;
	struct guard_spared *spared;
	size_t spared_len;

	struct attack attack;
	struct aimd tiers[GUARD_TIERS], admission;
	uint32_t limited_fired; /* observations about limited sources since the last load */

	struct guard_sampling sampling[SZ_REASON_COUNT];
	uint64_t counted_ms; /* 0: never */
	uint64_t passed_pps, dropped_pps;

	float limit_tokens;
	uint64_t filled_ms;
	struct guard_figures figures;
};

static inline uint32_t guard_ds(const struct guard *guard)
{
	return (uint32_t)(guard->now_ms / 100);
}
static inline uint32_t guard_s(const struct guard *guard)
{
	return (uint32_t)(guard->now_ms / 1000);
}
/* A clock that ran back stands still. */
void guard_at(struct guard *guard, uint64_t now_ms);

struct guard_verdict {
	float score, pressure;
	uint32_t reasons;
};

/* ---- policy.c ---- */
struct guard_verdict policy_verdict(const struct guard *guard, const struct source *source);
/* After an observation: what is done about the source now. */
void policy_judge(struct guard *guard, struct source *source);
/* So many proven findings: of a crowd an alarm may tell. */
void policy_doubt(struct guard *guard, struct source *source, unsigned times);
/* Its time has come: the end of a ban, a look at a limit. */
void policy_review(struct guard *guard, struct source *source);
void policy_ban(struct guard *guard, struct source *source, const struct guard_verdict *verdict,
		uint64_t until_ms);
/* The figures follow. */
void policy_set_level(struct guard *guard, struct source *source, enum guard_level level);
/* Takes back what was done. */
void policy_release(struct guard *guard, struct source *source, enum guard_act act);
/* Trust was earned or has ended: the gate's tier follows. */
void policy_trust(struct guard *guard, struct source *source);
/* A record that lacks only what is particular to it. */
struct guard_record policy_record(const struct guard *guard, enum guard_act act,
				  const struct source *source, const struct guard_verdict *verdict);
/*
 * Whether what it says is carried out; said in it. Never against who is spared, which is an alarm
 * instead, and nothing while learning.
 */
bool policy_enforces(const struct guard *guard, struct guard_record *record);
void policy_say(struct guard *guard, const struct guard_record *record);
/* Doubling, with a memory that fades. */
uint64_t policy_ban_ms(const struct guard_config *config, unsigned offences);
/* The same, for what this source did, be it a ban of it or of its prefix: what broken clients do
 * as well (ban_broken_s) shuts nobody out for days. */
uint64_t policy_ban_for_ms(const struct guard *guard, const struct source *source,
			   unsigned offences);
unsigned policy_remembered(const struct guard_config *config, unsigned offences, uint16_t ban_h,
			   uint32_t now_s);

/* ---- neighbours.c ---- */
/* A bad host: its prefix may be banned. */
void neighbours_bad(struct guard *guard, struct source *source);
void neighbours_lift(struct guard *guard, struct host_prefix *host_prefix, enum guard_act act);

/* ---- spare.c ---- */
/* Why nothing may be done to it, or to something in it: static, or NULL. */
const char *spare_why_not(const struct guard *guard, const struct prefix *prefix);

/* ---- pardon.c ---- */
/* Every place where a source may be: `visit` is called with those that are there. */
void pardon_each(struct guard *guard, void (*visit)(struct guard *guard, struct source *source));

/* ---- keep.c ---- */
struct guard_kept keep_source(const struct guard *guard, const struct source *source);

#endif
