/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One command being carried out. It emits rows (JSON objects without a key "result") and then one
 * result: {"result": NAME, "code": N, "command": ..., "message": ...}.
 */
#ifndef STRAZH_USER_CTL_REQUEST_H
#define STRAZH_USER_CTL_REQUEST_H

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>
#include <user/ctl/command.h>
#include <user/ctl/host_shown.h>
#include <user/gate/attach.h>
#include <user/gate/gate.h>
#include <user/gate/sweep.h>

struct history;
struct records;
struct request;

/* Who carries it out. All pointers may be NULL. */
struct host_server {
	bool running;
	const char *text;			    /* where, with what: for a person */
	uint64_t connections, opened, refused, bad; /* now; and since its start */
	uint64_t pool_threads;			    /* of the crypto pool, now */
	uint64_t pool_jobs, pool_full; /* batches that it did and had no room for, since then */
	uint64_t restarts;	       /* of its process, after it ended by itself */
	const char *cause;	       /* how the last one ended; "": none did */
};

/* What the load is and what it asks for: shares are 0 to 1, PSI in per cent. */
struct host_pace {
	bool acts; /* it is carried out, not only shown */
	bool cookies, psi_known,
		probes;		   /* asked for; there are figures; SYNs to closed ports are told */
	uint64_t state_s, changes; /* so long in this state; how often it changed */
	const char *why;	   /* what the state means */
	double strain, hostility;
	double all, trusted, limited, admission;
	unsigned puzzle, puzzle_now; /* bits: at least; that strangers are given */
	double psi, psi_cpu, psi_memory, psi_io, loss, delay_ms, slots;
	uint64_t passed_pps, lost_pps, half_open, accept_waiting;
	uint64_t facts, observations, limits, bans, prefix_bans, lifts, alarms;
};

struct host_guard {
	const char *mode, *state; /* as guard.mode has it; of attack */
	uint64_t known, limited, banned, prefixes_banned;
	uint64_t undone;  /* bans that the gate did not take and that are tried again, now */
	uint64_t lost;	  /* bans and limits that it did not take and that were given up, so far */
	uint64_t unheard; /* facts that were lost on their way */
	struct host_pace pace;
};

struct host_memory {
	const char *url, *why; /* of the store, without a password; why it is degraded, or "" */
	bool on, degraded;     /* on: it is not `none` */
	uint64_t since_s;      /* of the wall, when degraded */
	uint64_t backlog, backlog_max;
	uint64_t written, undone; /* acts; undone: taken, and not written */
	uint64_t missed, late; /* acts not taken; of these those that are still to be made good */
	uint64_t sources, dropped; /* states of sources that wait; that found no room */
	uint64_t journal;	   /* bytes of operators' acts that wait for it in the journal */
	uint64_t forgotten;	   /* acts that neither it nor the journal took */
	const char *moved_why;	   /* why it is not known where the store was moved to, or NULL */
};

#define HOST_PROCESSES_MAX 8
#define HOST_CALLS_MAX 128
struct host_process {
	const char *name, *does;
	pid_t pid;			   /* 0: it does not run */
	bool confined;			   /* and so by what: */
	uint32_t calls;			   /* that its filter allows, as it says */
	const char *names[HOST_CALLS_MAX]; /* of these calls; NULL ends them, or the room does */
	int landlock;			   /* ABI; 0: the kernel has none */
	uint32_t ports;			   /* that it may connect to */
};

