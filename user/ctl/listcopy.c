/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/listcopy.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/file.h>

#define TAIL ".list"
#define PATH_LEN 400
#define BYTES_MAX (256U << 20)

static int path_of(const char *state_dir, const char *name, const char *tail, char path[PATH_LEN])
{
	int n = snprintf(path, PATH_LEN, "%s/" LISTCOPY_DIR "/%s%s", state_dir, name, tail);

	return n < 0 || n >= PATH_LEN || strchr(name, '/') ? -ENAMETOOLONG : 0;
}

static int make_dirs(const char *state_dir)
{
	char path[PATH_LEN];
	int r = path_of(state_dir, "", "", path);

	if (r)
		return r;
	if (mkdir(state_dir, 0750) && errno != EEXIST)
		return -errno;
	return mkdir(path, 0750) && errno != EEXIST ? -errno : 0;
}

static int write_text(FILE *out, const char *name, const struct prefix *entries, size_t count,
		      uint64_t until_wall)
{
	char text[PREFIX_TEXT_LEN];

	if (fprintf(out, "# strazh list 1 %s %zu %llu\n", name, count,
		    (unsigned long long)until_wall) < 0)
		return -EIO;
	for (size_t i = 0; i < count; i++)
		if (fprintf(out, "%s\n", prefix_format(&entries[i], text)) < 0)
			return errno ? -errno : -EIO;
	if (fflush(out) || fdatasync(fileno(out)))
		return -errno;
	return 0;
}

int listcopy_write(const char *state_dir, const char *name, const struct prefix *entries,
		   size_t count, uint64_t until_wall)
{
	char folder[PATH_LEN], path[PATH_LEN], next[PATH_LEN];
	FILE *out;
	int fd, r = make_dirs(state_dir);

	if (!r)
		r = path_of(state_dir, "", "", folder);
	if (!r)
		r = path_of(state_dir, name, TAIL, path);
	if (!r)
		r = path_of(state_dir, name, TAIL "~", next);
	if (r)
		return r;
	fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -errno;
	out = fdopen(fd, "w");
	if (!out) {
		close(fd);
		return -ENOMEM;
	}
	r = write_text(out, name, entries, count, until_wall);
	if (fclose(out) && !r)
		r = -errno;
	if (r) {
		(void)!unlink(next);
		return r;
	}
	return file_replace(next, path, folder);
}

int listcopy_read(const char *state_dir, const char *name, struct cidrlist *ret_list,
		  uint64_t *ret_until_wall)
{
	char path[PATH_LEN], said[64];
	own_free char *text = NULL;
	own_fd int fd = -1;
	unsigned long long until_wall;
	struct cidrlist list;
	size_t len = 0, count;
	int r = path_of(state_dir, name, TAIL, path);

	if (r)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	r = fd < 0 ? -errno : file_read(fd, BYTES_MAX, &text, &len);
	if (r)
		return r;
	if (sscanf(text, "# strazh list 1 %63s %zu %llu", said, &count, &until_wall) != 3 ||
	    strcmp(said, name) != 0)
		return -EBADMSG;
	r = cidrlist_parse(text, len, &list);
	if (r)
		return r < 0 ? r : -EBADMSG;
	if (list.count != count || list.faults_total) {
		cidrlist_deinit(&list);
		return -EBADMSG;
	}
	*ret_list = list;
	*ret_until_wall = until_wall;
	return 0;
}

int listcopy_remove(const char *state_dir, const char *name)
{
	char path[PATH_LEN];
	int r = path_of(state_dir, name, TAIL, path);

	if (r)
		return r;
	return unlink(path) && errno != ENOENT && errno != ENOTDIR ? -errno : 0;
}

int listcopy_names(const char *state_dir, struct listcopy_names *ret_names)
{
	struct listcopy_names names = {0};
	const struct dirent *entry;
	char path[PATH_LEN];
	DIR *dir;
	int r = path_of(state_dir, "", "", path);

	if (r)
		return r;
	dir = opendir(path);
	if (!dir && errno != ENOENT && errno != ENOTDIR)
		return -errno;
	while (dir && names.count < LISTCOPY_MAX && (entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name), tail = strlen(TAIL);

		if (len <= tail || len - tail >= sizeof(names.at[0]) ||
		    strcmp(entry->d_name + len - tail, TAIL) != 0)
			continue;
		(void)snprintf(names.at[names.count++], sizeof(names.at[0]), "%.*s",
			       (int)(len - tail), entry->d_name);
	}
	if (dir)
		closedir(dir);
	*ret_names = names;
	return 0;
}
