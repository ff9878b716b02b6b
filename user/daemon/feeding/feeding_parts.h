/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Between feeding.c, feeding_list.c, feeding_met.c and crowdsec.c alone. */
#ifndef STRAZH_USER_DAEMON_FEEDING_FEEDING_PARTS_H
#define STRAZH_USER_DAEMON_FEEDING_FEEDING_PARTS_H

#include <user/daemon/config/config_feed.h>
#include <user/daemon/feeding/feed_child.h>
#include <user/daemon/feeding/feed_reads.h>
#include <user/daemon/feeding/feeding.h>
#include <user/feed/decisions.h>
#include <user/feed/judge.h>
#include <user/feed/listed.h>

#define FEED_LIST_PREFIX "feed."
#define FEED_LIST_LEN 32
#define FEED_SECONDS 300U /* for one download */
#define FEED_REDIRECTS 5U
#define FEED_TOLD 4096U /* sources that the guard was told of */

/* When it is tried, and how it went: the same for a list and for CrowdSec. */
struct feed_tries {
	uint64_t next_ms; /* boot time; 0: at once */
	uint64_t tried_s; /* wall clock; 0: never */
	unsigned failures;
	bool again; /* asked for while one was under way: it is not over with its end */
	char fault[FEED_TEXT_LEN]; /* of the last try; "": it went well */
};

/* What a copy is read for. */
enum feed_read_for {
	FEED_READ_OPENED,   /* it is of an earlier life */
	FEED_READ_ENFORCED, /* weight, bar or time are others */
	FEED_READ_FETCHED,  /* it is new: NAME.new */
};

struct feed {
	struct feeding *feeding;
	char name[CONFIG_FEED_NAME_MAX + 1], list[FEED_LIST_LEN];
	/* Of the configuration. */
	char url[FEED_URL_LEN];
	uint64_t every_s, expiry_s, max_entries, max_bytes;
	unsigned weight;
	enum feed_format format;
	bool wide;

	struct feed_child child;
	struct feed_tries tries;
	/* The last good copy. */
	struct feed_head head; /* count 0 and fetched_s 0: there is none */
	uint64_t fresh_s;      /* wall clock: when it was last known to be the newest */
	struct feed_sieve sieve;
	uint64_t refused; /* by the gate: never-ban entries */
	char refusal[2 * PREFIX_TEXT_LEN + 32];
	struct feed_read *reading; /* on its way from the disk; NULL: none is, with: */
	enum feed_read_for reading_for;
	bool reading_weighed, reading_wide; /* as it was then */
	bool enforce_due;	  /* the copy that holds, if the one that is read is none */
	struct load_order *order; /* on its way into the gate; NULL: none is, with: */
	char *coming;		  /* what its entries are in */
	uint32_t coming_until_s;
	bool trying; /* it ends a try */
	bool in_force, in_gate;
	uint32_t gate_until_s; /* of its entries there; 0: in_gate, but not known */
	struct listed listed;
	struct feed *next;
};

/* An answer on its way into the table. */
struct crowdsec_taking {
	char *bytes; /* NULL: none is, with: */
	const struct feed_decision *decisions;
	uint64_t count, at;
	uint64_t now_ms; /* when it came */
	enum { CROWDSEC_FORGET, CROWDSEC_TAKE, CROWDSEC_SETTLE } stage;
	bool stale; /* the API is another meanwhile */
	int r;
};

struct crowdsec {
	struct feeding *feeding;
	char url[FEED_URL_LEN], key_file[FEED_URL_LEN];
	uint64_t every_s;
	unsigned scopes;
	uint32_t max_entries;

	struct feed_child child;
	struct feed_tries tries;
	struct decisions *decisions;
	struct timer slice;
	struct feed_read *reading; /* an answer on its way from the disk; NULL: none is */
	struct crowdsec_taking taking;
	bool expiring;
	uint32_t bit; /* in the gate; SZ_LISTS: none */
	bool synced;  /* what came is a change of what is known */
	bool asked_all;
	uint64_t expired_ms;
	uint64_t synced_s, other, wrong;
	uint64_t refused;
	char refusal[PREFIX_TEXT_LEN + 32];
	bool failing; /* the gate does not take them, and that is said */
};

struct feeding {
	struct keeper *keeper;
	struct timer tick;
	struct feed_reads *reads;
	struct feed *feeds; /* list, in the order of the configuration */
	struct crowdsec *crowdsec;
	/* Made by feeding_prepare(). */
	struct feed *coming;
	struct crowdsec *crowdsec_coming;
	bool prepared;
	bool running; /* the loop does: lists go into the gate and out of it in slices */
	char dir[FEED_CHILD_PATH_LEN - 64];
	uint32_t checked_s;
	struct feed_told {
		uint64_t host; /* mixed with seed */
		uint64_t until_ms;
	} told[FEED_TOLD];
	uint64_t seed;
	bool listing; /* some feed has a table */
	struct host_feed *shown;
};

uint64_t feeding_now_ms(void);
uint32_t feeding_chance(void);
/* After a try: when the next one is. `what` is the log's subject. Says a failure once. */
void feed_tries_well(struct feed_tries *tries, const char *what, uint64_t every_s);
/* At once, and once more when one is under way, which was asked before. */
void feed_tries_again(struct feed_tries *tries);
void feed_tries_failed(struct feed_tries *tries, const char *what, uint64_t every_s,
		       const char *format, ...) printf_like(4, 5);
/* The live entries of the allow list, in no order; free(). 0 or -errno. */
int feeding_allowed(struct feeding *feeding, struct prefix **ret_list, size_t *ret_len) must_check;
void feeding_forget_told(struct feeding *feeding);
/* The list goes; `what` is the log's subject of a failure. */
void feeding_drop_list(struct feeding *feeding, const char *list, const char *what);

/* ---- a list: feeding_list.c ---- */

/* The last good copy from the disk, put in force when it still holds. */
void feed_open(struct feed *feed);
void feed_tick(struct feed *feed, uint64_t now_ms, bool may_start);
/* What is in force as it should be for weight and bar. */
void feed_enforce(struct feed *feed);
/* What was fetched and is on its way from the disk is not wanted any more. */
void feed_forget_fetched(struct feed *feed);
/* It is no more: out of the gate, its file is gone. */
void feed_remove(struct feed *feed);
void feed_free(struct feed *feed);
/* It weighs as much as a ban. */
bool feed_bans(const struct feed *feed);
uint64_t feed_left_s(const struct feed *feed);

/* ---- CrowdSec: crowdsec.c ---- */

int crowdsec_new(struct feeding *feeding, const struct config *config,
		 struct crowdsec **ret_crowdsec) must_check;
void crowdsec_free(struct crowdsec *crowdsec);
/* Takes over what the gate has of an earlier life. */
void crowdsec_open(struct crowdsec *crowdsec);
void crowdsec_tick(struct crowdsec *crowdsec, uint64_t now_ms);
/* The same API with other settings, or another one. */
void crowdsec_change(struct crowdsec *crowdsec, struct crowdsec *to);
/* The gate lost the list: everything comes anew. */
void crowdsec_lost(struct crowdsec *crowdsec);
#define CROWDSEC_LIST FEED_LIST_PREFIX "crowdsec"

/* ---- for the store: feeding_store.c ---- */

void feeding_store_feed(const struct feed *feed);
void feeding_store_list(const struct feed *feed, bool removed);
void feeding_store_remove(const struct feed *feed);

#endif
