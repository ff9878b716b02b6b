/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What happens by the clock: collecting, refreshing, checking, rolling back, telling systemd. */
#include <user/daemon/keeper.h>

#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <systemd/sd-daemon.h>

#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/ctl/lease.h>
#include <user/daemon/testmode.h>
#include <user/daemon/worker/secured.h>
#include <user/gate/never.h>

#define TICK_MS 1000U
#define NEVER_S 30U
#define DRIFT_S 2U
#define SETTLE_MS 300U
/* A slice of collecting: what a client may have to wait for. */
#define SLICE_ENTRIES 1024U
#define SLICE_NS 10000000ULL
#define SLICE_PAUSE_MS 50U
#define SLICE_HURRY_MS 2U /* between them, while somebody wants all of it collected now */
/* Rest after a round, so that collecting takes a twentieth of the time. */
#define REST_MIN_MS 1000U
#define REST_PER_WORK 20U

/* ---- never ---- */

static void refresh_never(struct keeper *keeper)
{
	uint32_t added, removed;

	keeper->last_never_s = clock_boot_s();
	if (never_refresh(keeper->gate, &added, &removed)) {
		if (!keeper->never_failing)
			log_error("the never-ban set cannot be refreshed: %s", gate_error());
		keeper->never_failing = true;
		return;
	}
	keeper->never_failing = false;
	if (added || removed)
		log_info("never-ban set: %u new, %u gone", added, removed);
}

/* ---- the lockout guard ---- */

static void check_lease(struct keeper *keeper)
{
	char ifname[IF_NAMESIZE] = "?";
	uint32_t ifindex;
	int r = lease_expire(keeper->gate, &ifindex);

	if (r == LEASE_NOT_DUE)
		return;
	if (r) {
		log_error("an unconfirmed attachment cannot be taken back: %s", gate_error());
		return;
	}
	if_indextoname(ifindex, ifname);
	wanted_drop(&keeper->wanted, ifname);
	log_warning("'%s': not confirmed in time: detached", ifname);
}

/* ---- collecting ---- */

static void report_round(struct keeper *keeper)
{
	const struct sweep_round *round = sweep_last(keeper->sweep);

	if (round->collected)
		log_info("collected %llu entries whose time is over",
			 (unsigned long long)round->collected);
	if (round->bits_set || round->repaired || round->repaired_lines)
		log_warning("repaired drift: %llu presence bits were missing, %llu prefixes did "
			    "not inherit, %llu denied hosts stood wrong in 'sz_dline4'",
			    (unsigned long long)round->bits_set,
			    (unsigned long long)round->repaired,
			    (unsigned long long)round->repaired_lines);
}

static void on_sweep(struct timer *timer)
{
	struct keeper *keeper = timer->context;
	uint64_t begin = clock_boot_ns(), spent = 0;
	uint64_t rest_ms = SLICE_PAUSE_MS;
	bool done = false;

	while (!done && spent < SLICE_NS) {
		if (sweep_step(keeper->sweep, SLICE_ENTRIES, &done)) {
			log_error("collecting failed: %s", gate_error());
			done = true;
			break;
		}
		spent = clock_boot_ns() - begin;
	}
	keeper->sweep_work_ns += spent;
	keeper->sweeping = !done;
	if (done) {
		report_round(keeper);
		rest_ms = MAX(REST_MIN_MS, keeper->sweep_work_ns / 1000000 * REST_PER_WORK);
		keeper->sweep_work_ns = 0;
		keeper->sweeps_wanted -= keeper->sweeps_wanted > 0;
	}
	if (keeper->sweeps_wanted)
		rest_ms = SLICE_HURRY_MS;
	(void)!timer_start(timer, rest_ms, 0);
}

/* ---- each second ---- */

void notify_status(struct keeper *keeper)
{
	char status[sizeof(keeper->status)];
	const bool observe = keeper->gate->settings->flags & SZ_SET_OBSERVE;
	const char *test = testmode_is_on(keeper->options->config) ? "TEST MODE, " : "";
	size_t at = (size_t)snprintf(status, sizeof(status), "STATUS=%s%s on", test,
				     observe ? "observing" : "enforcing");

	for (size_t i = 0; i < keeper->wanted.len && at < sizeof(status); i++)
		at += (size_t)snprintf(status + at, sizeof(status) - at, " %s",
				       keeper->wanted.at[i].ifname);
	if (!keeper->wanted.len)
		(void)snprintf(status, sizeof(status), "STATUS=%snot attached to any interface",
			       test);
	if (strcmp(status, keeper->status) == 0)
		return;
	memcpy(keeper->status, status, sizeof(status));
	(void)sd_notify(0, status);
}

static void on_tick(struct timer *timer)
{
	struct keeper *keeper = timer->context;
	uint32_t now = clock_boot_s();

	check_lease(keeper);
	clockwatch_tick(keeper);
	server_tick(keeper);
	secured_tick(keeper);
	testmode_tick(keeper);
	servicewatch_tick(keeper);
	if (now - keeper->last_never_s >= NEVER_S)
		refresh_never(keeper);
	if (now - keeper->last_drift_s >= DRIFT_S) {
		keeper->last_drift_s = now;
		drift_check(keeper);
		notify_status(keeper);
	}
	if (keeper->watchdog)
		(void)sd_notify(0, "WATCHDOG=1");
}

/* ---- the network changed ---- */

static void on_settled(struct timer *timer)
{
	struct keeper *keeper = timer->context;

	keeper->settling = false;
	refresh_never(keeper);
	drift_check(keeper);
}

static void on_change(struct netwatch *netwatch)
{
	struct keeper *keeper = netwatch->context;

	/* Changes come in bursts. One that is waiting already is not put off further. */
	if (!keeper->settling)
		(void)!timer_start(&keeper->settle, SETTLE_MS, 0);
	keeper->settling = true;
}

/* In slices with no rest: of a million hosts a round in one held the loop for 340 to 620 ms. */
void ticks_resync(struct keeper *keeper)
{
	/* A round that is under way has passed some of it already. */
	keeper->sweeps_wanted = keeper->sweeping ? 2 : 1;
	(void)!timer_start(&keeper->sweeper, SLICE_HURRY_MS, 0);
	refresh_never(keeper);
	drift_check(keeper);
}

int ticks_open(struct keeper *keeper)
{
	uint64_t watchdog_us;
	int r = timer_open(keeper->loop, &keeper->tick, on_tick, keeper);

	keeper->watchdog = sd_watchdog_enabled(0, &watchdog_us) > 0;
	keeper->last_never_s = clock_boot_s();
	if (!r)
		r = timer_start(&keeper->tick, TICK_MS, TICK_MS);
	if (!r)
		r = timer_open(keeper->loop, &keeper->settle, on_settled, keeper);
	if (!r)
		r = timer_open(keeper->loop, &keeper->sweeper, on_sweep, keeper);
	if (!r)
		r = timer_start(&keeper->sweeper, REST_MIN_MS, 0);
	if (!r)
		r = netwatch_open(keeper->loop, &keeper->netwatch, on_change, keeper);
	if (r)
		log_error("timers or netlink: %s", strerror(-r));
	return r;
}

void ticks_close(struct keeper *keeper)
{
	timer_close(&keeper->tick);
	timer_close(&keeper->settle);
	timer_close(&keeper->sweeper);
	netwatch_close(&keeper->netwatch);
}
