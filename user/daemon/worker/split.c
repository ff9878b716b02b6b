/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#include <user/daemon/worker/split.h>

/* So that a burst of sessions does not fill it before the other side has its turn. */
#define BUFFER (1 << 20)

int split_pair(int ret_fds[2])
{
	int size = BUFFER;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds))
		return -errno;
	for (int i = 0; i < 2; i++)
		(void)setsockopt(ret_fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

int split_send(int fd, const struct split_message *message)
{
	ssize_t n = send(fd, message, sizeof(*message), MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	return n == sizeof(*message) ? 0 : -EIO;
}

/* Whoever wrote them: JSON has no larger numbers, and there are no more sessions than descriptors.
 */
static bool is_possible(const struct split_message *m)
{
	const uint64_t most = INT64_MAX;

	return m->sessions <= UINT32_MAX && m->opened <= most && m->refused <= most &&
	       m->bad <= most && m->pool_threads <= most && m->pool_jobs <= most &&
	       m->pool_full <= most && m->bad_unsaid <= most && m->puzzle <= 64;
}

static int check(const struct split_message *m)
{
	if (m->type < SPLIT_PROVEN || m->type > SPLIT_FIGURES || m->zero)
		return -EBADMSG;
	if (m->type == SPLIT_FIGURES)
		return is_possible(m) ? 0 : -EBADMSG;
	return m->family == 4 || m->family == 6 ? 0 : -EBADMSG;
}

static int check_pace(const struct split_message *m)
{
	return m->type == SPLIT_PACE && m->withheld <= 1000 && m->puzzle <= 64 ? 0 : -EBADMSG;
}

static int receive(int fd, int (*right)(const struct split_message *),
		   struct split_message *ret_message)
{
	struct split_message m;
	ssize_t n = recv(fd, &m, sizeof(m), MSG_DONTWAIT | MSG_TRUNC);
	int r;

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (!n)
		return -EPIPE;
	r = n == sizeof(m) ? right(&m) : -EBADMSG;
	if (!r)
		*ret_message = m;
	return r;
}

int split_receive(int fd, struct split_message *ret_message)
{
	return receive(fd, check, ret_message);
}

int split_hear(int fd, struct split_message *ret_message)
{
	return receive(fd, check_pace, ret_message);
}
