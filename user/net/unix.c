/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/net/unix.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <strazh/base/own.h>

#define UNIX_BACKLOG 64
/* More descriptors than anybody has a reason to send: all but one are closed. */
#define UNIX_FDS_MAX 8

static int address_of(const char *path, struct sockaddr_un *address)
{
	size_t len = strlen(path);

	if (len >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, path, len + 1);
	return 0;
}

int unix_listen(const char *path, mode_t mode, int *ret_fd)
{
	own_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;
	int r = address_of(path, &address);

	if (r)
		return r;
	if (fd < 0)
		return -errno;
	if (unlink(path) && errno != ENOENT)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	if (chmod(path, mode) || listen(fd, UNIX_BACKLOG))
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int unix_connect(const char *path, int *ret_fd)
{
	own_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	int r = address_of(path, &address);

	if (r)
		return r;
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int unix_peer(int fd, struct unix_peer *ret_peer)
{
	struct unix_peer peer = {0};
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	peer.pid = cred.pid;
	peer.uid = cred.uid;
	len = UNIX_GROUPS_MAX * sizeof(peer.groups[0]);
	/* Somebody in more groups than we look at is judged by the primary one. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups, &len) == 0)
		peer.groups_len = len / sizeof(peer.groups[0]);
	peer.groups[peer.groups_len++] = cred.gid;
	*ret_peer = peer;
	return 0;
}

bool unix_peer_in(const struct unix_peer *peer, gid_t group)
{
	for (size_t i = 0; i < peer->groups_len; i++)
		if (peer->groups[i] == group)
			return true;
	return false;
}

ssize_t unix_send(int fd, const void *bytes, size_t len, int pass_fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	if (pass_fd >= 0) {
		struct cmsghdr *header;

		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &pass_fd, sizeof(pass_fd));
	}
	n = sendmsg(fd, &message, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

static void take_descriptors(struct msghdr *message, int *ret_fd)
{
	int kept = -1;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= h->cmsg_len; at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + at, sizeof(fd));
			if (kept >= 0)
				close(kept);
			kept = fd;
		}
	}
	if (kept >= 0)
		*ret_fd = kept;
}

ssize_t unix_recv(int fd, void *bytes, size_t len, int *ret_fd)
{
	union {
		char room[CMSG_SPACE(UNIX_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = {.iov_base = bytes, .iov_len = len};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	take_descriptors(&message, ret_fd);
	return n;
}
