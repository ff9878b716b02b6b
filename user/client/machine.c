/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine: DOWN --time--> CONNECTING --socket--> SHAKING --keys--> UP --any failure--> DOWN,
 * and ENDED when it is not to be tried again. machine_turn() does what can be done without waiting
 * and sets the timer for what is left.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <user/client/parts.h>
#include <user/wire/frame.h>

#define RETRY_MIN_MS 100U
#define RETRY_MAX_MS 30000U
#define READ_BURST 8
#define WORK_TRIES (1U << 16) /* of a puzzle, in one turn: some 10 ms */

static void tell(struct strazh *s, enum strazh_state state)
{
	if (s->about.state == state)
		return;
	s->about.state = state;
	if (s->options.on_state)
		s->options.on_state(s->options.data, state, &s->why);
}

/* No events: not even a hang-up, which epoll tells unasked and again and again. */
static int watch(struct strazh *s, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = s->socket};
	int how = !events ? EPOLL_CTL_DEL : s->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (s->added ? events == s->watched : !events)
		return 0;
	if (epoll_ctl(s->epoll, how, s->socket, &event))
		return -errno;
	s->added = events;
	s->watched = events;
	return 0;
}

/* A quarter more or less, so that clients of a server that fell do not come back together. */
static uint64_t pause_ms(unsigned failures)
{
	uint64_t ms = RETRY_MIN_MS;
	uint16_t dice = 0;

	while (--failures && ms < RETRY_MAX_MS)
		ms *= 2;
	ms = MIN(ms, RETRY_MAX_MS);
	(void)!crypto_random(&dice, sizeof(dice));
	return ms * 3 / 4 + ms / 2 * dice / UINT16_MAX;
}

static int set_timer(struct strazh *s)
{
	uint64_t at = s->phase == PHASE_DOWN	? s->retry_ms
		      : s->phase == PHASE_UP	? s->tick_ms
		      : s->phase == PHASE_ENDED ? 0
						: s->deadline_ms;
	struct itimerspec when = {0};

	if (s->phase == PHASE_SHAKING && handshake_next(&s->hs) == HS_NEXT_WRITE)
		at = 1; /* a puzzle: at once again */
	if (at == s->timer_ms)
		return 0;
	s->timer_ms = at;
	when.it_value.tv_sec = (time_t)(at / 1000);
	when.it_value.tv_nsec = (long)(at % 1000 * 1000000);
	return timerfd_settime(s->timer, TFD_TIMER_ABSTIME, &when, NULL) ? -errno : 0;
}

static void disconnect(struct strazh *s)
{
	handshake_deinit(&s->hs);
	session_end(s);
	if (s->socket >= 0)
		close(s->socket);
	s->socket = -1;
	s->added = false;
	s->watched = 0;
	if (s->in)
		wipe(s->in, IN_ROOM);
	if (s->out) /* records are laid out in it before they are sealed */
		wipe(s->out, OUT_ROOM);
	free(s->in);
	free(s->out);
	s->in = s->out = NULL;
	s->in_len = s->out_at = s->out_len = 0;
	s->input_ended = s->no_memory = s->paused = false;
	s->lost++;
	s->phase = PHASE_DOWN;
}

/* Nothing is sent any more: whoever posts is told. */
static void end(struct strazh *s)
{
	s->phase = PHASE_ENDED;
	pthread_mutex_lock(&s->lock);
	s->over = true;
	kept_clear(&s->posted);
	pthread_mutex_unlock(&s->lock);
	tell(s, STRAZH_ENDED);
}

void machine_down(struct strazh *s, const struct strazh_error *why)
{
	struct strazh_error kept = *why;
	bool was_up = s->phase == PHASE_UP;
	bool another = s->phase == PHASE_CONNECTING && s->addresses.next < s->addresses.count;

	if (s->phase == PHASE_SHAKING && s->resuming) {
		/* It may be the ticket: the same attempt goes on with a full handshake. */
		s->has_ticket = false;
		s->addresses.next--;
		another = true;
	}
	disconnect(s);
	s->why = kept;
	if (another) { /* or with the name's next address */
		s->retry_ms = client_now_ms();
		return;
	}
	s->failures = was_up ? 1 : s->failures + 1;
	s->retry_ms = client_now_ms() + pause_ms(s->failures);
	if (s->options.reconnects < 0 ||
	    (s->options.reconnects > 0 && s->failures > (unsigned)s->options.reconnects))
		end(s);
	else
		tell(s, STRAZH_DOWN);
}

