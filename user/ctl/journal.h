/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The journal: acts that the store does not have yet, one JSON object a line in
 * <state dir>/journal: those done by strazhctl while no strazhd ran, and those that strazhd did
 * while its store was away. The maps hold them already; strazhd imports them into the store, in
 * their order, and empties the file (user/daemon/acts/acts.h). Until then, should the maps be lost
 * (a reboot, removed pins), they are done again. Each act carries the identity of the maps it was
 * done on: acts on the maps that are there need no replay.
 *
 *   {"act": "add", "table": "deny", "prefix": "192.0.2.1", "until_wall": 1700000000,
 *    "note": "...", "time": ..., "uid": 0, "boot": "...", "maps": "12.13..."}
 *   remove, flush (table), set (name, value), load (list, entries, until_wall), unload (list),
 *   attach, detach (interface), report (prefix; the store keeps a record of it and nothing else),
 *   service (service, and all that is said of it), service-remove (service)
 */
#ifndef STRAZH_USER_CTL_JOURNAL_H
#define STRAZH_USER_CTL_JOURNAL_H

#include <jansson.h>
#include <stdint.h>

#include <user/gate/act.h>
#include <user/gate/gate.h>

#define JOURNAL_STATE_DIR "/var/lib/strazh"
#define JOURNAL_FILE "journal"
#define JOURNAL_LINE_MAX 4096U

/* Acts, not yet stamped; NULL when there is no memory. */
json_t *journal_add(struct gate *gate, const struct act *act);
json_t *journal_remove(struct gate *gate, enum sz_table table, const struct prefix *prefix);
json_t *journal_flush(struct gate *gate, enum sz_table table);
json_t *journal_set(struct gate *gate, const char *name, const char *value);
json_t *journal_service(struct gate *gate, const struct sz_service *config);
json_t *journal_other(struct gate *gate, const char *act, const char *key, const char *value);
/* detail: "" where there is none; note: NULL where there is none. */
json_t *journal_report(struct gate *gate, const struct prefix *host, const char *detail,
		       const char *note);

/* Which maps these are: different for maps made anew, and after a reboot. */
#define JOURNAL_MAPS_LEN 160
int journal_identity(struct gate *gate, char text[JOURNAL_MAPS_LEN]) must_check;

/*
 * Append acts to the file, all of them or none, and have the disk confirm it. 0; -EFBIG: the file
 * holds JOURNAL_BYTES_MAX already; -errno.
 */
#define JOURNAL_BYTES_MAX (64U << 20)
int journal_write(const char *state_dir, const json_t *act) must_check;
int journal_append(const char *state_dir, const json_t *const *acts, size_t count) must_check;
/*
 * The same in two steps, so that a thread can do the second: a line feed, which is written behind a
 * torn line only, and the lines. NULL: no memory. Freed by the caller.
 */
char *journal_text(const json_t *const *acts, size_t count, size_t *ret_len) must_check;
int journal_append_text(const char *state_dir, const char *text, size_t len) must_check;
/* Confirmed by the disk, too. */
int journal_empty(const char *state_dir) must_check;

/*
 * What is to be replayed: of `text` (the file) only acts on other maps than `maps`, and of these
 * only what no later act overrules. Pure.
 */
struct journal_plan {
	json_t *adds;	  /* object, "table prefix" -> act; in the order they were made */
	json_t *sets;	  /* object, name -> value */
	json_t *services; /* object, "443/tcp" -> act */
	json_t *lists;	  /* object, names of lists that were loaded and cannot come back */
	size_t acts;	  /* lines that hold an act */
	size_t in_force;  /* of these: done on the maps that are there */
	size_t bad;	  /* lines that hold none */
	bool torn;	  /* the last line has no end: its writer died; it is left out */
};

int journal_plan(const char *text, size_t len, const char *maps,
		 struct journal_plan *ret_plan) must_check;
void journal_plan_deinit(struct journal_plan *plan);

/*
 * One planned add as an act; the note points into `entry`. false: it is over, or nonsense.
 */
bool journal_decode(const json_t *entry, uint64_t wall_s, uint32_t boot_s, struct act *ret_act);
/* One planned service; false: nonsense. */
bool journal_decode_service(const json_t *entry, uint32_t boot_s, struct sz_service *ret_config);

#endif
