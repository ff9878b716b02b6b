/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The journal into the store, in its order, at most OUT_MAX acts at once. What is appended
 * meanwhile is read when the rest is with the store, and only a file of which the store has
 * everything is emptied: dying on the way means doing it again, which changes nothing.
 */
#include <user/daemon/acts_parts.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/file.h>
#include <user/base/log.h>
#include <user/ctl/journal.h>

#define OUT_MAX 4096U
#define WAIT_MS 50
#define STUCK_MS 1000U

static int open_journal(const struct keeper *keeper, int flags, int *ret_fd)
{
	char path[300];
	int n = snprintf(path, sizeof(path), "%s/%s", keeper->options->state_dir, JOURNAL_FILE);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	*ret_fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	return *ret_fd < 0 ? -errno : 0;
}

size_t acts_journal_len(const struct keeper *keeper)
{
	own_fd int fd = -1;
	struct stat st;

	if (open_journal(keeper, O_RDONLY, &fd) || fstat(fd, &st))
		return 0;
	return (size_t)st.st_size;
}

static int read_text(struct keeper *keeper)
{
	struct acts *acts = keeper->acts;
	own_fd int fd = -1;
	char *text = NULL;
	size_t len = 0;
	int r = open_journal(keeper, O_RDONLY, &fd);

	if (!r)
		r = file_read(fd, JOURNAL_BYTES_MAX, &text, &len);
	if (r)
		return r;
	free(acts->text);
	acts->text = text;
	acts->len = len;
	return 0;
}

static void decided(void *data, int result)
{
	struct acts *acts = data;

	acts->out--;
	if (result == STORE_REFUSED)
		acts->refused++;
	else if (result)
		acts->failed = true;
	else
		acts->imported++;
}

/* What the guard decided since is in the store before it, and it takes that away. */
static bool crosses(const struct store_act *act)
{
	return act->verb == STORE_BAN_CLEAR ||
	       (act->verb == STORE_BAN_LIFT && strcmp(act->ban.origin, ACTROWS_GUARD) == 0);
}

/* One line; not 0: the store takes no more now. */
static int submit_line(struct keeper *keeper, const char *line, size_t len)
{
	struct acts *acts = keeper->acts;
	json_t *act = len && len <= JOURNAL_LINE_MAX ? json_loadb(line, len, 0, NULL) : NULL;
	struct actrow row;
	int r = act ? 0 : -EINVAL;

	for (unsigned n = 0; !r; n++) {
		r = actrow_make(act, n, &row);
		if (!r)
			r = memory_act(keeper, &row.act, decided, acts);
		acts->out += !r;
		acts->crossed |= !r && crosses(&row.act);
	}
	json_decref(act);
	if (r == -EINVAL)
		acts->bad += len > 0;
	return r == ACTROWS_END || r == -EINVAL ? 0 : r;
}

static void submit_some(struct keeper *keeper)
{
	struct acts *acts = keeper->acts;

	while (acts->at < acts->len && acts->out < OUT_MAX) {
		const char *line = acts->text + acts->at;
		const char *end = memchr(line, '\n', acts->len - acts->at);
		size_t len = end ? (size_t)(end - line) : acts->len - acts->at;

		/* A last line without an end: its writer died. */
		if (end && submit_line(keeper, line, len))
			return;
		acts->at += len + (end ? 1 : 0);
	}
}

void acts_import_end(struct acts *acts)
{
	free(acts->text);
	acts->text = NULL;
	acts->len = acts->at = 0;
	acts->failed = false;
}

void acts_import(struct keeper *keeper)
{
	struct acts *acts = keeper->acts;
	size_t len;
	int r;

	if (memory_show(keeper)->degraded ||
	    (acts->stuck_ms && clock_boot_ns() / 1000000 - acts->stuck_ms < STUCK_MS))
		return;
	len = acts_journal_len(keeper);
	/* Shorter: it was emptied, and that was not known to be for good. */
	if ((acts->failed || len < acts->len) && !acts->out)
		acts_import_end(acts);
	if (acts->at == acts->len && !acts->out && len > acts->len) {
		r = read_text(keeper);
		if (r) {
			log_error("journal in '%s' cannot be read: %s; it is left as it is",
				  keeper->options->state_dir, strerror(-r));
			acts->journaling = false;
			acts_import_end(acts);
			return;
		}
	}
	submit_some(keeper);
	/* Its text is kept until it is: what the store has is not done a second time. */
	if (acts->at == acts->len && !acts->out && !acts->failed && len <= acts->len)
		acts_journal_empty(keeper);
}

int acts_wait(struct keeper *keeper)
{
	struct pollfd fd = {.fd = store_fd(memory_store(keeper)), .events = POLLIN};

	if (poll(&fd, 1, WAIT_MS) < 0 && errno != EINTR)
		return -errno;
	(void)store_collect(memory_store(keeper));
	return 0;
}
