/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * How the whole of it stands: normal, high, critical, under attack, from measured load. Two
 * questions: does it strain us (loss, queueing delay, pressure stall, slots)? Is it hostile (what
 * the gate drops, handshakes that fail)? A crowd of honest clients strains and is not hostile: it
 * makes "critical", never "under attack". Pressure that may be somebody else's, and lost samples,
 * make "high" at most.
 *
 * Up as soon as it has lasted rise_ms; down a step at a time, each when what is measured has been
 * below the threshold by `gap` for fall_ms; not to normal while smaller limits are what keeps the
 * strain away.
 */
#ifndef STRAZH_USER_GUARD_ATTACK_H
#define STRAZH_USER_GUARD_ATTACK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * X(CODE, "name", limits, puzzle bits, cookies, suspicion, "text"): what each state scales.
 * limits: of the gate's buckets, of sources that are not trusted. puzzle: strangers solve at least
 * so many bits. cookies: SYN cookies from the gate. suspicion: spoofable evidence weighs so much
 * more; proven evidence weighs the same in each state, for a ban needs the same proof.
 */
#define ATTACK_STATES(X)                                                                           \
	X(NORMAL, "normal", 1.0, 0, false, 1.0, "nothing out of the ordinary")                     \
	X(HIGH, "high", 1.0, 0, false, 1.25, "more load than usual")                               \
	X(CRITICAL, "critical", 1.0, 14, true, 1.5, "at the limits of this machine")               \
	X(UNDER_ATTACK, "under-attack", 0.5, 16, true, 2.0, "hostile load")

enum attack_state {
#define X(code, name, limits, puzzle, cookies, suspicion, text) ATTACK_##code,
	ATTACK_STATES(X)
#undef X
		ATTACK_STATE_COUNT,
};

struct attack_scale {
	const char *name, *text;
	float limits;
	unsigned puzzle_bits;
	bool cookies;
	float suspicion;
};
extern const struct attack_scale attack_scales[ATTACK_STATE_COUNT];

/* What was measured since the last time; what is not known is 0. */
struct guard_load {
	float loss;	/* of what came and was not refused, 0 to 1: lost for want of room */
	float delay_ms; /* that work waits in queues of ours */
	float psi;	/* stalled tasks, per cent: maybe by work of others */
	float blind;	/* samples lost of those that there were, 0 to 1 */
	float slots;	/* half-open slots in use, 0 to 1 */
	uint64_t passed_pps, dropped_pps; /* of the gate; guard_counts() measures them as well */
	uint32_t proven_s, failed_s;	  /* handshakes a second */
	bool held; /* guard_load() says it: limits are smaller, or there would be strain */
};

struct attack_config {
	float loss_full, delay_full_ms, psi_full; /* what strains fully: strain 1 */
	float high, critical;			  /* strain */
	float hostile;				  /* share of what comes */
	uint64_t hostile_pps;			  /* dropped; fewer are noise */
	uint64_t attack_pps; /* dropped: an attack although it does not strain us */
	uint32_t hostile_s;  /* failed handshakes; fewer are noise */
	float gap;
	uint32_t rise_ms, fall_ms;
};
struct attack_config attack_config_usual(void);

struct attack {
	enum attack_state state;
	bool rises[ATTACK_STATE_COUNT], falls;	       /* what is measured says so, */
	uint64_t rise_ms[ATTACK_STATE_COUNT], fall_ms; /* since when */
	float strain, hostility;
};

/* True: the state has changed. */
bool attack_step(struct attack *attack, const struct attack_config *config,
		 const struct guard_load *load, uint64_t now_ms);
/*
 * The worst of loss and delay, and pressure as far as these or what is hostile say that it is of
 * our making: what AIMD follows. 1 is full, and it goes on above, so that a queue which is far too
 * long is seen to become shorter. Pressure alone limits nobody: smaller limits do not relieve a
 * machine of its backup. Nor do lost samples: smaller limits would only make more of them.
 */
float attack_congestion(const struct attack_config *config, const struct guard_load *load);

#endif