struct host {
	bool daemon;
	const char *run_dir, *pin_dir, *state_dir;
	uint64_t started_s; /* boot time */
	struct sweep *sweep;
	const struct history *history;
	/* An act that strazhd must know of later: see journal.h. Steals nothing. */
	int (*on_act)(void *context, const json_t *act);
	/* A list was loaded: keep a copy of it, until_wall 0: for good. 0 or -errno. */
	int (*on_list)(void *context, const char *name, const struct prefix *entries, size_t count,
		       uint64_t until_wall);
	/*
	 * Load or unload it (no records) without waiting: `later` is set, the records are taken
	 * over, and the command is run again with `loaded`. NULL: at once. 0 or -errno.
	 */
	int (*on_load)(struct request *request, const char *name, struct records *records);
	/* The operator wants the gate there, or not there any more. */
	void (*on_attached)(void *context, const char *ifname, enum attach_mode mode);
	void (*on_detached)(void *context, const char *ifname);
	/* An attachment waits for `confirm`: somebody must roll it back at until_s. */
	void (*on_lease)(void *context, uint32_t until_s);
	/* Was it wanted, though it is not there now? */
	bool (*is_wanted)(void *context, const char *ifname);
	/* The secured server, when strazhd has one. */
	const struct host_server *(*server)(void *context);
	/* Its processes; returns how many. */
	size_t (*security)(void *context, struct host_process list[HOST_PROCESSES_MAX]);
	/* The guard of strazhd. The story is written as snprintf does; 0: it is off. */
	const struct host_guard *(*guard)(void *context);
	int (*guard_why)(void *context, const struct prefix *host, char *text, size_t size);
	/* Somebody reports a host (of the guard's length); per cent, 0: the usual weight. */
	enum host_reported (*report)(void *context, const struct prefix *host, unsigned weight,
				     uint64_t for_s);
	/* Limits are relaxed for a load test. */
	bool (*test_mode)(void *context);
	/* A ban was taken back by an operator; NULL: all of them. */
	void (*on_unbanned)(void *context, const struct prefix *prefix);
	/* The store of strazhd. */
	const struct host_memory *(*memory)(void *context);
	const struct host_feed *(*feeds)(void *context, size_t *ret_count);
	/* Take the store to another database: a ctl_code, and why not. */
	int (*store_switch)(void *context, const char *url, char *why, size_t size);
	const struct host_switch *(*switching)(void *context);
	void *context;
};

struct request {
	const struct command *command;
	json_t *args;
	struct gate *gate;
	const struct host *host;
	uid_t uid;
	int file_fd;		     /* CMD_FILE, else -1 */
	const json_t *story;	     /* CMD_STORY: records of the audit, or NULL: */
	const char *story_why;	     /* why not, or NULL: there is no audit */
	const struct loaded *loaded; /* NULL: it is run for the first time */
	bool later; /* set by the command: it is run again, and this was no answer */
	/* Takes a row over; non-zero: nobody reads any more, stop. */
	int (*on_row)(void *context, json_t *row);
	void *sink;
	json_t *result; /* extra keys of the result; may stay NULL */
	char message[1024];
	char warning[256]; /* done, but */
};

/* Say how it ended; returns `code`. */
int request_say(struct request *request, int code, const char *format, ...) printf_like(3, 4);
/* What a call of user/gate/ returned and has explained, as what `run` may return. */
int request_fail(struct request *request, int r);
/* Done, but something beside it went wrong. */
void request_warn(struct request *request, const char *format, ...) printf_like(2, 3);
/* Steals `row`. Non-zero: stop. */
int request_row(struct request *request, json_t *row) must_check;
/* Extra key of the result; steals `value`. */
void request_set(struct request *request, const char *key, json_t *value);
/* The warning when the journal in a folder cannot be written, why. */
#define REQUEST_NO_JOURNAL                                                                         \
	"done, but it could not be written to the journal in '%s' (%s): it is forgotten if the "   \
	"maps are lost before strazhd runs"
/* Pass an act on to the host; a failure becomes a warning. Steals `act`. */
void request_act(struct request *request, json_t *act);

const char *request_text(const struct request *request, const char *key); /* NULL: not given */
bool request_flag(const struct request *request, const char *key);
uint64_t request_number(const struct request *request, const char *key); /* 0: not given */
/* Duration in seconds, 0: not given. */
uint64_t request_seconds(const struct request *request, const char *key);
/* args_check() has been there; 0 or -EINVAL. */
int request_prefix(const struct request *request, const char *key,
		   struct prefix *ret_prefix) must_check;

/* Run it and build the result, which is the caller's. */
json_t *request_run(struct request *request);
json_t *result_make(const char *command, int code, const char *message);

/* ---- as a line ---- */

/*
 * {"command": NAME, "args": {...}}: CTL_DONE; or CTL_USAGE and `why`. The line is a stranger's:
 * nesting, size and numbers are bounded by jansson and by args_check(), which this calls.
 */
int request_parse(const char *line, size_t len, const struct command **ret_command,
		  json_t **ret_args, char why[WHY_LEN]) must_check;
/* One line with newline; the caller's. NULL: no memory. */
char *request_format(const struct command *command, const json_t *args);

#endif
