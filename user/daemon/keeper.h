/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The keeper: owns the gate, serves strazhctl, and keeps what is in the kernel as it should be.
 * One thread, one loop. Each part of it is a file of its own over this struct.
 */
#ifndef STRAZH_USER_DAEMON_KEEPER_H
#define STRAZH_USER_DAEMON_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include <user/ctl/history.h>
#include <user/ctl/request.h>
#include <user/daemon/config/options.h>
#include <user/daemon/wanted.h>
#include <user/daemon/worker/control.h>
#include <user/daemon/worker/split.h>
#include <user/daemon/worker/worker_ports.h>
#include <user/gate/events.h>
#include <user/gate/gate.h>
#include <user/gate/sweep.h>
#include <user/net/loop.h>
#include <user/net/netwatch.h>

struct acts;
struct rebuild;
struct client_link;
struct feeding;
struct guarding;
struct loads;
struct memory;
struct reader;

#define CLIENTS_MAX 64U
/* Of these, those that are not root: nobody but root can use up the last ones. */
#define CLIENTS_GUESTS 32U
#define READERS_MAX 8U
#define READERS_GUESTS 4U

#define SECURED_TROUBLE_LEN 480
/* The secured server, when it is enabled. */
struct secured {
	struct watch watch; /* our end of the split; fd -1: there is none */
	struct split_message figures;
	uint32_t second;	    /* in which there were, of messages: */
	uint32_t said, bad, opened; /* all; SPLIT_BAD_RATE, SPLIT_OPENED_RATE */
	uint64_t unheard;	    /* beyond these rates */
	bool resting;		    /* it said too much, and is heard again with the next tick */
	uint32_t silent_s;	    /* ticks without figures */
	struct host_server shown;
	char trouble[SECURED_TROUBLE_LEN]; /* why it does not run; "": nothing wrong */

	/* Its life: secured_life.c. */
	enum {
		SECURED_DOWN,
		SECURED_STARTING,
		SECURED_RUNNING,
		SECURED_RELOADING,
	} state;
	struct launched {
		int fd; /* of the launcher; -1: there is none */
		pid_t pid;
	} launcher;
	struct worker_ports ports;
	struct watch launcher_watch, control_watch; /* fd -1: there is none */
	struct timer timer;			    /* to start it again; it answers too late */
	struct control_answer *answer;		    /* the last one */
	pid_t pid;				    /* 0: none runs */
	uint32_t since_s, pause_s;		    /* boot time; before the next start */
	uint32_t calls, upstream_ports;		    /* what holds it, as it says */
	int landlock;
	uint64_t restarts;
	char text[CONTROL_TEXT_LEN];	  /* where it serves, with what */
	char cause[128];		  /* how the last one ended; "": none did */
	char logged[SECURED_TROUBLE_LEN]; /* of the troubles, the last one */
	char mute[CONTROL_TEXT_LEN];	  /* text, while it is silent */
	const char *killed;		  /* why we ended it; NULL: we did not */
	bool expected;			  /* its end: it said why, or we want it */
	bool launched;			  /* a worker has answered, whichever */
	bool alone;			  /* worker and launcher are gone, for good */
};

struct keeper {
	const struct daemon_options *options;
	struct loop *loop;
	struct gate *gate;
	struct sweep *sweep;
	struct events *events;
	struct history history;
	struct host host; /* as commands see us */
	struct wanted wanted;

	struct secured secured;
	struct guarding *guarding;
	struct feeding *feeding;
	struct memory *memory;
	struct acts *acts;
	struct rebuild *rebuild;
	struct loads *loads;

	struct watch listen;
	struct client_link *clients; /* list */
	unsigned int clients_len, guests_len;
	struct reader *readers; /* list: children that write long answers */
	unsigned int readers_len, guest_readers_len;
	gid_t group; /* of those who may read; (gid_t)-1: there is no such group */

