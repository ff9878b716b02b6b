/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/server/identity_files.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(IDENTITY_FILES_MAX >= KEYFILE_OLDS_MAX + 4, "the key, what else is named, the old");

int identity_file_open(const struct identity_config *config, const char *path, int *ret_fd)
{
	const struct identity_files *files = config->files;
	int fd;

	if (!files)
		return keyfile_open(path, ret_fd);
	for (size_t i = 0; i < files->count; i++) {
		if (strcmp(files->list[i].path, path) != 0)
			continue;
		if (files->list[i].fd < 0)
			return files->list[i].fd;
		fd = fcntl(files->list[i].fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		/* Who reads it as a stream begins at its beginning. */
		(void)lseek(fd, 0, SEEK_SET);
		*ret_fd = fd;
		return 0;
	}
	return -ENOENT;
}

static bool is_old(const char *path, const char *key)
{
	const size_t len = strlen(key);

	return strncmp(path, key, len) == 0 &&
	       strncmp(path + len, KEYFILE_OLD, strlen(KEYFILE_OLD)) == 0;
}

int identity_files_olds(const struct identity_config *config, struct keyfile_olds *ret_olds)
{
	const struct identity_files *files = config->files;

	if (!files)
		return keyfile_olds(config->key_path, ret_olds);
	for (size_t i = 0; i < files->count && ret_olds->count < KEYFILE_OLDS_MAX; i++) {
		if (!is_old(files->list[i].path, config->key_path))
			continue;
		if (!files->list[i].path[strlen(config->key_path) + strlen(KEYFILE_OLD)])
			return files->list[i].fd;
		ret_olds->paths[ret_olds->count] = strdup(files->list[i].path);
		if (!ret_olds->paths[ret_olds->count])
			return -ENOMEM;
		ret_olds->count++;
	}
	return 0;
}

/* ---- for another ---- */

static int add(struct identity_files *files, const char *path)
{
	struct identity_file *file = &files->list[files->count];
	int r;

	if (!path || files->count == IDENTITY_FILES_MAX)
		return 0;
	file->path = strdup(path);
	if (!file->path)
		return -ENOMEM;
	files->count++;
	r = keyfile_open(path, &file->fd);
	if (r)
		file->fd = r;
	return 0;
}

/* A folder that cannot be read is told as a file "KEY.old-" that cannot be opened. */
static int find_olds(struct identity_files *files, const char *key, struct keyfile_olds *olds)
{
	char path[PATH_MAX];
	int r = keyfile_olds(key, olds);

	/* Where the key itself is not there or not to be had, that is what is told. */
	if (r >= 0 || r == -ENOMEM || files->list[0].fd < 0)
		return r == -ENOMEM ? r : 0;
	(void)snprintf(path, sizeof(path), "%s%s", key, KEYFILE_OLD);
	files->list[files->count] = (struct identity_file){.path = strdup(path), .fd = r};
	if (!files->list[files->count].path)
		return -ENOMEM;
	files->count++;
	return 0;
}

int identity_files_open(const struct identity_config *config, struct identity_files *ret_files)
{
	struct identity_files files = {0};
	struct keyfile_olds olds = {0};
	int r = add(&files, config->key_path);

	if (!r)
		r = add(&files, config->passphrase_path);
	if (!r)
		r = add(&files, config->cert_path);
	if (!r)
		r = add(&files, config->clients_path);
	if (!r)
		r = find_olds(&files, config->key_path, &olds);
	for (size_t i = 0; i < olds.count && !r; i++)
		r = add(&files, olds.paths[i]);
	keyfile_olds_free(&olds);
	if (r) {
		identity_files_close(&files);
		return r;
	}
	*ret_files = files;
	return 0;
}

void identity_files_close(struct identity_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->list[i].path);
		if (files->list[i].fd >= 0)
			close(files->list[i].fd);
	}
	files->count = 0;
}
