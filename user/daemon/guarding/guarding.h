/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The guard in the keeper: what the gate samples and counts and what the secured server says of its
 * clients goes in; bans and limits go out to the gate. All of it in the keeper's thread; time is
 * that of CLOCK_BOOTTIME, as the gate's. What it knows outlives strazhd where there is a store
 * (remember.h); bans stay in the gate until their time.
 */
#ifndef STRAZH_USER_DAEMON_GUARDING_GUARDING_H
#define STRAZH_USER_DAEMON_GUARDING_GUARDING_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/ctl/request.h>
#include <user/daemon/config/config_guard.h>
#include <user/daemon/guarding/leavings.h>
#include <user/daemon/guarding/loading.h>
#include <user/daemon/guarding/pacing.h>
#include <user/daemon/guarding/protecting.h>
#include <user/daemon/worker/split.h>
#include <user/guard/guard.h>
#include <user/net/loop.h>

struct keeper;

int guarding_open(struct keeper *keeper) must_check;
void guarding_close(struct keeper *keeper);
/*
 * A configuration that is about to hold: what can fail, 0 or -ENOMEM. Nothing changes before
 * guarding_take(), which takes over what is in keeper->options and cannot fail. A keeper that has
 * not opened it has nothing to change.
 */
int guarding_prepare(struct keeper *keeper, const struct config *config) must_check;
void guarding_take(struct keeper *keeper);

/* ---- what goes in ---- */

void guarding_event(struct keeper *keeper, const struct sz_event *event);
void guarding_sign(struct keeper *keeper, const struct split_message *message);

/* A feed names this host, so long and with that weight (0 to 1). */
void guarding_listed(struct keeper *keeper, const struct prefix *host, float weight,
		     uint32_t for_s);

/* ---- for commands: `keeper` as struct host has it ---- */

const struct host_guard *guarding_show(void *keeper);
/* As guard_why(); 0 where it is off. */
int guarding_why(void *keeper, const struct prefix *host, char *text, size_t size);
/* An operator reports a host: as struct host has it. */
enum host_reported guarding_report(void *keeper, const struct prefix *host, unsigned weight,
				   uint64_t for_s);
/* An operator took a ban back, or with NULL every one. */
void guarding_forgive(void *keeper, const struct prefix *prefix);

/* ---- inside: guarding.c and guard_ops.c ---- */

/* A change of the deny table that failed, to be tried again. */
struct deed {
	struct prefix prefix;
	uint32_t until_s; /* of a ban; 0: take it back */
};
#define DEEDS_MAX 1024U

struct guarding {
	struct keeper *keeper;
	struct guard *guard; /* NULL: it is off */
	struct guard *next;  /* made by guarding_prepare() */
	enum guarding_mode mode;
	struct timer tick;
	struct leavings leavings;
	struct loading loading;
	struct pacing pacing;
	struct protecting protecting;
	uint64_t loaded_ms;
	uint32_t proven, failed; /* handshakes since then */
	uint32_t spared_s;	 /* when it was told last whom to spare */
	bool spare_now, spare_failing, counts_failing;

	struct deed deeds[DEEDS_MAX];
	size_t deeds_len;
	uint64_t deeds_lost;  /* that found no room there */
	uint64_t limits_lost; /* limits that the gate did not take; the guard renews them */
	bool failing, limits_failing;

	uint32_t said_s, said; /* lines in the log in that second */
	uint64_t unsaid;
	struct host_guard shown;
	/* Room of a moment. */
	struct guard_spared spared[GUARD_SPARED_MAX + 1];
};

extern const struct guard_ops guarding_ops;
/* Tries again what failed. */
void guarding_retry(struct guarding *guarding);
void guarding_say_unsaid(struct guarding *guarding);

#endif
