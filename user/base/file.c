/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/base/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <strazh/base/own.h>

int file_read(int fd, size_t most, char **ret_bytes, size_t *ret_len)
{
	own_free char *bytes = NULL;
	struct stat st;
	size_t len = 0;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < 0 || (uint64_t)st.st_size > most)
		return -EFBIG;
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	while (len < (size_t)st.st_size) {
		ssize_t n = pread(fd, bytes + len, (size_t)st.st_size - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) /* it was cut meanwhile */
			break;
		len += (size_t)n;
	}
	bytes[len] = '\0';
	*ret_bytes = take_ptr(bytes);
	*ret_len = len;
	return 0;
}

int file_sync_folder(const char *folder)
{
	own_fd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? -errno : 0;
}

int file_replace(const char *next, const char *path, const char *folder)
{
	if (rename(next, path)) {
		int r = -errno;

		(void)!unlink(next);
		return r;
	}
	return file_sync_folder(folder);
}