int machine_renew(struct strazh *s)
{
	disconnect(s);
	if (s->addresses.next)
		s->addresses.next--; /* it worked */
	s->failures = 0;
	s->retry_ms = client_now_ms();
	s->why = (struct strazh_error){.text = "renewed here"};
	tell(s, STRAZH_DOWN);
	return set_timer(s);
}

static void lose(struct strazh *s, int class, const char *text)
{
	struct strazh_error why = {.class = class};

	snprintf(why.text, sizeof(why.text), "%.250s", text);
	machine_down(s, &why);
}

/* ---- connecting ---- */

static int shake_begin(struct strazh *s)
{
	const struct hs_client *client = &s->hs_client;
	int r;

	s->resuming = s->has_ticket;
	s->hs_client.suite = s->resuming ? PH_RESUME : s->suite;
	s->hs_client.resume = s->resuming ? &s->resume : NULL;
	s->begun_ns = client_now_ns();
	s->in = malloc(IN_ROOM);
	s->out = malloc(OUT_ROOM);
	r = s->in && s->out ? handshake_connect(&s->hs, client) : -ENOMEM;
	if (r)
		lose(s, r, "the handshake cannot begin");
	s->phase = r ? s->phase : PHASE_SHAKING;
	return 0;
}

static void lose_address(struct strazh *s, int error)
{
	char text[sizeof(s->why.text)];

	snprintf(text, sizeof(text), "%.150s port %.20s: %.60s", s->host, s->port, strerror(error));
	lose(s, STRAZH_E_CONNECT, text);
}

