/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership that can be read off a declaration: an `own_` local is released when it goes out of
 * scope, in every path; take_*() is the only way to let it out.
 *
 *	own_fd int fd = open(...);
 *	own_free char *text = NULL;
 *	*ret_fd = take_fd(&fd);
 */
#ifndef STRAZH_BASE_OWN_H
#define STRAZH_BASE_OWN_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <strazh/base/compiler.h>

static inline void own_close_(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void own_release_(void *slot)
{
	void **p = slot;

	free(*p);
}

static inline void own_fclose_(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define own_fd cleanup_with(own_close_)
#define own_free cleanup_with(own_release_)
#define own_file cleanup_with(own_fclose_)

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define take_ptr(p)                                                                                \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

#endif
