/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Threads that write without end, each with a session of its own, while the test does something
 * bad to the database. Each write goes into a ledger (deed.h); now and then one is read back.
 */
#ifndef TESTS_ORM_KIT_LOAD_H
#define TESTS_ORM_KIT_LOAD_H

#include <stdint.h>

#include <tests/orm/kit/deed.h>

#define LOAD_THREADS 8

struct load {
	struct ledger ledger;
	struct orm *orm;
	unsigned ways;	   /* of deed_draw() */
	uint64_t may_fail; /* classes that writers may be told, as bits */
	bool reads;	   /* own writes are read back, and must be there */
	bool durable;	   /* all writes are */
	uint32_t pause_us; /* after each write, up to */
	int32_t first;	   /* writers are first, first + 1, ... */
	bool stop;	   /* from here on the load's own */
	bool bad;
	char fault[256];
	uint64_t read_back;
	uint64_t longest_ms[ORM_CLASS_COUNT]; /* of a call that ended so */
	pthread_t threads[LOAD_THREADS];
	int started;
};

/* What a crash may bring; and that a transaction met others more often than it is run again. */
#define LOAD_LOST                                                                                  \
	(1ULL << ORM_E_CONNECTION | 1ULL << ORM_E_UNKNOWN_OUTCOME | 1ULL << ORM_E_OPEN_CIRCUIT |   \
	 1ULL << ORM_E_BUSY | 1ULL << ORM_E_SERIALIZATION)

void load_start(struct load *load, const struct orm_options *options, const char *url);
/* Ends the threads, fails the test when a writer was told what it may not be, or missed a row of
 * its own. The database stays open. */
void load_stop(struct load *load);
void load_close(struct load *load); /* the database and the ledger */
/* Until so many more writes were acknowledged; the milliseconds that took. Fails after `most`. */
int64_t load_wait(struct load *load, uint64_t writes, int64_t most_ms);
/* So often were writers told this class; 0: acknowledged. */
uint64_t load_told(struct load *load, int class);
int64_t load_now_ms(void);
void load_sleep_ms(int64_t ms);

#endif
