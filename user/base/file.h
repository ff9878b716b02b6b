/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Whole files: read at once, and replaced so that after a power cut there is the old or the new. */
#ifndef STRAZH_USER_BASE_FILE_H
#define STRAZH_USER_BASE_FILE_H

#include <stddef.h>

#include <strazh/base/compiler.h>

/*
 * All of it from its beginning, a NUL behind it that is not counted; free(). -EFBIG: it has more
 * than `most` bytes, or is no file but something that may have no end; -ENOMEM; -errno.
 */
int file_read(int fd, size_t most, char **ret_bytes, size_t *ret_len) must_check;
/* What was made, renamed or removed in the folder is on the disk. 0 or -errno. */
int file_sync_folder(const char *folder) must_check;
/*
 * `next`, synced already, takes the place of `path`; both are in `folder`. 0, or -errno: then
 * `next` is gone, unless it took the place and only that is not certain to be on the disk.
 */
int file_replace(const char *next, const char *path, const char *folder) must_check;

#endif
