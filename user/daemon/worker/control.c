/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/daemon/worker/control.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <user/wire/text.h>

union room {
	char bytes[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

int control_pair(int ret_fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) ? -errno : 0;
}

int control_send(int fd, const struct control_message *message, const int *fds, size_t fds_len)
{
	struct control_message copy = *message;
	struct iovec part = {&copy, sizeof(copy)};
	struct msghdr letter = {.msg_iov = &part, .msg_iovlen = 1};
	union room room = {{0}};
	ssize_t n;

	if (fds_len > CONTROL_FDS_MAX)
		return -EINVAL;
	if (fds_len) {
		struct cmsghdr *head;

		letter.msg_control = room.bytes;
		letter.msg_controllen = CMSG_SPACE(fds_len * sizeof(int));
		head = CMSG_FIRSTHDR(&letter);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(fds_len * sizeof(int));
		memcpy(CMSG_DATA(head), fds, fds_len * sizeof(int));
	}
	n = sendmsg(fd, &letter, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : 0;
}

/* All that came with it, so that none is lost. */
static size_t take_fds(struct msghdr *letter, int fds[CONTROL_FDS_MAX])
{
	size_t len = 0;

	for (struct cmsghdr *head = CMSG_FIRSTHDR(letter); head; head = CMSG_NXTHDR(letter, head)) {
		size_t n;

		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		n = MIN((head->cmsg_len - CMSG_LEN(0)) / sizeof(int), CONTROL_FDS_MAX - len);
		memcpy(fds + len, CMSG_DATA(head), n * sizeof(int));
		len += n;
	}
	return len;
}

int control_receive(int fd, struct control_message *ret_message, int ret_fds[CONTROL_FDS_MAX],
		    size_t *ret_fds_len)
{
	struct control_message message;
	struct iovec part = {&message, sizeof(message)};
	union room room;
	struct msghdr letter = {.msg_iov = &part,
				.msg_iovlen = 1,
				.msg_control = room.bytes,
				.msg_controllen = sizeof(room.bytes)};
	ssize_t n;

	do
		n = recvmsg(fd, &letter, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n ? -errno : -EPIPE;
	*ret_fds_len = take_fds(&letter, ret_fds);
	if (n == sizeof(message) && !(letter.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		*ret_message = message;
		return 0;
	}
	for (size_t i = 0; i < *ret_fds_len; i++)
		close(ret_fds[i]);
	*ret_fds_len = 0;
	return -EBADMSG;
}

int control_answer(int fd, const struct control_answer *answer)
{
	ssize_t n = send(fd, answer, sizeof(*answer), MSG_NOSIGNAL);

	return n < 0 ? -errno : 0;
}

/* Ends, and can stand in JSON and on a terminal. */
static void clean(char *text, size_t size)
{
	text[size - 1] = '\0';
	if (text_clean(text, strlen(text)))
		return;
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

/* Whoever wrote it: texts that can be shown, and no more faults than fit. */
static void bound(struct control_answer *answer)
{
	struct config_faults *faults = &answer->faults;

	clean(answer->text, sizeof(answer->text));
	faults->total = MIN(faults->total, (size_t)CONFIG_FAULTS_MAX);
	for (size_t i = 0; i < CONFIG_FAULTS_MAX; i++) {
		struct config_fault *fault = &faults->list[i];

		clean(fault->where, sizeof(fault->where));
		clean(fault->key, sizeof(fault->key));
		clean(fault->why, sizeof(fault->why));
	}
	if (answer->r == CONFIG_WRONG ? !faults->total : answer->r > 0 || answer->r < -4095)
		answer->r = -EBADMSG;
}

int control_hear(int fd, struct control_answer *ret_answer)
{
	ssize_t n = recv(fd, ret_answer, sizeof(*ret_answer), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (!n)
		return -EPIPE;
	if (n != sizeof(*ret_answer))
		return -EBADMSG;
	bound(ret_answer);
	return 0;
}
