/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The journal into the store, in its order, a piece of it at once. What is appended meanwhile is
 * read behind that, and only a file of which the store has everything is emptied: dying on the way
 * means doing it again, which changes nothing.
 *
 * Where somebody bans all the time there always is more. So acts wait while the last piece is on
 * its way and the file is emptied, some tenths of a second, and then go to the store.
 */
#include <user/daemon/acts/acts_parts.h>

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
#include <user/base/log.h>
#include <user/ctl/journal.h>

#define PIECE (128U << 10) /* some 700 acts, 10 ms of the loop */
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

/* From behind the piece that was there: whole lines, but for the end of the file. */
static int read_piece(struct keeper *keeper)
{
	struct acts *acts = keeper->acts;
	own_free char *text = malloc(PIECE);
	const char *end;
	own_fd int fd = -1;
	ssize_t n;
	int r = text ? open_journal(keeper, O_RDONLY, &fd) : -ENOMEM;

	if (r)
		return r;
	n = pread(fd, text, PIECE, (off_t)(acts->from + acts->len));
	if (n < 0)
		return -errno;
	end = n == PIECE ? memrchr(text, '\n', PIECE) : NULL;
	free(acts->text);
	acts->text = take_ptr(text);
	acts->from += acts->len;
	acts->len = end ? (size_t)(end + 1 - acts->text) : (size_t)n;
	acts->at = 0;
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

	while (acts->at < acts->len) {
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
	acts->from = acts->len = acts->at = 0;
	acts->failed = acts->holding = false;
}

bool acts_imported(const struct keeper *keeper)
{
	const struct acts *acts = keeper->acts;

	return acts->at == acts->len && !acts->out && !acts->failed &&
	       acts_journal_len(keeper) <= acts->from + acts->len;
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
	if ((acts->failed || len < acts->from + acts->len) && !acts->out)
		acts_import_end(acts);
	if (acts->at == acts->len && !acts->out && len > acts->from + acts->len) {
		r = read_piece(keeper);
		if (r == -ENOMEM)
			return;
		if (r) {
			log_error("journal in '%s' cannot be read: %s; it is left as it is",
				  keeper->options->state_dir, strerror(-r));
			acts->journaling = false;
			acts_import_end(acts);
			return;
		}
		acts->holding = len <= acts->from + acts->len;
	}
	submit_some(keeper);
	/* Its place is kept until it is: what the store has is not done a second time. */
	if (acts_imported(keeper))
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
