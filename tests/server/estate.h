/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * strazhd's worker in this process, with a configuration in a file and what it names beside it, and
 * reloads as SIGHUP makes them: the file is read again. `house` is for clients of house.h and
 * raw.h: where the server is, and its key.
 */
#ifndef TESTS_SERVER_ESTATE_H
#define TESTS_SERVER_ESTATE_H

#include <user/crypto/keyfile.h>
#include <user/daemon/keeper.h>

#include <tests/server/house.h>

#define ESTATE_KEYS 2 /* server.key: "key0" and "key1" */

struct estate {
	char folder[64], conf[128];
	struct house house; /* its folder, port, address and key alone */
	struct crypto *crypto;
	struct daemon_options options;
	struct keeper keeper; /* of it, what reload.c needs */
	struct worker *worker;
	int split;	 /* the keeper's end, which nobody reads */
	int reload_said; /* of worker_reload(), the last time */
	struct config_faults faults;
	uint8_t keys[ESTATE_KEYS][32], roots[ESTATE_KEYS][32];
};

/* A folder with keys and certificates; then a worker with these lines in its [server], which are
 * given a key where they name none. */
void estate_make(struct estate *estate);
void estate_start(struct estate *estate, const char *lines);
void estate_close(struct estate *estate);
void estate_stop(struct estate *estate); /* the worker alone */

/* Other lines, and SIGHUP: 0, or what worker_reload() says. */
int estate_reload(struct estate *estate, const char *lines);
/* In a buffer of its own, until the next call. */
const char *estate_path(const struct estate *estate, const char *name);
void estate_write(const struct estate *estate, const char *name, const char *text);
/* A fresh server's key in that file, under a passphrase (NULL: none); clients expect it from here.
 */
void estate_new_key(struct estate *estate, const char *name, const char *passphrase);

/* The wall clock of this process is ahead by so much. */
void estate_set_clock(int64_t ahead_s);

#endif