	struct watch event_watch;
	struct timer tick;    /* each second */
	struct timer settle;  /* some moments after the network changed */
	struct timer sweeper; /* a slice of collecting */
	struct netwatch netwatch;
	struct signals signals;
	struct watch clock_watch; /* wakes when the wall clock is set */
	int64_t boot_ahead_ns;	  /* boot time minus monotonic time: grows by what we slept */
	int64_t wall_ahead_ns;	  /* wall minus boot, as the store was told times by */
	uint32_t last_never_s, last_drift_s;
	uint64_t sweep_work_ns;		   /* spent in this round */
	bool sweeping;			   /* in a round */
	uint32_t sweeps_wanted;		   /* rounds without a rest */
	bool settling;			   /* the network changed, and we let it come to rest */
	bool watchdog;			   /* systemd wants a sign of life */
	bool never_failing, drift_failing; /* said already */
	bool cookies_refused;		   /* as well */
	uint32_t test_said_s;		   /* when test mode was said last; 0: it is off */
	/*
	 * A configuration that is right is about to hold: what is live of it is new, the rest as at
	 * the start. Whatever can fail is done here, and then nothing of it is taken: CONFIG_WRONG
	 * and `faults`, or -errno. RELOAD_LATER: reload_end() will tell. NULL: nobody else takes
	 * part.
	 */
	int (*on_config)(void *owner, const struct config *config, struct config_faults *faults);
	void *on_config_owner;
	struct config *reloading; /* offered, and not answered yet; NULL: none */
	bool reload_again;	  /* SIGHUP meanwhile */
	bool failed;		  /* it ends, and not because somebody wants it */
	char status[200];
};

/* Each part: opened once, in this order; closing is safe in every state. */
int server_open(struct keeper *keeper) must_check;
void server_close(struct keeper *keeper);
/* Look the group up; it may have been made since. */
void server_find_group(struct keeper *keeper);
/* An event for those who follow. */
void server_tell(struct keeper *keeper, const struct sz_event *event);
void server_tick(struct keeper *keeper);
/* A child has ended. */
void readers_reap(struct keeper *keeper);

/* Before all else: secured_close() is safe from here on. */
void secured_init(struct keeper *keeper, const struct launched *launcher);
/* Binds the ports, while the keeper may: before there are other threads. */
void secured_bind(struct keeper *keeper);
int secured_open(struct keeper *keeper) must_check;
/* As host->security() wants it. */
size_t security_list(void *keeper, struct host_process list[HOST_PROCESSES_MAX]);
/* For `strazhctl status`; NULL: it is not enabled. */
const struct host_server *secured_show(void *keeper);
/* What the worker said last of how it stands; NULL: nothing, or it does not run. */
const struct split_message *secured_figures(const struct keeper *keeper);
/* To the worker; false: it does not hear it now. */
bool secured_tell(const struct keeper *keeper, const struct split_message *message);
void secured_close(struct keeper *keeper);

int ticks_open(struct keeper *keeper) must_check;
void ticks_close(struct keeper *keeper);
/* The configuration again: all of it is taken, as far as it needs no restart, or nothing. */
void reload_config(struct keeper *keeper);
#define RELOAD_LATER 2
/* What on_config() left open: as it would have said it. */
void reload_end(struct keeper *keeper, int r, const struct config_faults *faults);

/* Everything anew: never, drift, and a round of the sweep, in slices. */
void ticks_resync(struct keeper *keeper);

int clockwatch_open(struct keeper *keeper) must_check;
void clockwatch_close(struct keeper *keeper);
/* Did the machine sleep since the last call? */
void clockwatch_tick(struct keeper *keeper);

/* Interfaces as they should be, pins where they should be. */
void drift_check(struct keeper *keeper);
/* Ports and entries of protected services, the kernel's settings of TCP. */
void servicewatch_check(struct keeper *keeper);
/* Each second: sizes. */
void servicewatch_tick(struct keeper *keeper);
/* What is attached at start: adopt, upgrade, attach what the options name. 0 or a failure said. */
int drift_start(struct keeper *keeper) must_check;

/* Acts done while we were away. */
int replay_journal(struct keeper *keeper) must_check;

/* The line in `systemctl status`, sent when it changed. */
void notify_status(struct keeper *keeper);

#endif
