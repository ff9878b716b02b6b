/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A decision, as a fact with its reasons: everything an audit needs to explain it later. One stream
 * of them leaves the guard; nothing else says what was decided.
 */
#ifndef STRAZH_USER_GUARD_RECORD_H
#define STRAZH_USER_GUARD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <user/base/prefix.h>
#include <user/guard/attack.h>
#include <user/guard/prefixes.h>
#include <user/guard/score.h>

/* X(CODE, "name", "words"). */
#define GUARD_ACTS(X)                                                                              \
	X(LIMIT, "limit", "limited")                                                               \
	X(BLOCK, "block", "shut out for seconds")                                                  \
	X(UNLIMIT, "unlimit", "free again")                                                        \
	X(BAN, "ban", "banned")                                                                    \
	X(LIFT, "lift", "ban lifted")                                                              \
	X(CROWD, "crowd", "not banned, for the crowd behind it: alarm")                            \
	X(SPARED, "spared", "on the never or allow list, not acted on: alarm")                     \
	X(TRUST, "trust", "trusted")                                                               \
	X(FORGIVE, "forgive", "forgiven by an operator")                                           \
	X(UNSPARE, "unspare", "no longer spared: its next deeds count")                            \
	X(WITHDRAW, "withdraw", "taken back, for the guard's mode was changed")                    \
	X(STATE, "state", "attack state")

enum guard_act {
#define X(code, name, text) GUARD_ACT_##code,
	GUARD_ACTS(X)
#undef X
		GUARD_ACT_COUNT,
};
extern const char *const guard_act_names[GUARD_ACT_COUNT], *const guard_act_texts[GUARD_ACT_COUNT];

/* A part of the story. Shares of one class add up to the score, or to the pressure. */
struct guard_share {
	uint8_t kind, evidence;
	float share;
	uint32_t count;
	uint64_t span_ms; /* from the first to the last of them */
	uint64_t age_ms;  /* since the last */
};

struct guard_record {
	uint64_t at_ms, until_ms; /* until: 0 where nothing ends */
	uint8_t act;		  /* enum guard_act */
	uint8_t shares_len;
	uint8_t offences; /* this one included */
	uint8_t state;	  /* enum attack_state */
	bool enforced;	  /* false: why_not says why not */
	float score, pressure;
	uint32_t reasons;	  /* bits of kinds */
	const char *why_not;	  /* static, or NULL */
	struct prefix prefix;	  /* family 0: of nobody (STATE) */
	struct host_counts hosts; /* of a prefix ban, else 0 */
	struct guard_share shares[SCORE_SLOTS];
};

/* Largest first; returns how many. */
unsigned guard_shares(const struct score_slot slots[SCORE_SLOTS], const struct score_rules *rules,
		      uint32_t now_ds, struct guard_share shares[SCORE_SLOTS]);
/*
 * "312 handshake failures in 4 s (0.45)". Both write as snprintf does and return the length that
 * the whole text has.
 */
int guard_share_text(const struct guard_share *share, char *text, size_t size);
/* "banned for 10m: 312 handshake failures in 4 s (0.45), ...": one line without its address. */
int guard_record_text(const struct guard_record *record, char *text, size_t size);

#endif
