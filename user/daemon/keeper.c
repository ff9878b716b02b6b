/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Order of start: the lock and the maps, then what the journal says, then mending, then what the
 * store remembers, then what is attached, and only then the door is opened. Whatever fails before
 * leaves the gate as it was.
 */
#include <user/daemon/keeper.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/base/machine.h>
#include <user/daemon/acts/acts.h>
#include <user/daemon/acts/loads.h>
#include <user/daemon/acts/rebuild.h>
#include <user/daemon/feeding/feed_child.h>
#include <user/daemon/feeding/feeding.h>
#include <user/daemon/guarding/guarding.h>
#include <user/daemon/memory/memory.h>
#include <user/daemon/memory/moving.h>
#include <user/daemon/testmode.h>
#include <user/daemon/worker/run.h>
#include <user/gate/never.h>
#include <user/net/unix.h>

/* How long a strazhctl at work may hold the gate. */
#define BUSY_TRIES 100
#define BUSY_PAUSE_NS 50000000L

/* ---- what commands want of us ---- */

static void on_attached(void *context, const char *ifname, enum attach_mode mode)
{
	struct keeper *keeper = context;

	if (wanted_put(&keeper->wanted, ifname, mode))
		log_warning("'%s' is one interface too many to be watched over", ifname);
}

static void on_detached(void *context, const char *ifname)
{
	struct keeper *keeper = context;

	wanted_drop(&keeper->wanted, ifname);
}

static bool is_wanted(void *context, const char *ifname)
{
	struct keeper *keeper = context;

	return wanted_find(&keeper->wanted, ifname) != NULL;
}

static void init_host(struct keeper *keeper)
{
	keeper->host = (struct host){
		.daemon = true,
		.run_dir = keeper->options->run_dir,
		.pin_dir = keeper->options->pin_dir,
		.state_dir = keeper->options->state_dir,
		.started_s = clock_boot_s(),
		.sweep = keeper->sweep,
		.history = &keeper->history,
		.on_act = acts_take,
		.on_list = acts_list,
		.on_load = loads_request,
		.on_attached = on_attached,
		.on_detached = on_detached,
		.is_wanted = is_wanted,
		.server = secured_show,
		.security = security_list,
		.guard = guarding_show,
		.test_mode = testmode_show,
		.guard_why = guarding_why,
		.on_unbanned = guarding_forgive,
		.report = guarding_report,
		.memory = memory_show,
		.feeds = feeding_show,
		.store_switch = memory_switch,
		.switching = memory_switching,
		.context = keeper,
	};
}

/* ---- gate ---- */

static bool other_answers(const struct daemon_options *options)
{
	own_fd int fd = -1;
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/strazhd.sock", options->run_dir);
	return unix_connect(path, &fd) == 0;
}

static int open_gate(struct keeper *keeper)
{
	const struct daemon_options *options = keeper->options;
	const struct gate_place place = {.pin_dir = options->pin_dir, .run_dir = options->run_dir};
	const struct gate_sizes sizes = {.host4 = options->max_hosts};
	const struct timespec pause = {.tv_nsec = BUSY_PAUSE_NS};
	int r = GATE_BUSY;

	for (int i = 0; r == GATE_BUSY && i < BUSY_TRIES; i++) {
		r = gate_open(&place, GATE_WRITE | GATE_CREATE, &sizes, &keeper->gate);
		if (r == GATE_BUSY && other_answers(options))
			break;
		if (r == GATE_BUSY)
			nanosleep(&pause, NULL);
	}
	if (r == GATE_BUSY)
		log_error("another strazhd runs here: %s", gate_error());
	else if (r)
		log_error("the gate cannot be opened: %s", gate_error());
	if (!r && options->max_hosts && keeper->gate->max[GATE_MAP_DHOST4] != options->max_hosts)
		log_warning(
			"--max-hosts %u: the map was made for %u and stays so; detach, flush and "
			"remove '%s' to have it made anew",
			options->max_hosts, keeper->gate->max[GATE_MAP_DHOST4],
			keeper->gate->pin_dir);
	return r ? -EBUSY : 0;
}

/* strazhctl finds the journal by this where no option tells it. */
static void leave_state_dir(const struct daemon_options *options)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/state", options->run_dir);
	(void)!unlink(path);
	if (symlink(options->state_dir, path))
		log_warning("'%s' cannot be made: %s; strazhctl will keep its journal in the "
			    "default place",
			    path, strerror(errno));
}

static int mend(struct keeper *keeper)
{
	uint32_t added, removed;
	int r = replay_journal(keeper);

	servicewatch_check(keeper);
	if (!r)
		r = sweep_new(keeper->gate, &keeper->sweep);
	if (!r)
		r = sweep_all(keeper->sweep);
	if (!r)
		r = never_refresh(keeper->gate, &added, &removed);
	if (r)
		log_error("the lists cannot be made right: %s", gate_error());
	return r ? -EIO : 0;
}

