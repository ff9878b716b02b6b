/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The store in the keeper: what is decided is written to it, what it knows comes back. The keeper
 * never waits for it: acts are handed over (store_submit()), what was decided about them comes by
 * a descriptor in the keeper's loop. Without a store, or while its database is away, everything
 * else goes on; `strazhctl status` says so.
 */
#ifndef STRAZH_USER_DAEMON_MEMORY_MEMORY_H
#define STRAZH_USER_DAEMON_MEMORY_MEMORY_H

#include <strazh/base/compiler.h>
#include <user/ctl/request.h>
#include <user/daemon/config/config.h>
#include <user/store/store.h>

struct keeper;
struct memory;

/*
 * Opens the store that [store] url names; before the loop runs, and it may wait for the database
 * as long as connecting does. 0 also when there is none, by `none` or because it cannot be opened:
 * then keeper->memory is there all the same and says why. -ENOMEM, or what the loop refuses.
 */
int memory_open(struct keeper *keeper) must_check;
/*
 * Nothing more comes: its threads end, all at once, and what reads from it is waited for by its own
 * close. A database that hangs is so waited for once, and not once for each.
 */
void memory_stop(struct keeper *keeper);
/* Writes what waits, bounded in time. NULL in keeper->memory is fine. */
void memory_close(struct keeper *keeper);

/*
 * As store_submit(): never waits; 0, then `done` (may be NULL) is called once, in the keeper's
 * loop or by memory_close(). -ENOTCONN where there is no store.
 */
int memory_act(struct keeper *keeper, const struct store_act *act, store_done done,
	       void *data) must_check;

/* For reading it, in another thread; NULL: there is none. As long as the keeper is open. */
struct store *memory_store(const struct keeper *keeper);

/* For commands: `keeper` as struct host has it. */
const struct host_memory *memory_show(void *keeper);

/* ---- the URL ---- */

#define MEMORY_URL_LEN 4200
/* What [store] url means: the default is a file in the state folder. NULL: `none`. */
const char *memory_url_configured(const struct config *config, char text[MEMORY_URL_LEN]);
/* The same, or where the store was moved to since (moving.h). */
const char *memory_url(const struct config *config, char text[MEMORY_URL_LEN]);
/* Its fault in words, or NULL; does not connect. */
const char *memory_url_fault(const struct config *config, char text[CONFIG_WHY_LEN]);

#endif
