/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A session beside bursts of handshakes, with and without the crypto pool. Connections are there
 * and their hellos are made before they are sent, all at once, and nobody looks into the answers:
 * so the burst costs the clients little while it is measured. The session sends a message each half
 * millisecond, whether the one before has come back or not, and counts from when it should have
 * been sent: a server that stands still is late for each of them.
 *
 * The server may run on every processor, the clients on the last one. With two processors the
 * threads of the pool and the clients share one: with more there would be more to gain.
 */
#include <tests/bench/wire/bench.h>
#include <tests/bench/wire/talk.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BURST 200
#define BURSTS 25
#define TURNS 3 /* of both servers, one after the other */
#define PINGS 80
#define STEP_S 0.0005
#define PAUSE_S 0.03
#define TRIPS (PINGS * BURSTS)
#define BODY_LEN 64

struct storm {
	struct talk *talk;
	struct line *session;
	int epoll;
	int fds[BURST];
	double begun;		       /* the hellos have been sent, and the first message is due */
	double thrown;		       /* the first hello */
	unsigned sent, came, answered; /* in this burst */
	double trips[TRIPS];
	unsigned trips_len;
	struct samples lasted;
};

static void on_message(struct line *line, const struct ph_message *message)
{
	struct storm *s = line->talk->user;
	double due = s->begun + s->came++ * STEP_S;

	(void)message;
	s->trips[s->trips_len++] = (now_s() - due) * 1e6;
}

/* Those that were answered, once each. */
static void look(struct storm *s)
{
	struct epoll_event events[BURST];
	int n = epoll_wait(s->epoll, events, BURST, 0);

	if (n <= 0)
		return;
	s->answered += (unsigned)n;
	if (s->answered == BURST)
		samples_add(&s->lasted, (now_s() - s->thrown) * 1e3);
}

static void prepare(struct storm *s, uint8_t frames[BURST][HS_FRAME_LEN], size_t *ret_len)
{
	for (unsigned i = 0; i < BURST; i++) {
		struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};
		struct handshake hs;

		s->fds[i] = dial(s->talk->rig->port);
		if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->fds[i], &event))
			die("epoll_ctl: %s", strerror(errno));
		if (handshake_connect(&hs, &s->talk->client) ||
		    handshake_write(&hs, s->talk->crypto, NULL, frames[i], ret_len))
			die("no hello");
		handshake_deinit(&hs);
	}
}

static void pause_a_while(struct storm *s)
{
	double begin = now_s();

	while (now_s() - begin < PAUSE_S)
		(void)talk_turn(s->talk, 5);
}

static void one_burst(struct storm *s)
{
	static const struct timespec nap = {.tv_nsec = 50000};
	static const uint8_t body[BODY_LEN];
	static uint8_t frames[BURST][HS_FRAME_LEN];
	size_t len = 0;

	prepare(s, frames, &len);
	pause_a_while(s);
	s->sent = s->came = s->answered = 0;
	s->thrown = now_s();
	for (unsigned i = 0; i < BURST; i++)
		if (send(s->fds[i], frames[i], len, MSG_NOSIGNAL) != (ssize_t)len)
			die("send: %s", strerror(errno));
	s->begun = now_s();
	while (s->came < PINGS || s->answered < BURST) {
		if (now_s() - s->begun > 10)
			die("%u of %d handshakes were answered", s->answered, BURST);
		for (; s->sent < PINGS && now_s() >= s->begun + s->sent * STEP_S; s->sent++)
			line_send(s->session, &(struct ph_message){.service = PH_S_ECHO,
								   .priority = PH_NORMAL,
								   .payload = body,
								   .len = sizeof(body)});
		(void)talk_turn(s->talk, 0);
		look(s);
		(void)nanosleep(&nap, NULL);
	}
	for (unsigned i = 0; i < BURST; i++)
		close(s->fds[i]);
}

static struct storm *storm_new(const struct rig *rig)
{
	struct storm *s = calloc(1, sizeof(*s));

	if (!s)
		die("no memory");
	s->talk = talk_new(rig);
	s->talk->user = s;
	s->talk->on_message = on_message;
	s->session = lines_open(s->talk, 1);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0)
		die("epoll: %s", strerror(errno));
	return s;
}

static void storm_free(struct storm *s)
{
	close(s->epoll);
	lines_close(s->session, 1);
	talk_free(s->talk);
	free(s);
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Two servers, which take turns so that neither has the quieter machine. */
struct side {
	struct rig rig;
	const char *name;
	struct samples p99s, lasted;
};

static void turn(struct side *side)
{
	struct storm *s = storm_new(&side->rig);

	for (unsigned i = 0; i < BURSTS; i++)
		one_burst(s);
	qsort(s->trips, s->trips_len, sizeof(double), compare);
	samples_add(&side->p99s, s->trips[s->trips_len * 99 / 100]);
	samples_add(&side->lasted, samples_at(&s->lasted, 50));
	say("%s: half of the messages within %.0f us, 99 in 100 within %.0f us, all within %.0f "
	    "us; %d handshakes in %.1f ms",
	    side->name, s->trips[s->trips_len / 2], s->trips[s->trips_len * 99 / 100],
	    s->trips[s->trips_len - 1], BURST, samples_at(&s->lasted, 50));
	storm_free(s);
}

static void tell(const char *name, const char *unit, struct samples *on, struct samples *off)
{
	report(name, samples_at(on, 50), unit, "without the crypto pool",
	       samples_at(off, 50) / samples_at(on, 50), on);
}

void bench_burst(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	struct side on = {.name = "with the pool"}, off = {.name = "without"};

	want_descriptors(BURST + 256);
	pin((int)processors - 1);
	(void)prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);
	on.rig = rig_helped((unsigned)processors);
	off.rig = rig_helped(0);
	for (unsigned i = 0; i < TURNS; i++) {
		turn(&off);
		turn(&on);
	}
	rig_stop(&on.rig, NULL);
	rig_stop(&off.rig, NULL);
	tell("wire.p99_beside_burst_us", "us", &on.p99s, &off.p99s);
	tell("wire.burst_200_ms", "ms", &on.lasted, &off.lasted);
}
