/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/client/cli/lines.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

char *lines_next(struct lines *lines, size_t *ret_len)
{
	char *line = lines->text + lines->at, *end;
	size_t left = lines->len - lines->at;

	end = left ? memchr(line, '\n', left) : NULL;
	if (!end && !(left && lines->ended) && left < LINES_MAX)
		return NULL;
	*ret_len = end ? (size_t)(end - line) : left;
	lines->at += *ret_len + (end ? 1 : 0);
	return line;
}

int lines_read(struct lines *lines, int fd)
{
	ssize_t n;

	memmove(lines->text, lines->text + lines->at, lines->len - lines->at);
	lines->len -= lines->at;
	lines->at = 0;
	n = read(fd, lines->text + lines->len, LINES_MAX - lines->len);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	lines->len += (size_t)n;
	lines->ended = !n;
	return 0;
}
