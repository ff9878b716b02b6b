/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The store goes over to another database while strazhd runs (store_switch()). Which one it is from
 * then on stands in a file of the state folder, STATE_DIR/store.moved: the URL of the configuration
 * and that of the new one, a line each. It holds as long as the configuration names the former: who
 * writes the new URL there has made the move final.
 */
#ifndef STRAZH_USER_DAEMON_MEMORY_MOVING_H
#define STRAZH_USER_DAEMON_MEMORY_MOVING_H

#include <user/daemon/memory/memory.h>

/*
 * `url` as the configuration has it, or where it was moved to, in its place. -EBADMSG: the file is
 * not what we wrote; -errno: it cannot be read. Then `url` is as it was.
 */
int moving_follow(const char *state_dir, char url[MEMORY_URL_LEN]) must_check;
/* The same of the file's bytes, which are changed. */
int moving_parse(char *text, size_t len, char url[MEMORY_URL_LEN]) must_check;
/* Durable when it returns; `to` as configured: there is no file any more. 0 or -errno. */
int moving_write(const char *state_dir, const char *configured, const char *to) must_check;

/* Begin to go over to `url`. A ctl_code; else than CTL_DONE with `why`. For struct host. */
int memory_switch(void *keeper, const char *url, char *why, size_t size) must_check;
/* How it goes, or went; NULL: there is no store. */
const struct host_switch *memory_switching(void *keeper);

struct memory;
struct moving;
/* It may have ended: say so. Makes m->url the new one. */
void moving_settle(struct memory *m);
void moving_free(struct moving *moving);

#endif
