/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that wait: turns of the machine until what is waited for is there. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#include <user/client/parts.h>

static uint64_t end_of(int64_t timeout_ms)
{
	return timeout_ms < 0 ? UINT64_MAX : client_now_ms() + (uint64_t)timeout_ms;
}

/* One turn, and the wait for the next. 0, or why there is no use in going on. */
static int turn(struct strazh *s, uint64_t until_ms)
{
	struct pollfd fd = {.fd = s->epoll, .events = POLLIN};
	uint64_t now = client_now_ms();
	int r;

	if (now >= until_ms)
		return note_fault(s, STRAZH_E_TIMEOUT, "the time is up%s%.200s",
				  s->why.class ? "; last: " : "", s->why.text);
	if (poll(&fd, 1, (int)MIN(until_ms - now, 1000)) < 0 && errno != EINTR)
		return note_fault(s, -errno, "poll: %s", strerror(errno));
	r = machine_turn(s);
	if (r)
		return note_fault(s, r, "%s", strerror(-r));
	if (machine_end(s)) {
		s->error = s->why;
		return machine_end(s);
	}
	return 0;
}

static int begin(struct strazh *s)
{
	int r = machine_turn(s);

	if (r)
		return note_fault(s, r, "%s", strerror(-r));
	if (machine_end(s))
		s->error = s->why;
	return machine_end(s);
}

int strazh_connect(struct strazh *s, int64_t timeout_ms)
{
	uint64_t until = end_of(timeout_ms);
	int r = begin(s);

	while (!r && s->phase != PHASE_UP)
		r = turn(s, until);
	return r;
}

int strazh_send(struct strazh *s, const struct strazh_message *message, int64_t timeout_ms)
{
	uint64_t until = end_of(timeout_ms), lost;
	int r = strazh_connect(s, timeout_ms), q = 0;

	lost = s->lost; /* a message that waits for room in this session is not for the next */
	while (!r && s->lost == lost && (q = machine_queue(s, message)) == STRAZH_E_FULL)
		r = turn(s, until);
	if (!r && q && s->lost == lost)
		return note_fault(s, q, "%s", strazh_class_text(q));
	if (!r)
		r = begin(s);
	while (!r && strazh_queued(s) && s->lost == lost)
		r = turn(s, until);
	if (!r && s->lost != lost) {
		s->error = s->why;
		return s->error.class = STRAZH_E_LOST;
	}
	return r;
}

static void lend(struct strazh *s, struct kept *kept, struct strazh_message *ret_message)
{
	free(s->lent);
	s->lent = kept;
	*ret_message = kept->message;
}

int strazh_receive(struct strazh *s, int64_t timeout_ms, struct strazh_message *ret_message)
{
	uint64_t until = end_of(timeout_ms);
	struct kept *kept;
	int r = s->inbox.first ? 0 : begin(s);

	while (!r && !s->inbox.first)
		r = turn(s, until);
	if (!s->inbox.first)
		return r;
	kept = kept_take(&s->inbox);
	if (s->paused && s->inbox.bytes < INBOX_MAX / 2) {
		s->paused = false;
		channel_resume(&s->channel, client_now_ms());
	}
	lend(s, kept, ret_message);
	return 0;
}

static int answered(struct strazh *s, struct strazh_message *ret_reply)
{
	struct kept *kept = take_ptr(s->answer);
	struct ph_error error;

	lend(s, kept, ret_reply);
	if (kept->message.opcode != PH_OP_ERROR)
		return 0;
	if (error_parse(kept->payload, kept->message.len, &error))
		return note_fault(s, STRAZH_E_PROTOCOL, "the server's error cannot be read");
	note_fault(s, STRAZH_E_ANSWER, "%s: %.*s", code_text(error.code), (int)error.len,
		   error.text);
	s->error.code = error.code;
	return STRAZH_E_ANSWER;
}

int strazh_request(struct strazh *s, struct strazh_message *message, int64_t timeout_ms,
		   struct strazh_message *ret_reply)
{
	uint64_t until = end_of(timeout_ms), lost;
	int r;

	if (s->turning) /* from a callback; another request may be under way */
		return note_fault(s, -EBUSY, "not from a callback");
	if (!message->request) {
		s->next_request = s->next_request == UINT32_MAX ? 1 : s->next_request + 1;
		message->request = s->next_request;
	}
	s->request = message->request;
	r = strazh_send(s, message, timeout_ms);
	lost = s->lost;
	while (!r && !s->answer && s->lost == lost)
		r = s->paused ? note_fault(s, STRAZH_E_FULL, "messages wait to be received")
			      : turn(s, until);
	s->request = 0;
	if (s->answer)
		return answered(s, ret_reply);
	if (!r) {
		s->error = s->why;
		r = s->error.class = STRAZH_E_LOST;
	}
	return r;
}

int strazh_ping(struct strazh *s, int64_t timeout_ms, uint64_t *ret_ns)
{
	struct strazh_message ping = {.service = PH_S_ECHO, .opcode = PH_OP_REQUEST}, reply;
	uint64_t begun;
	int r = strazh_connect(s, timeout_ms);

	if (r)
		return r;
	begun = client_now_ns();
	ping.payload = &begun;
	ping.len = sizeof(begun);
	ping.priority = PH_URGENT;
	r = strazh_request(s, &ping, timeout_ms, &reply);
	if (r)
		return r;
	if (reply.len != sizeof(begun) || memcmp(reply.payload, &begun, sizeof(begun)) != 0)
		return note_fault(s, STRAZH_E_PROTOCOL, "the echo is not what was sent");
	*ret_ns = client_now_ns() - begun;
	return 0;
}
