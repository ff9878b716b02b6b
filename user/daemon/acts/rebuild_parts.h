/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Between rebuild.c (passes), rebuild_read.c (the store, in a thread), rebuild_rows.c (entries) and
 * rebuild_settings.c.
 *
 * A start with a million bans and no maps takes 2.2 s on two cores, 2.0 of them in this pass: rows
 * are put into the gate while the store is read (which alone takes 1 s), and sorted behind the open
 * door.
 */
#ifndef STRAZH_USER_DAEMON_ACTS_REBUILD_PARTS_H
#define STRAZH_USER_DAEMON_ACTS_REBUILD_PARTS_H

#include <pthread.h>

#include <user/base/cidrlist.h>
#include <user/ctl/listcopy.h>
#include <user/daemon/acts/actrows.h>
#include <user/daemon/acts/rebuild.h>
#include <user/daemon/keeper.h>
#include <user/gate/reput.h>
#include <user/gate/restore.h>
#include <user/store/store.h>

#define REBUILD_ROWS_MAX (8U << 20)
#define REBUILD_SETTINGS_MAX 8192U
#define REBUILD_SLICE HOSTS_BATCH
#define REBUILD_BLOCKS_MAX 8U
#define REBUILD_ADOPT_MAX 1024U
#define REBUILD_NORMAL_LEN 80U

/* A ban, permission or never entry of an operator, as the store has it. */
struct rebuild_row {
	struct prefix prefix;
	uint8_t table;
	uint32_t note; /* place in the texts of its block; 0: none */
	int64_t since_ms, until_ms;
};
/*
 * Rows on their way from the thread to the loop. Denied hosts of a family come in blocks of their
 * own, which the gate takes in one call.
 */
enum rebuild_kind { REBUILD_DENIED4, REBUILD_DENIED6, REBUILD_OTHERS, REBUILD_KINDS };
struct rebuild_texts {
	char *at;
	size_t len, room;
};
struct rebuild_block {
	struct rebuild_block *next;
	enum rebuild_kind kind;
	size_t len;
	struct rebuild_texts texts;
	struct rebuild_row rows[REBUILD_SLICE];
};
/* Of all of them this is kept: what the store has. */
struct rebuild_known {
	struct prefix prefix;
	uint8_t table;
};
struct rebuild_setting {
	uint32_t name, value; /* places in the texts */
};
struct rebuild_list {
	char name[SZ_LIST_NAME_LEN];
	struct cidrlist entries;
	uint64_t until_wall;
	int fault; /* why there are no entries */
};

enum rebuild_progress {
	REBUILD_READING,
	REBUILD_LISTED, /* every block was handed over, and the lists are there */
	REBUILD_SORTED, /* and the thread is over */
};

/*
 * What a pass reads. Settings are there before the first block, lists with REBUILD_LISTED, `known`
 * with REBUILD_SORTED; until then they are the thread's.
 */
struct rebuild_data {
	pthread_mutex_t lock; /* of these: */
	pthread_cond_t taken;
	struct rebuild_block *blocks, **blocks_last;
	unsigned int blocks_len;
	enum rebuild_progress progress;
	bool stop;

	struct rebuild_known *known; /* sorted by table and prefix */
	size_t len, room;
	uint32_t notes;
	struct rebuild_texts texts; /* of the settings */
	struct rebuild_setting settings[REBUILD_SETTINGS_MAX];
	size_t settings_len;
	struct rebuild_list lists[LISTCOPY_MAX];
	size_t lists_len;
	struct listcopy_names stored, copies; /* of the gate's lists, the store's; of all, copied */
	bool more;			      /* there were more rows than are taken */
	struct store_fault fault;
	int r;
};

/* This boot's first pass: of the setting gate.clock. */
struct rebuild_clock {
	char boot[40], maps[160];
	int64_t offset_ms; /* wall minus boot */
	int64_t first_ms;  /* of the wall */
};

enum rebuild_stage {
	REBUILD_IDLE,
	REBUILD_ROWS,
	REBUILD_SETTINGS,
	REBUILD_SORT,
	REBUILD_HOSTS4,
	REBUILD_HOSTS6,
	REBUILD_TRIES,
};

struct rebuild {
	struct keeper *keeper;
	struct timer timer;
	struct watch watch; /* the thread has something */
	pthread_t thread;
	bool threaded;
	enum rebuild_stage stage;
	uint32_t next_s; /* boot time of the next pass */
	bool down;	 /* the store was away when a pass was due */
	bool said;	 /* of a failure */
	struct rebuild_clock clock;
	bool new_maps; /* settings are to be put there; the clock is not kept before that is done */
	bool running;  /* the loop does */
	char normal[REBUILD_NORMAL_LEN]; /* traffic, before this start; empty: not known */
	struct listcopy_names there;	 /* lists that the gate has */
	struct rebuild_data *data;

	/* of this pass */
	uint64_t begin_ms;
	struct rebuild_block *block; /* that is being put, from `at` on; NULL: none */
	bool clocked;
	size_t at;
	unsigned int trie; /* table * 2 + (IPv6) */
	bool fresh[2];	   /* the map of hosts was empty, and nobody else was served since */
	struct host_scan *scan;
	size_t list_at;
	struct load_order *order;    /* of the list before that; NULL: none is on its way */
	bool settled, sourced;	     /* settings are put and taken over; so are: */
	struct reput_cursor sources; /* with limits of their own */
	struct prefix adopt[REBUILD_ADOPT_MAX];
	size_t adopt_len, adopt_at;
	uint64_t put, adopted, timed, refused, over, lists;
	bool again; /* another pass is needed */
	struct host_batch batch;
	struct restore_host hosts[REBUILD_SLICE];
};

/* rebuild_read.c: the thread's, and the end of what it made. */
void *rebuild_read(void *rebuild);
struct rebuild_data *rebuild_data_new(void);
void rebuild_data_free(struct rebuild_data *data);
/* The thread is to come to its end. */
void rebuild_data_stop(struct rebuild_data *data);
int rebuild_known_compare(const void *a, const void *b);
/* The next block, or NULL: there is none now. */
struct rebuild_block *rebuild_block_take(struct rebuild_data *data,
					 enum rebuild_progress *ret_progress);
void rebuild_block_free(struct rebuild_block *block);

/* rebuild_rows.c: a slice. 0; STORE_FULL: the store takes no more now; what failed. */
int rebuild_rows(struct rebuild *rebuild, bool *ret_done) must_check;
int rebuild_entries(struct rebuild *rebuild, bool *ret_done) must_check;

/* rebuild_settings.c */
/* Fills rebuild->clock and new_maps. */
void rebuild_clock_begin(struct rebuild *rebuild);
/* Fills rebuild->normal, and tells the guard, if there is one yet. */
void rebuild_normal_read(struct rebuild *rebuild);
/* A slice. 0; STORE_FULL; -EAGAIN: a list is on its way, and its end starts the timer. */
int rebuild_settings(struct rebuild *rebuild, bool *ret_done) must_check;
/* An act that nobody did now: it was found in the gate. */
int rebuild_adopt(struct keeper *keeper, json_t *act) must_check; /* steals it */

static inline const char *rebuild_text(const struct rebuild_texts *texts, uint32_t at)
{
	return at ? texts->at + at : "";
}

#endif
