/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What files of the state folder and rows of a database can hold, whoever wrote them, and lines of
 * `strazhctl ban -`: the first byte says which.
 */
#include "must_prefix.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <user/ctl/banlines.h>
#include <user/ctl/journal.h>
#include <user/ctl/listcopy.h>
#include <user/daemon/acts/actrows.h>
#include <user/daemon/memory/kept_row.h>
#include <user/daemon/memory/moving.h>

#define LEN_MAX 65536
#define CHANGES_MAX 4U
#define NOW_MS 1790000000000LL

/* As the keeper imports it: line by line, each into the changes of the store. */
static void try_import(const char *text, size_t len)
{
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		json_t *act = n && n <= JOURNAL_LINE_MAX ? json_loadb(text, n, 0, NULL) : NULL;
		struct actrow row;
		unsigned nth = 0;
		int r = act ? 0 : -EINVAL;

		for (; !r; nth++) {
			MUST(nth <= CHANGES_MAX);
			r = actrow_make(act, nth, &row);
			if (r)
				continue;
			MUST(row.act.verb < STORE_VERB_COUNT && row.act.at_ms >= 0);
			MUST(row.act.actor);
			if (row.act.verb == STORE_BAN_PUT)
				must_prefix(&row.act.ban.prefix);
		}
		/* Anything else would be tried again for ever. */
		MUST(r == ACTROWS_END || r == -EINVAL);
		json_decref(act);
		n += end != NULL;
		text += n;
		len -= n;
	}
}

static void try_plan(const char *text, size_t len)
{
	struct journal_plan plan;
	struct sz_service service;
	const char *key;
	struct act act;
	json_t *entry;

	MUST(!journal_plan(text, len, "12.13", &plan));
	MUST(plan.in_force <= plan.acts);
	json_object_foreach(plan.adds, key, entry)
	{
		if (journal_decode(entry, NOW_MS / 1000, 1000, &act))
			must_prefix(&act.prefix);
	}
	json_object_foreach(plan.services, key, entry)(void) !journal_decode_service(entry, 1000,
										     &service);
	journal_plan_deinit(&plan);
}

static void try_never(const char *from, size_t len)
{
	char *text = strndup(from, len);
	struct actrow_never never;

	MUST(text);
	if (!actrow_never_parse(text, &never)) {
		MUST(never.note && never.since_ms >= 0 && never.until_ms >= 0);
		json_decref(never.root);
	}
	free(text);
}

static void try_kept(const char *from, size_t len)
{
	struct store_source row = {0};
	struct guard_kept kept;

	memcpy(&row, from, len < sizeof(row) ? len : sizeof(row));
	row.prefix = prefix_from(row.prefix.family == 6 ? 6 : 4, row.prefix.addr, row.prefix.len);
	row.evidence_len %= STORE_EVIDENCE_MAX + 1; /* what the store reads */
	if (kept_from_row(&row, NOW_MS, &kept))
		return;
	MUST(kept.share <= SOURCE_SHARE_ONE && kept.good >= 0);
	for (unsigned i = 0; i < SCORE_SLOTS; i++)
		MUST(kept.evidence[i].count <= SCORE_COUNT_MAX && kept.evidence[i].nats >= 0);
}

static void try_banline(const char *from, size_t len)
{
	char *text = strndup(from, len), why[BANLINE_WHY_LEN] = "";
	struct banline line;
	int r;

	MUST(text);
	r = banline_parse(text, &line, why);
	MUST(r == 0 || r == BANLINE_EMPTY || r == -EINVAL);
	MUST(r != -EINVAL || (why[0] && memchr(why, '\0', sizeof(why))));
	if (!r)
		must_prefix(&line.prefix);
	free(text);
}

/* ---- files ---- */

static char folder[] = "/tmp/strazh-fuzz-XXXXXX", lists[64], moved[64], list[96];

static void remove_folder(void)
{
	(void)!unlink(list);
	(void)!unlink(moved);
	(void)!rmdir(lists);
	(void)!rmdir(folder);
}

static void make_folder(void)
{
	if (lists[0])
		return;
	MUST(mkdtemp(folder));
	snprintf(lists, sizeof(lists), "%s/" LISTCOPY_DIR, folder);
	snprintf(list, sizeof(list), "%s/drop.list", lists);
	snprintf(moved, sizeof(moved), "%s/store.moved", folder);
	MUST(!mkdir(lists, 0700) && !atexit(remove_folder));
}

static void write_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	MUST(fd >= 0 && write(fd, text, len) == (ssize_t)len && !close(fd));
}

static void try_moved(const char *text, size_t len)
{
	char url[MEMORY_URL_LEN] = "sqlite:a";
	int r;

	make_folder();
	write_file(moved, text, len);
	r = moving_follow(folder, url);
	MUST(r == 0 || r == -EBADMSG);
	MUST(memchr(url, '\0', sizeof(url)) && (!r || strcmp(url, "sqlite:a") == 0));
}

static void try_list(const char *text, size_t len)
{
	struct cidrlist read;
	uint64_t until_wall;

	make_folder();
	write_file(list, text, len);
	if (listcopy_read(folder, "drop", &read, &until_wall))
		return;
	for (size_t i = 0; i < read.count; i++)
		must_prefix(&read.entries[i]);
	cidrlist_deinit(&read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(const char *, size_t) = {
		try_import, try_plan, try_never, try_kept, try_banline, try_moved, try_list,
	};

	if (!size || size > LEN_MAX)
		return 0;
	tries[data[0] % (sizeof(tries) / sizeof(tries[0]))]((const char *)data + 1, size - 1);
	return 0;
}
