/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Unix stream sockets: listen, connect, who is at the other end. */
#ifndef STRAZH_USER_NET_UNIX_H
#define STRAZH_USER_NET_UNIX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <strazh/base/compiler.h>

/*
 * Listen at `path`, mode `mode`, replacing a socket file that is there: the caller has made sure
 * (by a lock) that nobody else listens. Non-blocking. -ENAMETOOLONG when the path does not fit.
 */
int unix_listen(const char *path, mode_t mode, int *ret_fd) must_check;
/* Blocking descriptor. -ENOENT or -ECONNREFUSED: nobody listens. */
int unix_connect(const char *path, int *ret_fd) must_check;

#define UNIX_GROUPS_MAX 64
struct unix_peer {
	pid_t pid;
	uid_t uid;
	size_t groups_len;
	gid_t groups[UNIX_GROUPS_MAX + 1]; /* with the primary one */
};

/* As the kernel recorded it at connect(): no process can lie about it. */
int unix_peer(int fd, struct unix_peer *ret_peer) must_check;
bool unix_peer_in(const struct unix_peer *peer, gid_t group);

/* Send bytes, and with the first of them one descriptor (-1: none). Bytes sent or -errno. */
ssize_t unix_send(int fd, const void *bytes, size_t len, int pass_fd) must_check;
/* Receive bytes, and a descriptor if one came: *ret_fd is set only then. 0: end. */
ssize_t unix_recv(int fd, void *bytes, size_t len, int *ret_fd) must_check;

#endif
