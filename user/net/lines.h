/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A connection that talks in lines over a unix socket: bounded both ways. Knows nothing of what
 * the lines say. Owned by whoever embeds it.
 *
 * Input: at most LINES_IN_MAX bytes a line; a longer one is reported once and the connection ends.
 * Output: at most `out_max` bytes wait; lines_put() refuses what does not fit, whole lines only.
 */
#ifndef STRAZH_USER_NET_LINES_H
#define STRAZH_USER_NET_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/net/loop.h>

#define LINES_IN_MAX 65536U

enum lines_end {
	LINES_CLOSED,	/* the peer went away, or a system error */
	LINES_TOO_LONG, /* an input line was longer than LINES_IN_MAX */
};

struct lines {
	struct watch watch;
	struct loop *loop;
	/* One line, without its newline, NUL-terminated; may call lines_deinit(). */
	void (*on_line)(struct lines *lines, char *line, size_t len);
	void (*on_end)(struct lines *lines, enum lines_end why); /* must deinit or finish */
	/* Everything put so far is with the kernel; NULL: nobody cares. */
	void (*on_drained)(struct lines *lines);
	void *context;
	char *in;
	size_t in_len, in_size;
	char *out;
	size_t out_len, out_at, out_size, out_max;
	int passed_fd;	/* the last descriptor that came, -1; whoever wants it takes it */
	bool paused;	/* no input is read */
	bool finishing; /* on_end() when the output is drained */
	bool *gone;	/* set by lines_deinit(): tells a caller up the stack */
};

/* Takes `fd`, which must be non-blocking, also on failure. */
int lines_init(struct lines *lines, struct loop *loop, int fd, size_t out_max) must_check;
void lines_deinit(struct lines *lines);
/* Queue bytes and send what the socket takes. 0, -ENOBUFS (nothing was queued), -errno. */
int lines_put(struct lines *lines, const char *bytes, size_t len) must_check;
/* Stop reading (also lines received already wait), and go on. */
void lines_pause(struct lines *lines);
void lines_resume(struct lines *lines);
/* Read no more, send what is queued, then on_end(LINES_CLOSED). */
void lines_finish(struct lines *lines);

#endif
