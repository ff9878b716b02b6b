/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Callbacks may deinit the connection that called them. Every function that goes on after a
 * callback looks at `gone`, which stands on its own stack.
 */
#include <user/net/lines.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/net/unix.h>

#define LINES_FIRST 4096U

static uint32_t wanted(const struct lines *lines)
{
	uint32_t events = 0;

	if (!lines->paused && !lines->finishing)
		events |= EPOLLIN;
	if (lines->out_at < lines->out_len)
		events |= EPOLLOUT;
	return events;
}

static void update(struct lines *lines)
{
	(void)!loop_change(lines->loop, &lines->watch, wanted(lines));
}

static void end(struct lines *lines, enum lines_end why)
{
	lines->on_end(lines, why);
}

/* Send what waits. 0 or -errno. */
static int flush(struct lines *lines)
{
	while (lines->out_at < lines->out_len) {
		ssize_t n = unix_send(lines->watch.fd, lines->out + lines->out_at,
				      lines->out_len - lines->out_at, -1);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)n;
		lines->out_at += (size_t)n;
	}
	lines->out_at = lines->out_len = 0;
	return 0;
}

/* Hand over whole lines; true: the connection is gone. */
static bool deliver(struct lines *lines)
{
	size_t begin = 0;
	bool gone = false;
	bool *outer = lines->gone;

	lines->gone = &gone;
	while (!lines->paused && !lines->finishing) {
		char *newline = memchr(lines->in + begin, '\n', lines->in_len - begin);
		char *line = lines->in + begin;

		if (!newline)
			break;
		*newline = '\0';
		begin = (size_t)(newline - lines->in) + 1;
		lines->on_line(lines, line, (size_t)(newline - line));
		if (gone) {
			if (outer)
				*outer = true;
			return true;
		}
	}
	lines->gone = outer;
	lines->in_len -= begin;
	memmove(lines->in, lines->in + begin, lines->in_len);
	return false;
}

static int grow(char **buffer, size_t *size, size_t need, size_t most)
{
	size_t next = MAX(*size, LINES_FIRST);
	char *bigger;

	while (next < need)
		next *= 2;
	next = MIN(next, most);
	if (next < need)
		return -ENOBUFS;
	if (next == *size)
		return 0;
	bigger = realloc(*buffer, next);
	if (!bigger)
		return -ENOMEM;
	*buffer = bigger;
	*size = next;
	return 0;
}

static void keep_descriptor(struct lines *lines, int fd)
{
	if (fd < 0)
		return;
	if (lines->passed_fd >= 0)
		close(lines->passed_fd);
	lines->passed_fd = fd;
}

static void receive(struct lines *lines)
{
	int fd = -1;
	ssize_t n;

	if (lines->in_len == lines->in_size &&
	    grow(&lines->in, &lines->in_size, lines->in_len + 1, LINES_IN_MAX)) {
		end(lines, LINES_TOO_LONG);
		return;
	}
	n = unix_recv(lines->watch.fd, lines->in + lines->in_len, lines->in_size - lines->in_len,
		      &fd);
	keep_descriptor(lines, fd);
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0) {
		end(lines, LINES_CLOSED);
		return;
	}
	lines->in_len += (size_t)n;
	(void)!deliver(lines);
}

static void drained(struct lines *lines)
{
	if (lines->finishing)
		end(lines, LINES_CLOSED);
	else if (lines->on_drained)
		lines->on_drained(lines);
}

static void lines_ready(struct watch *watch, uint32_t events)
{
	struct lines *lines = watch->context;

	if (events & EPOLLOUT) {
		if (flush(lines)) {
			end(lines, LINES_CLOSED);
			return;
		}
		update(lines);
		if (!lines->out_len) {
			drained(lines);
			return;
		}
	}
	if (events & EPOLLIN && !lines->paused && !lines->finishing)
		receive(lines);
	else if (events & (EPOLLHUP | EPOLLERR))
		end(lines, LINES_CLOSED);
}

int lines_init(struct lines *lines, struct loop *loop, int fd, size_t out_max)
{
	int r;

	lines->watch = (struct watch){.fd = fd, .on_ready = lines_ready, .context = lines};
	lines->loop = loop;
	lines->out_max = out_max;
	lines->passed_fd = -1;
	r = loop_add(loop, &lines->watch, EPOLLIN);
	if (r) {
		close(fd);
		lines->watch.fd = -1;
	}
	return r;
}

void lines_deinit(struct lines *lines)
{
	if (lines->gone)
		*lines->gone = true;
	loop_remove(lines->loop, &lines->watch);
	if (lines->watch.fd >= 0)
		close(lines->watch.fd);
	lines->watch.fd = -1;
	keep_descriptor(lines, -1);
	if (lines->passed_fd >= 0)
		close(lines->passed_fd);
	free(lines->in);
	free(lines->out);
	lines->in = lines->out = NULL;
}

int lines_put(struct lines *lines, const char *bytes, size_t len)
{
	int r;

	if (lines->out_at) {
		lines->out_len -= lines->out_at;
		memmove(lines->out, lines->out + lines->out_at, lines->out_len);
		lines->out_at = 0;
	}
	r = grow(&lines->out, &lines->out_size, lines->out_len + len, lines->out_max);
	if (r)
		return r;
	memcpy(lines->out + lines->out_len, bytes, len);
	lines->out_len += len;
	r = flush(lines);
	update(lines);
	return r;
}

void lines_pause(struct lines *lines)
{
	lines->paused = true;
	update(lines);
}

void lines_resume(struct lines *lines)
{
	lines->paused = false;
	if (lines->in && deliver(lines))
		return;
	update(lines);
}

void lines_finish(struct lines *lines)
{
	lines->finishing = true;
	/* on_end() comes from the loop, never from inside the caller. */
	(void)!loop_change(lines->loop, &lines->watch, EPOLLOUT);
}
