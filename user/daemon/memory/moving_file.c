/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The file that says where the store was moved to. A new one takes the old one's place whole. */
#include <user/daemon/memory/moving.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/file.h>

#define FILE_NAME "store.moved"
#define PATH_LEN 400

static int path_of(const char *state_dir, const char *tail, char path[PATH_LEN])
{
	int n = snprintf(path, PATH_LEN, "%s/" FILE_NAME "%s", state_dir, tail);

	return n < 0 || n >= PATH_LEN ? -ENAMETOOLONG : 0;
}

int moving_parse(char *text, size_t len, char url[MEMORY_URL_LEN])
{
	char *to = memchr(text, '\n', len), *end;

	end = to ? memchr(to + 1, '\n', len - (size_t)(to + 1 - text)) : NULL;
	if (!end || end + 1 != text + len || to == text || end == to + 1 ||
	    end - to > MEMORY_URL_LEN || memchr(text, '\0', len))
		return -EBADMSG;
	*to++ = *end = '\0';
	if (strcmp(text, url) == 0)
		(void)snprintf(url, MEMORY_URL_LEN, "%s", to);
	return 0;
}

int moving_follow(const char *state_dir, char url[MEMORY_URL_LEN])
{
	char path[PATH_LEN], text[2 * MEMORY_URL_LEN + 3];
	own_fd int fd = -1;
	ssize_t n;
	int r = path_of(state_dir, "", path);

	if (r)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	r = moving_parse(text, (size_t)n, url);
	explicit_bzero(text, sizeof(text));
	return r;
}

static int write_file(const char *path, const char *configured, const char *to)
{
	own_fd int fd = -1;

	(void)!unlink(path);
	/* A URL may have a password. */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || dprintf(fd, "%s\n%s\n", configured, to) < 0 || fsync(fd))
		return -errno;
	return 0;
}

int moving_write(const char *state_dir, const char *configured, const char *to)
{
	char path[PATH_LEN], next[PATH_LEN];
	int r = path_of(state_dir, "", path);

	if (!r)
		r = path_of(state_dir, "~", next);
	if (r)
		return r;
	if (strcmp(configured, to) == 0) {
		if (unlink(path) && errno != ENOENT)
			return -errno;
		return file_sync_folder(state_dir);
	}
	r = write_file(next, configured, to);
	if (r) {
		(void)!unlink(next);
		return r;
	}
	return file_replace(next, path, state_dir);
}