static int connected(struct strazh *s)
{
	int one = 1;

	(void)setsockopt(s->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return shake_begin(s);
}

/* Has it come to something? */
static int connecting(struct strazh *s)
{
	struct sockaddr_storage peer;
	socklen_t peer_len = sizeof(peer), len = sizeof(int);
	int error = 0;

	if (getsockopt(s->socket, SOL_SOCKET, SO_ERROR, &error, &len))
		error = errno;
	if (error)
		lose_address(s, error);
	else if (!getpeername(s->socket, (struct sockaddr *)&peer, &peer_len))
		return connected(s);
	return 0;
}

static int connect_next(struct strazh *s)
{
	unsigned n;

	s->deadline_ms = client_now_ms() + (uint64_t)s->options.connect_timeout_ms;
	tell(s, STRAZH_CONNECTING);
	if (s->addresses.next >= s->addresses.count && address_find(s)) {
		struct strazh_error why = s->error;

		machine_down(s, &why);
		return 0;
	}
	n = s->addresses.next++;
	s->phase = PHASE_CONNECTING;
	s->socket = socket(s->addresses.at[n].ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			   0);
	if (s->socket < 0) {
		lose(s, STRAZH_E_CONNECT, strerror(errno));
		return 0;
	}
	if (!connect(s->socket, (const struct sockaddr *)&s->addresses.at[n], s->addresses.len[n]))
		return connected(s);
	if (errno != EINPROGRESS) {
		lose_address(s, errno);
		return 0;
	}
	return watch(s, EPOLLOUT);
}

/* ---- bytes ---- */

/* 0: sent as far as it goes. */
static int push(struct strazh *s)
{
	while (s->out_at < s->out_len) {
		ssize_t n = send(s->socket, s->out + s->out_at, s->out_len - s->out_at,
				 MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		s->out_at += (size_t)n;
	}
	s->out_at = s->out_len = 0;
	return 0;
}

/* False: there is no more now. What comes after a short piece is told by epoll. */
static bool pull(struct strazh *s)
{
	while (s->in_len < IN_ROOM && !s->input_ended) {
		size_t room = IN_ROOM - s->in_len;
		ssize_t n = recv(s->socket, s->in + s->in_len, room, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n <= 0)
			s->input_ended = true;
		else
			s->in_len += (size_t)n;
		if (n > 0 && (size_t)n < room)
			return false;
	}
	return !s->input_ended;
}

static void consume(struct strazh *s, size_t used)
{
	if (used < s->in_len)
		memmove(s->in, s->in + used, s->in_len - used);
	s->in_len -= used;
}

/* ---- the handshake ---- */

static bool is_about_server(int condition)
{
	return condition == HS_BAD || (condition >= HS_CERT && condition <= HS_CERT_TIME);
}

static void shake_failed(struct strazh *s, int r)
{
	if (r > 0)
		lose(s, is_about_server(r) ? STRAZH_E_SERVER : STRAZH_E_PROTOCOL, hs_text(r));
	else
		lose(s, r, strerror(-r));
}

static int shake_write(struct strazh *s)
{
	struct secret32 secret = {{0}};
	bool wanted = handshake_key(&s->hs) >= 0 && s->secret;
	size_t len;
	int r;

	if (s->out_len) /* the server answers what it has not got yet */
		return HS_TYPE;
	r = wanted ? shield_open(s->secret, &secret) : 0;
	if (!r)
		r = handshake_write(&s->hs, s->crypto, wanted ? secret.bytes : NULL, s->out, &len);
	shield_close(&secret);
	if (r)
		return r;
	s->out_len = len;
	(void)!push(s); /* as in take_turn() */
	return 0;
}

static int shake_done(struct strazh *s)
{
	struct session_keys keys;
	int r = handshake_keys(&s->hs, &keys);

	if (!r)
		r = session_begin(s, &keys);
	wipe(&keys, sizeof(keys));
	if (r)
		return r;
	s->phase = PHASE_UP;
	s->failures = 0;
	s->tick_ms = client_now_ms();
	return 0;
}

static int shake_read(struct strazh *s)
{
	struct frame frame;
	size_t n;
	int r = frame_parse(s->in, s->in_len, &frame);

	if (r == FRAME_MORE || (!r && s->in_len < PH_FRAME_HEAD + (size_t)frame.len))
		return -EAGAIN;
	if (r)
		return HS_FRAME;
	n = PH_FRAME_HEAD + (size_t)frame.len;
	r = handshake_read(&s->hs, s->crypto, s->in, n, (uint64_t)time(NULL));
	if (!r)
		consume(s, n);
	return r;
}

/* True: it went on. */
static bool shake_step(struct strazh *s)
{
	bool done = true;
	int r = 0;

	switch (handshake_next(&s->hs)) {
	case HS_NEXT_WRITE:
		r = handshake_work(&s->hs, s->crypto, WORK_TRIES, &done);
		if (!r && done)
			r = shake_write(s);
		break;
	case HS_NEXT_READ:
		r = shake_read(s);
		if (r == -EAGAIN && s->input_ended)
			lose(s, STRAZH_E_REFUSED,
			     "is it the right key and suite (hybrid or not), and may we come?");
		if (r == -EAGAIN)
			return false;
		break;
	case HS_NEXT_DONE:
		r = shake_done(s);
		break;
	case HS_NEXT_NOTHING:
		r = -EINVAL;
	}
	if (r)
		shake_failed(s, r);
	return !r && done && s->phase == PHASE_SHAKING;
}

/* ---- an open session ---- */

static void channel_failed(struct strazh *s, int r)
{
	if (s->no_memory)
		lose(s, -ENOMEM, "no memory for a message");
	else if (r == CHANNEL_CUT || r == CHANNEL_SILENT)
		lose(s, STRAZH_E_LOST, channel_condition_text(r));
	else if (r > 0)
		lose(s, STRAZH_E_PROTOCOL, channel_condition_text(r));
	else
		lose(s, STRAZH_E_LOST, strerror(-r));
}

int machine_write(struct strazh *s)
{
	int r = push(s);

	while (!r && !s->out_len && channel_has_output(&s->channel)) {
		r = channel_write(&s->channel, s->out, OUT_ROOM, client_now_ms(), &s->out_len);
		if (!r && !s->out_len)
			break;
		if (!r)
			r = push(s);
	}
	if (r)
		channel_failed(s, r);
	return 0;
}

static void up_read(struct strazh *s)
{
	size_t used = 0;
	int r = channel_read(&s->channel, s->in, s->in_len, client_now_ms(), &used);

	if (r) {
		channel_failed(s, r);
		return;
	}
	consume(s, used);
}

static void up_step(struct strazh *s)
{
	uint64_t now = client_now_ms();
	bool more = true;
	int r;

	/* A fast server must not keep us from writing. */
	for (unsigned burst = READ_BURST; burst && more && s->phase == PHASE_UP; burst--) {
		more = pull(s);
		up_read(s);
		more = more && s->in_len < IN_ROOM / 2;
	}
	if (s->phase == PHASE_UP && s->input_ended && !s->paused) {
		r = channel_input_ended(&s->channel);
		lose(s, r ? STRAZH_E_LOST : STRAZH_E_CLOSED,
		     r ? channel_condition_text(r) : "the server closed the session");
	}
	if (s->phase == PHASE_UP && now >= s->tick_ms) {
		r = channel_tick(&s->channel, now, &s->tick_ms);
		if (r)
			channel_failed(s, r);
	}
	if (s->phase == PHASE_UP)
		(void)!machine_write(s);
	if (s->phase == PHASE_UP && channel_is_done(&s->channel))
		lose(s, STRAZH_E_CLOSED, "the server closed the session");
}

/* Those that found no room, as room comes. */
static void send_posted(struct strazh *s)
{
	while (s->phase == PHASE_UP && s->post_waits && take_posted(s))
		(void)!machine_write(s);
}

/* ---- a turn ---- */

/* What was queued between turns goes out in one piece, with the next turn. */
int machine_want_turn(struct strazh *s)
{
	bool wanted = !s->turning && !s->options.flushes && s->phase == PHASE_UP;

	return wanted ? watch(s, s->watched | EPOLLOUT) : 0;
}

static int set_watch(struct strazh *s)
{
	uint32_t events = EPOLLIN;

	if (s->socket < 0 || s->phase == PHASE_CONNECTING)
		return 0;
	if (s->out_at < s->out_len)
		events |= EPOLLOUT;
	if (s->in_len == IN_ROOM || s->input_ended)
		events &= ~(uint32_t)EPOLLIN;
	return watch(s, events);
}

static int take_turn(struct strazh *s)
{
	uint64_t now = client_now_ms(), ignored;
	int r = 0;

	if (s->timer_ms && now >= s->timer_ms) {
		(void)!read(s->timer, &ignored, sizeof(ignored));
		s->timer_ms = 0;
	}
	take_wake(s);
	if (s->phase == PHASE_DOWN && now >= s->retry_ms)
		r = connect_next(s);
	if (!r && s->phase == PHASE_CONNECTING)
		r = connecting(s);
	if (!r && s->phase == PHASE_SHAKING) {
		/* What cannot be sent is seen as the end of what comes, after what came before it.
		 */
		(void)!push(s);
		(void)pull(s);
		while (s->phase == PHASE_SHAKING && shake_step(s))
			;
		if (s->phase == PHASE_UP)
			tell(s, STRAZH_UP);
	}
	if (s->phase == PHASE_UP) {
		(void)take_posted(s);
		up_step(s);
		send_posted(s);
	}
	if ((s->phase == PHASE_CONNECTING || s->phase == PHASE_SHAKING) && now >= s->deadline_ms)
		lose(s, STRAZH_E_TIMEOUT, "no session in time");
	if (tell_room(s) && s->phase == PHASE_UP)
		(void)!machine_write(s);
	if (!r)
		r = set_watch(s);
	return r ? r : set_timer(s);
}

int machine_turn(struct strazh *s)
{
	int r;

	if (s->turning) /* a call that waits, from a callback */
		return -EBUSY;
	s->turning = true;
	r = take_turn(s);
	s->turning = false;
	return r;
}

int strazh_flush(struct strazh *s)
{
	int r;

	if (s->turning || s->phase != PHASE_UP || !strazh_queued(s))
		return 0;
	s->turning = true;
	r = machine_write(s);
	send_posted(s);
	if (tell_room(s) && s->phase == PHASE_UP)
		(void)!machine_write(s);
	if (!r)
		r = set_watch(s);
	if (!r)
		r = set_timer(s);
	s->turning = false;
	return r ? note_fault(s, r, "%s", strerror(-r)) : 0;
}

int machine_end(const struct strazh *s)
{
	if (s->phase == PHASE_ENDED)
		return s->why.class ? s->why.class : STRAZH_E_CLOSED;
	return 0;
}

int strazh_on_ready(struct strazh *s)
{
	int r = machine_turn(s);

	return r ? note_fault(s, r, "%s", strerror(-r)) : 0;
}
