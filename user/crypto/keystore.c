/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files on disk. What is written stands complete, synced, in a file with a random name in the
 * same folder before it takes its name; a crash leaves that file or nothing. KEYFILE_NEW takes the
 * name with RENAME_NOREPLACE, so of two writers one is told; where a file system has no such
 * thing, by a hard link.
 */
#include <user/crypto/keyfile.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <strazh/base/own.h>

#define KEY_MODE 0600
#define CERT_MODE 0644
#define OTHERS (S_IRWXG | S_IRWXO)
#define PART ".strazh-"
#define NAME_LEN 64 /* of the file before it has its name */

/* ---- reading ---- */

int keyfile_open(const char *path, int *ret_fd)
{
	/* Not waiting for the writer of a pipe. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/* secret: KEYFILE_EXPOSED where others may do anything with it. */
static int check_file(int fd, bool secret)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return KEYFILE_IRREGULAR;
	return secret && st.st_mode & OTHERS ? KEYFILE_EXPOSED : 0;
}

/* At most `size` bytes; *ret_len is `size` also where there are more. */
static int read_some(int fd, char *text, size_t size, size_t *ret_len)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = pread(fd, text + len, size - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

static int read_text(int fd, bool secret, char *text, size_t size, size_t *ret_len)
{
	int r = check_file(fd, secret);

	return r ? r : read_some(fd, text, size, ret_len);
}

/* A text that fills the buffer is longer than any that keyfile_emit() makes. */
static int too_long(struct keyfile_fault *ret_fault)
{
	*ret_fault = (struct keyfile_fault){1, "the file is too long"};
	return KEYFILE_MALFORMED;
}

int keyfile_read_fd(int fd, struct keyfile *ret_file, struct keyfile_fault *ret_fault)
{
	char text[KEYFILE_TEXT_MAX];
	size_t len = 0;
	int r = read_text(fd, true, text, sizeof(text), &len);

	if (!r)
		r = len < sizeof(text) ? keyfile_parse(text, len, ret_file, ret_fault)
				       : too_long(ret_fault);
	wipe(text, sizeof(text));
	return r;
}

int keyfile_read(const char *path, struct keyfile *ret_file, struct keyfile_fault *ret_fault)
{
	own_fd int fd = -1;
	int r = keyfile_open(path, &fd);

	return r ? r : keyfile_read_fd(fd, ret_file, ret_fault);
}

int certfile_read_fd(int fd, uint8_t ret_bytes[KEYFILE_CERT_MAX], size_t *ret_len,
		     struct keyfile_fault *ret_fault)
{
	char text[KEYFILE_TEXT_MAX];
	size_t len = 0;
	int r = read_text(fd, false, text, sizeof(text), &len);

	if (r)
		return r;
	return len < sizeof(text) ? certfile_parse(text, len, ret_bytes, ret_len, ret_fault)
				  : too_long(ret_fault);
}

int certfile_read(const char *path, uint8_t ret_bytes[KEYFILE_CERT_MAX], size_t *ret_len,
		  struct keyfile_fault *ret_fault)
{
	own_fd int fd = -1;
	int r = keyfile_open(path, &fd);

	return r ? r : certfile_read_fd(fd, ret_bytes, ret_len, ret_fault);
}

int keyfile_read_passphrase_fd(int fd, char ret_passphrase[KEYFILE_PASSPHRASE_MAX], size_t *ret_len)
{
	char text[KEYFILE_PASSPHRASE_MAX + 2]; /* its newline, and one to see that there is more */
	size_t len = 0, line;
	int r = read_text(fd, true, text, sizeof(text), &len);

	if (!r) {
		const char *end = memchr(text, '\n', len);

		line = end ? (size_t)(end - text) : len;
		r = line && line <= KEYFILE_PASSPHRASE_MAX ? 0 : -ERANGE;
	}
	if (!r) {
		memcpy(ret_passphrase, text, line);
		*ret_len = line;
	}
	wipe(text, sizeof(text));
	return r;
}

int keyfile_read_passphrase(const char *path, char ret_passphrase[KEYFILE_PASSPHRASE_MAX],
			    size_t *ret_len)
{
	own_fd int fd = -1;
	int r = keyfile_open(path, &fd);

	return r ? r : keyfile_read_passphrase_fd(fd, ret_passphrase, ret_len);
}

/* ---- writing ---- */

struct place {
	int folder;
	const char *name; /* in the folder */
	char part[NAME_LEN];
};

static int place_open(const char *path, struct place *ret_place)
{
	const char *slash = strrchr(path, '/');
	own_free char *folder = slash ? strndup(path, MAX((size_t)(slash - path), 1U))
				      : strdup(".");
	uint8_t random[8];
	int r;

	if (!folder)
		return -ENOMEM;
	ret_place->name = slash ? slash + 1 : path;
	if (!ret_place->name[0])
		return -EISDIR;
	r = crypto_random(random, sizeof(random));
	if (r)
		return r;
	(void)snprintf(ret_place->part, sizeof(ret_place->part),
		       PART "%02x%02x%02x%02x%02x%02x%02x%02x", random[0], random[1], random[2],
		       random[3], random[4], random[5], random[6], random[7]);
	ret_place->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return ret_place->folder < 0 ? -errno : 0;
}

static int write_part(const struct place *place, const char *text, size_t len, mode_t mode)
{
	own_fd int fd = openat(place->folder, place->part,
			       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0)
		return -errno;
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	/* Whatever the umask says. */
	return fchmod(fd, mode) || fsync(fd) ? -errno : 0;
}

static int take_new_name(const struct place *place)
{
	if (!renameat2(place->folder, place->part, place->folder, place->name, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno == EEXIST ? (int)KEYFILE_EXISTS : -errno;
	if (linkat(place->folder, place->part, place->folder, place->name, 0))
		return errno == EEXIST ? (int)KEYFILE_EXISTS : -errno;
	return unlinkat(place->folder, place->part, 0) ? -errno : 0;
}

static int take_name(const struct place *place, enum keyfile_write how)
{
	if (how == KEYFILE_NEW)
		return take_new_name(place);
	return renameat(place->folder, place->part, place->folder, place->name) ? -errno : 0;
}

static int write_text(const char *path, const char *text, size_t len, mode_t mode,
		      enum keyfile_write how)
{
	struct place place = {.folder = -1};
	int r = place_open(path, &place);

	if (r)
		return r;
	r = write_part(&place, text, len, mode);
	if (!r)
		r = take_name(&place, how);
	if (r)
		(void)unlinkat(place.folder, place.part, 0);
	else if (fsync(place.folder))
		r = -errno;
	close(place.folder);
	return r;
}

int keyfile_write(const char *path, const struct keyfile *file, enum keyfile_write how)
{
	char text[KEYFILE_TEXT_MAX];
	size_t len = keyfile_emit(file, text);
	int r = write_text(path, text, len, KEY_MODE, how);

	wipe(text, sizeof(text));
	return r;
}

int certfile_write(const char *path, const uint8_t *bytes, size_t len, enum keyfile_write how)
{
	char text[KEYFILE_TEXT_MAX];
	int r = certfile_emit(bytes, len, text);

	return r ? r : write_text(path, text, strlen(text), CERT_MODE, how);
}

/* ---- those of before ---- */

/* NAME.old-0123456789abcdef */
static bool is_old(const char *entry, const char *name)
{
	const size_t len = strlen(name), mark = strlen(KEYFILE_OLD);

	return strncmp(entry, name, len) == 0 && strncmp(entry + len, KEYFILE_OLD, mark) == 0 &&
	       strspn(entry + len + mark, "0123456789abcdef") == KEYFILE_ID_TEXT_LEN - 1 &&
	       !entry[len + mark + KEYFILE_ID_TEXT_LEN - 1];
}

static int gather(DIR *folder, const char *path, const char *name, struct keyfile_olds *olds)
{
	const struct dirent *entry;

	while (olds->count < KEYFILE_OLDS_MAX) {
		errno = 0;
		entry = readdir(folder);
		if (!entry)
			return -errno;
		if (!is_old(entry->d_name, name))
			continue;
		if (asprintf(&olds->paths[olds->count], "%.*s%s", (int)(name - path), path,
			     entry->d_name) < 0)
			return -ENOMEM;
		olds->count++;
	}
	return 0;
}

int keyfile_olds(const char *path, struct keyfile_olds *ret_olds)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	own_free char *where = slash ? strndup(path, (size_t)(name - path)) : strdup(".");
	struct keyfile_olds olds = {0};
	DIR *folder;
	int r;

	if (!where)
		return -ENOMEM;
	folder = opendir(where);
	if (!folder)
		return -errno;
	r = gather(folder, path, name, &olds);
	closedir(folder);
	if (r)
		keyfile_olds_free(&olds);
	else
		*ret_olds = olds;
	return r;
}

void keyfile_olds_free(struct keyfile_olds *olds)
{
	for (size_t i = 0; i < olds->count; i++)
		free(olds->paths[i]);
	*olds = (struct keyfile_olds){0};
}
