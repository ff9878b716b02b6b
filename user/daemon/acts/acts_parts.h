/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Between acts.c, acts_journal.c and acts_import.c. */
#ifndef STRAZH_USER_DAEMON_ACTS_ACTS_PARTS_H
#define STRAZH_USER_DAEMON_ACTS_ACTS_PARTS_H

#include <pthread.h>

#include <user/daemon/acts/actrows.h>
#include <user/daemon/acts/acts.h>
#include <user/daemon/keeper.h>
#include <user/daemon/memory/memory.h>

#define ACTS_TOUCHED_BITS 65536U
#define ACTS_NAMED_BITS 8192U

struct ack {
	struct ack *next;
	struct keeper *keeper;
	struct client_link *link; /* NULL: it left, or was answered */
	json_t *acts, *result;
	uint32_t pending; /* acts that the store has not decided about */
	uint64_t since_ms;
	bool journaled, late;
	bool must, writing; /* it has to be journaled; it is being */
};

struct acts {
	struct ack *first, **last;
	json_t *taken; /* of the request that is being run */
	uid_t uid, named_uid;
	char name[STORE_NAME_MAX + 1]; /* of the actor */
	bool running;		       /* a request is */
	bool on;		       /* there is a store */
	bool journaling;	       /* the journal has acts that the store does not have */
	bool holding;		       /* the last of them are on their way: others wait for it */
	uint64_t unwritten, refused;
	struct timer timer;
	uint8_t touched[ACTS_TOUCHED_BITS / 8], named[ACTS_NAMED_BITS / 8];

	/* acts_journal.c */
	struct watch
		journal_watch; /* fd -1: the loop does not run, and the journal is waited for */
	pthread_t journal_thread;
	bool writing; /* the thread has: */
	struct acts_job {
		const char *state_dir;
		char *text; /* NULL: the journal is emptied */
		size_t len, count;
		int fd, r;
	} job;

	/* acts_import.c: a piece of the journal; all before `from` + `at` is with the store. */
	char *text;
	size_t from, len, at;
	uint32_t out;	   /* not decided yet */
	bool failed;	   /* begin anew */
	uint64_t stuck_ms; /* when the journal, taken in, could not be emptied; 0: it could */
	bool stuck_said;
	bool crossed; /* bans of the guard were taken out of the store by it */
	uint64_t imported, bad;
};

/* FNV-1a over what makes a prefix; the fold is what a strange pattern would have to meet. */
static inline uint32_t acts_bit(const struct prefix *prefix)
{
	const uint8_t *bytes = prefix->addr;
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < sizeof(prefix->addr); i++)
		hash = (hash ^ bytes[i]) * 16777619U;
	hash = (hash ^ prefix->len) * 16777619U;
	return (hash ^ hash >> 16) % ACTS_TOUCHED_BITS;
}

void acts_warn(json_t *result, const char *text); /* adds to its warning */
/* Those that were journaled and not answered yet. An answer may add to the list behind them. */
void acts_answer(struct acts *acts);
/* The journal is empty: those that waited for that go to the store. */
void acts_submit_held(struct keeper *keeper);

/* All that is in no journal yet goes there, by a thread; unless it is at work: then afterwards. */
void acts_journal(struct keeper *keeper);
/* The store has all of it: it is emptied so as well, and then acts go to the store again. */
void acts_journal_empty(struct keeper *keeper);
int acts_journal_open(struct keeper *keeper) must_check;
void acts_journal_close(struct keeper *keeper);

size_t acts_journal_len(const struct keeper *keeper);
/* As much of the journal as the store takes now. Emptied when the store has all of it. */
void acts_import(struct keeper *keeper);
/* The store has all that is in the journal. */
bool acts_imported(const struct keeper *keeper);
void acts_import_end(struct acts *acts);
/* Before the loop runs: until the store has decided something, some moments at most. */
int acts_wait(struct keeper *keeper) must_check;

#endif
