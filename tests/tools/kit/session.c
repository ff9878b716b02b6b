/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A message carries its number in its first eight bytes, the rest follows from it; each is a packet
 * of its own (MSG_EOR), so that losses of packets can be counted. A stream gives the answers in
 * order; of datagrams each finds its own request.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include <tests/tools/kit/session.h>

#define RETRY_NS (100 * NS_PER_MS)
#define BURST_MAX 10 /* one segment holds as many */

static void compose(const struct session *session, uint64_t number,
		    unsigned char ret_message[MESSAGE_LEN])
{
	message_compose(session->sport, number, ret_message);
	memcpy(ret_message, &number, sizeof(number));
}

static void open_socket(struct session *session, uint64_t now)
{
	session->fd = target_connect(session->target, session->type, session->sport);
	session->connecting = session->fd >= 0 && session->type == SOCK_STREAM;
	session->retry_ns = now + RETRY_NS;
	session->partial_len = 0;
	session->segments_before = session->retrans_before = 0;
}

/* What is under way gets no answer any more. */
static void break_off(struct session *session)
{
	uint64_t ignored[2];

	session_segments(session, &ignored[0], &ignored[1]);
	if (session->fd >= 0)
		close(session->fd);
	session->fd = -1;
	session->broken++;
	session->retry_ns = now_ns() + RETRY_NS;
	for (; session->oldest < session->newest; session->oldest++)
		session->lost += session->sent_ns[session->oldest % SESSION_FLIGHT] != 0;
	session->expected = session->newest;
}

static void request(struct session *session, uint64_t now)
{
	unsigned char message[MESSAGE_LEN];
	ssize_t sent = -1;

	if (session->newest - session->oldest == SESSION_FLIGHT || session->fd < 0 ||
	    session->connecting) {
		session->lost++;
		return;
	}
	compose(session, session->newest, message);
	sent = send(session->fd, message, MESSAGE_LEN, MSG_NOSIGNAL | MSG_EOR);
	if (sent == MESSAGE_LEN) {
		session->sent_ns[session->newest++ % SESSION_FLIGHT] = now;
		return;
	}
	session->lost++;
	/* A datagram that did not go is lost; half a message spoils a stream. */
	if (session->type == SOCK_STREAM && (sent > 0 || errno != EAGAIN))
		break_off(session);
}

/* Lost is what is older than the deadline. */
static void judge(struct session *session, uint64_t now)
{
	for (; session->oldest < session->newest; session->oldest++) {
		uint64_t sent_ns = session->sent_ns[session->oldest % SESSION_FLIGHT];

		if (sent_ns && now - sent_ns < session->timeout_ns)
			return;
		session->lost += sent_ns != 0;
	}
}

/* true: it is the answer to a request of ours. */
static bool take_answer(struct session *session, const unsigned char answer[MESSAGE_LEN])
{
	unsigned char wanted[MESSAGE_LEN];
	uint64_t number, *sent_ns;

	memcpy(&number, answer, sizeof(number));
	compose(session, number, wanted);
	if (memcmp(answer, wanted, MESSAGE_LEN) || number >= session->newest ||
	    (session->type == SOCK_STREAM && number != session->expected))
		return false;
	session->expected = number + 1;
	sent_ns = &session->sent_ns[number % SESSION_FLIGHT];
	if (number < session->oldest || !*sent_ns)
		return true;
	samples_add(&session->answer, *sent_ns);
	session->ok++;
	*sent_ns = 0;
	return true;
}

static void receive(struct session *session)
{
	for (;;) {
		ssize_t got = recv(session->fd, session->partial + session->partial_len,
				   MESSAGE_LEN - session->partial_len, 0);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0 && session->type == SOCK_STREAM) {
			break_off(session);
			return;
		}
		/* Nobody listened a moment ago: the deadline tells. */
		if (got < 0)
			return;
		session->partial_len += (size_t)got;
		if (session->partial_len < MESSAGE_LEN && session->type == SOCK_STREAM)
			continue;
		if (!take_answer(session, session->partial) && session->type == SOCK_STREAM) {
			break_off(session);
			return;
		}
		session->partial_len = 0;
	}
}

static void connected(struct session *session)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(session->fd, SOL_SOCKET, SO_ERROR, &error, &len) || error)
		break_off(session);
	else
		session->connecting = false;
}

void session_init(struct session *session, const struct target *target, int type, uint16_t sport,
		  unsigned int rate, unsigned int timeout_ms)
{
	session->target = target;
	session->type = type;
	session->sport = sport;
	session->every_ns = NS_PER_S / rate;
	session->timeout_ns = timeout_ms * NS_PER_MS;
	session->next_ns = now_ns() + RETRY_NS;
	open_socket(session, now_ns());
}

uint64_t session_on_time(struct session *session, uint64_t now)
{
	if (session->fd < 0 && now >= session->retry_ns)
		open_socket(session, now);
	/* A client that was held up itself does not make up for it with a burst. */
	if (now > session->next_ns + BURST_MAX * session->every_ns)
		session->next_ns = now;
	for (; now >= session->next_ns; session->next_ns += session->every_ns)
		request(session, now);
	judge(session, now);
	return session->next_ns;
}

void session_poll(const struct session *session, struct pollfd *ret_fd)
{
	*ret_fd = (struct pollfd){
		.fd = session->fd,
		.events = session->connecting ? POLLOUT : POLLIN,
	};
}

void session_on_events(struct session *session, const struct pollfd *fd)
{
	if (!fd->revents || session->fd < 0)
		return;
	if (session->connecting)
		connected(session);
	else
		receive(session);
}

void session_segments(struct session *session, uint64_t *ret_sent, uint64_t *ret_again)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	*ret_sent = *ret_again = 0;
	if (session->type != SOCK_STREAM || session->fd < 0 ||
	    getsockopt(session->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return;
	*ret_sent = info.tcpi_data_segs_out - session->segments_before;
	*ret_again = info.tcpi_total_retrans - session->retrans_before;
	session->segments_before = info.tcpi_data_segs_out;
	session->retrans_before = info.tcpi_total_retrans;
}