/* ---- events ---- */

static void on_event(void *context, const struct sz_event *event)
{
	struct keeper *keeper = context;

	history_put(&keeper->history, event);
	server_tell(keeper, event);
	guarding_event(keeper, event);
}

static void events_ready(struct watch *watch, uint32_t ready)
{
	struct keeper *keeper = watch->context;

	(void)ready;
	if (events_read(keeper->events) < 0)
		log_debug("events: %s", strerror(errno));
}

static int open_events(struct keeper *keeper)
{
	int r = events_new(keeper->gate, on_event, keeper, &keeper->events);

	if (r) {
		log_error("events cannot be read: %s", gate_error());
		return r;
	}
	keeper->event_watch = (struct watch){
		.fd = events_fd(keeper->events), .on_ready = events_ready, .context = keeper};
	return loop_add(keeper->loop, &keeper->event_watch, EPOLLIN);
}

/* ---- signals ---- */

static void reload(struct keeper *keeper)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
			 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	log_info("checking everything anew");
	reload_config(keeper);
	server_find_group(keeper);
	ticks_resync(keeper);
	if (!keeper->reloading)
		(void)sd_notify(0, "READY=1");
}

static void on_signal(struct signals *signals, const struct signalfd_siginfo *info)
{
	struct keeper *keeper = signals->context;

	if (info->ssi_signo == SIGCHLD) {
		readers_reap(keeper);
		feed_child_reap();
	} else if (info->ssi_signo == SIGHUP) {
		reload(keeper);
	} else {
		loop_stop(keeper->loop);
	}
}

static int open_signals(struct keeper *keeper)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	return signals_open(keeper->loop, &keeper->signals, &set, on_signal, keeper);
}

/* ---- life ---- */

static int start(struct keeper *keeper)
{
	int r = loop_new(&keeper->loop);

	if (!r)
		r = open_signals(keeper);
	if (!r)
		r = open_gate(keeper);
	if (r)
		return r;
	secured_bind(keeper);
	leave_state_dir(keeper->options);
	r = mend(keeper);
	init_host(keeper);
	if (!r)
		r = memory_open(keeper);
	if (!r)
		r = acts_open(keeper);
	if (!r)
		r = loads_open(keeper);
	if (!r)
		r = rebuild_open(keeper);
	if (!r)
		r = drift_start(keeper);
	if (!r)
		r = open_events(keeper);
	if (!r)
		r = clockwatch_open(keeper);
	if (!r)
		r = ticks_open(keeper);
	if (!r)
		r = guarding_open(keeper);
	if (!r)
		r = feeding_open(keeper);
	if (!r)
		r = server_open(keeper);
	if (!r)
		r = secured_open(keeper);
	return r;
}

static void stop(struct keeper *keeper)
{
	secured_close(keeper);
	server_close(keeper);
	feeding_close(keeper);
	loads_close(keeper);
	guarding_close(keeper);
	memory_stop(keeper);
	rebuild_close(keeper);
	acts_close(keeper);
	memory_close(keeper);
	acts_free(keeper);
	ticks_close(keeper);
	clockwatch_close(keeper);
	if (keeper->event_watch.on_ready)
		loop_remove(keeper->loop, &keeper->event_watch);
	events_free(keeper->events);
	sweep_free(keeper->sweep);
	gate_close(keeper->gate);
	signals_close(&keeper->signals);
	loop_free(keeper->loop);
}

static void say_machine(void)
{
	const struct machine_hints hints = machine_look("");
	const struct machine machine = machine_judge(&hints);
	char text[MACHINE_TEXT_LEN];

	log_info("machine: hypervisor: %s", machine_text(&machine, text));
}

int keeper_run(const struct daemon_options *options, const struct launched *launcher)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	int r;

	if (!keeper)
		return -ENOMEM;
	keeper->options = options;
	secured_init(keeper, launcher);
	r = start(keeper);
	if (!r) {
		log_info("ready: pins in '%s', socket in '%s'", keeper->gate->pin_dir,
			 keeper->gate->run_dir);
		say_machine();
		testmode_tick(keeper);
		(void)sd_notify(0, "READY=1");
		notify_status(keeper);
		if (!keeper->failed)
			r = loop_run(keeper->loop);
		if (keeper->failed)
			r = -ECHILD;
		(void)sd_notify(0, "STOPPING=1");
		log_info("stopping; the gate stays as it is");
	}
	stop(keeper);
	config_free(keeper->reloading);
	free(keeper);
	return r;
}
