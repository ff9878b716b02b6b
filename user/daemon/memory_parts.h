/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Between the files of the memory alone. */
#ifndef STRAZH_USER_DAEMON_MEMORY_PARTS_H
#define STRAZH_USER_DAEMON_MEMORY_PARTS_H

#include <user/daemon/keeper.h>
#include <user/daemon/late.h>
#include <user/daemon/memory.h>
#include <user/daemon/recall.h>
#include <user/guard/record.h>

#define MEMORY_SHOWN_LEN 256
#define MEMORY_FRESH_MAX 256U

struct story_wait;

/* A source that was banned just now: its state follows the ban at once. */
struct fresh {
	struct prefix prefix;
	float score, pressure;
};

/* remember.c */
struct remembering {
	uint32_t recalling; /* readings of all that is stored, on their way to the guard */
	bool due;	    /* one of these waits until the journal is in the store */
	bool partial;	    /* the store knows sources that the guard does not */
	uint32_t fetching;  /* sources that were asked for */
	uint64_t unasked;   /* that could not be, there were too many */
	uint64_t broken;    /* rows that make no sense */

	struct late late;
	bool restate;	/* more was late than there was room for: all bans once more */
	bool comparing; /* what the store has is on its way to be compared with the gate */
	bool withdrawn; /* it has bans of the guard's, and no guard acts */

	struct fresh fresh[MEMORY_FRESH_MAX];
	uint32_t fresh_len;

	uint32_t cursor;	      /* of the walk */
	uint64_t round_ms, before_ms; /* when this one began, and the one before */
	bool walking, full;	      /* in a round; not all of it found room */

	uint64_t counts[GUARD_ACT_COUNT]; /* not recorded one by one, in this minute */
	uint64_t unsaid;		  /* records beyond what a second may have */
	uint64_t summed_ms;
	uint64_t second;
	uint32_t notes; /* in that second */
};

struct memory {
	struct keeper *keeper;
	struct store *store;	  /* NULL: there is none */
	struct store_fault fault; /* why, when there should be one */
	struct recall *recall;
	struct moving *moving; /* NULL: it was never moved */
	struct watch watch, recall_watch;
	struct timer tick;
	bool wanted;		    /* it is not `none` */
	bool degraded;		    /* said already */
	bool undone_said;	    /* as well */
	uint64_t opened_s;	    /* of the wall */
	char url[MEMORY_SHOWN_LEN]; /* without its password */
	uint64_t missed;	    /* acts that it did not take */
	uint64_t undone;	    /* that it took and did not write */
	struct remembering remembering;
	struct story_wait *stories; /* list: commands that wait for one */
	struct host_memory shown;
	char moved_why[160]; /* why it is not known where it was moved to, or "" */
	char why[sizeof((struct store_fault){0}.text)];
};

int64_t memory_wall_ms(void);
/* What the store says of an act: a failure is counted and said once. `data` is the memory. */
void memory_done(void *data, int result);

/* ---- story.c ---- */
void story_found(void *memory, void *tag, json_t *records, const char *why);
/* Those who have waited too long get none. */
void stories_tick(struct memory *memory);
void stories_close(struct memory *memory);

#endif
