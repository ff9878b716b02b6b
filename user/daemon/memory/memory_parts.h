/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Between the files of the memory alone. */
#ifndef STRAZH_USER_DAEMON_MEMORY_MEMORY_PARTS_H
#define STRAZH_USER_DAEMON_MEMORY_MEMORY_PARTS_H

#include <user/daemon/keeper.h>
#include <user/daemon/memory/late.h>
#include <user/daemon/memory/memory.h>
#include <user/daemon/memory/recall.h>
#include <user/guard/record.h>

#define MEMORY_SHOWN_LEN 256
#define MEMORY_FRESH_MAX 256U

#define MEMORY_FORGIVEN_BITS 65536U
#define MEMORY_FETCHED 4096U

struct story_wait;

/* A source that was banned just now: its state follows the ban at once. */
struct fresh {
	struct prefix prefix;
	float score, pressure;
};

/* remember.c */
struct remembering {
	uint32_t recalling; /* readings of all that is stored, on their way to the guard */
	bool due;	    /* one of them is to be asked for; what comes before it is stale */
	uint32_t reads;	    /* that were asked for, of all or of bans */
	bool partial;	    /* the store knows sources that the guard does not */
	uint32_t fetching;  /* sources that were asked for */
	uint16_t fetched[MEMORY_FETCHED]; /* how many of them, by hash */
	/* Prefixes that operators forgave while something is read: what is read may be older. */
	uint8_t forgiven[MEMORY_FORGIVEN_BITS / 8];
	bool cleared;	  /* all bans of the guard were, meanwhile */
	uint64_t unasked; /* that could not be, there were too many */
	uint64_t broken;  /* rows that make no sense */

	struct late late;
	bool restate;  /* more was late than there was room for: all bans once more */
	bool saying;   /* that is going on: */
	bool say_more; /* and then anew: acts were lost meanwhile */
	bool said_prefixes;
	uint32_t said_at; /* of the prefixes, then of the sources */
	bool comparing;	  /* what the store has is on its way to be compared with the gate */
	bool withdrawn;	  /* it has bans of the guard's, and no guard acts */

	struct fresh fresh[MEMORY_FRESH_MAX];
	uint32_t fresh_len;

	uint32_t cursor;	      /* of the walk */
	uint64_t round_ms, before_ms; /* when this one began, and the one before */
	bool walking, full;	      /* in a round; not all of it found room */
	bool skipped;		      /* sources that are being fetched were left out */

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

/* ---- remember_back.c, for remember.c ---- */

/* What is to be read is asked for, when the store has all that was done before. 0 or -ENOMEM. */
int remember_ask(struct memory *memory) must_check;
/* Who wanted it is gone. */
void remember_unask(struct memory *memory);
/* All bans are said, and the store's are compared with them. */
void remember_compare(struct memory *memory);
/* The store has a past of it that is on its way here. */
bool remember_is_fetched(const struct remembering *remembering, const struct prefix *prefix);
/* NULL: everyone. */
void remember_note_forgiven(struct remembering *remembering, const struct prefix *prefix);

/* ---- story.c ---- */
void story_found(void *memory, void *tag, json_t *records, const char *why);
/* Those who have waited too long get none. */
void stories_tick(struct memory *memory);
void stories_close(struct memory *memory);

#endif
