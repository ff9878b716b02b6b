/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A file for `strazh-db import`: whatever it says, all of it is in the store and the store is
 * whole, or nothing is and its fault is named.
 */
#include "must.h"

#include <stdbool.h>
#include <unistd.h>

#include <user/store/move.h>
#include <user/store/store.h>

#define LEN_MAX 65536

static char folder[] = "/tmp/strazh-fuzz-XXXXXX", path[64];
static struct store *store;

static void remove_files(void)
{
	static const char *const tails[] = {"", "-wal", "-shm", "-journal"};

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		char file[80];

		snprintf(file, sizeof(file), "%s%s", path, tails[i]);
		(void)!unlink(file);
	}
}

static void end(void)
{
	store_close(store, NULL);
	store = NULL;
	remove_files();
	(void)!rmdir(folder);
}

static void begin(void)
{
	struct store_fault fault = {0};
	char url[80];

	if (!path[0]) {
		MUST(mkdtemp(folder) && !atexit(end));
		snprintf(path, sizeof(path), "%s/db", folder);
	}
	snprintf(url, sizeof(url), "sqlite:%s", path);
	if (!store)
		MUST(!store_open(url, NULL, &store, &fault));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_fault fault = {0};
	struct store_state state;
	uint64_t rows = 0;
	FILE *from;
	int r;

	if (!size || size > LEN_MAX)
		return 0;
	begin();
	from = fmemopen((void *)(uintptr_t)data, size, "r");
	MUST(from);
	r = store_import(store, from, &rows, &fault);
	fclose(from);
	if (r) {
		MUST(r == STORE_MALFORMED || r == STORE_BROKEN);
		MUST(fault.text[0] && memchr(fault.text, '\0', sizeof(fault.text)));
		return 0;
	}
	MUST(!store_check(store, &state, &fault));
	store_close(store, NULL);
	store = NULL;
	remove_files();
	return 0;
}
