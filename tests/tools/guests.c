/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Clients of the secured server, by libstrazh, each under an address of its own or many behind one.
 *
 *	guests   keep a session and ask the echo service at a rate, or in bursts
 *	new      connections at a rate, from the same addresses by turns: a session, one request,
 *		 and good-bye
 *
 * Lost is a request of a guest that had been served before and was not answered in time, were it
 * for want of a session: such a guest comes again after AGAIN_MS. New is every session that is
 * opened, the first ones and those of who comes again included; failed is one that is not there in
 * time or whose first request is not answered. With --strangers each connection has another client
 * key.
 *
 * Jain is the index of fairness over the addresses: of each, what part of all its requests and
 * sessions was answered. Least is that of the address that fared worst.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include <strazh/base/compiler.h>
#include <strazh/client.h>
#include <strazh/wire/phantom.h>
#include <tests/tools/kit/caller.h>
#include <tests/tools/kit/options.h>
#include <tests/tools/kit/samples.h>
#include <tests/tools/kit/stop.h>
#include <tests/unit/guard/jain.h>

#define GUESTS_MAX 4096
#define ASKED_MAX 64
#define AGAIN_MS 500
#define BEFORE_MS 1500 /* no new request after this before the end */

static struct {
	const char *to;
	uint8_t key[OPTIONS_KEY_LEN];
	bool strangers;
	struct callers callers;
	unsigned int guests, arrive_ms, rate, burst, new_rate, seconds, timeout_ms;
} want = {.guests = 0, .arrive_ms = 1, .rate = 1, .burst = 1, .seconds = 10, .timeout_ms = 5000};

struct guest {
	struct strazh *client;
	uint32_t number;
	bool passes;  /* one of the new: gone after its request */
	bool served;  /* was answered once, in whatever session */
	bool greeted; /* the session that is */
	double begun_ms, next_ms;
	uint32_t asked;		    /* requests of this session */
	double asked_ms[ASKED_MAX]; /* by number, modulo; 0: answered or given up */
};

static struct guest guests[GUESTS_MAX + ASKED_MAX];
static unsigned int arrivals, news;
static struct {
	unsigned int ok, lost, broken, new_ok, new_fail;
	char why[128]; /* of the first failure */
} told;
static struct {
	unsigned int asked, got;
} sources[CALLERS_MAX];
static struct samples answers;
static int epoll_fd;

static void die(const char *what)
{
	fprintf(stderr, "guests: %s\n", what);
	exit(1);
}

/* ---- one guest ---- */

static void count(const struct guest *guest, unsigned int *told_of, bool got)
{
	uint32_t source = guest->number % MAX(want.callers.count, 1U);

	(*told_of)++;
	sources[source].asked++;
	sources[source].got += got;
}

static void ask(struct guest *guest)
{
	struct strazh_message message = {.service = PH_S_ECHO,
					 .opcode = PH_OP_REQUEST,
					 .payload = &guest->number,
					 .len = sizeof(guest->number)};
	double *slot;

	message.request = ++guest->asked;
	slot = &guest->asked_ms[message.request % ASKED_MAX];
	if (*slot || strazh_queue(guest->client, &message))
		count(guest, &told.lost, false);
	else
		*slot = caller_now_ms();
}

static void on_state(void *data, enum strazh_state state, const struct strazh_error *why)
{
	struct guest *guest = data;

	if (state == STRAZH_UP)
		ask(guest);
	else if (state == STRAZH_ENDED && why && !told.why[0])
		(void)snprintf(told.why, sizeof(told.why), "%.120s", why->text);
}

static void on_message(void *data, const struct strazh_message *message)
{
	struct guest *guest = data;
	double *slot = &guest->asked_ms[message->request % ASKED_MAX];

	if (!*slot || message->len != sizeof(guest->number) ||
	    memcmp(message->payload, &guest->number, sizeof(guest->number)) != 0)
		return;
	samples_add(&answers, (uint64_t)(*slot * 1e6));
	*slot = 0;
	if (!guest->greeted) {
		guest->greeted = guest->served = true;
		count(guest, &told.new_ok, true);
	} else {
		count(guest, &told.ok, true);
	}
}

/* What takes a while and says nothing to the server: of guests, before the first one comes. */
static void prepare(struct guest *guest, uint32_t number)
{
	uint8_t secret[32];
	struct strazh_options options = {
		.address = want.to,
		.server_key = want.key,
		.no_resume = true,
		.connect_timeout_ms = want.timeout_ms,
		.reconnects = -1,
		.queue_bytes = 65536,
		.on_state = on_state,
		.on_message = on_message,
		.data = guest,
	};
	struct strazh_error error;

	if (want.strangers) {
		if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
			die("no random bytes");
		options.client_key = secret;
	}
	guest->number = number;
	if (strazh_open(&options, &guest->client, &error))
		die(error.text);
}

static void come(struct guest *guest)
{
	struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = guest}};

	guest->asked = 0;
	guest->greeted = false;
	memset(guest->asked_ms, 0, sizeof(guest->asked_ms));
	guest->begun_ms = caller_now_ms();
	if (!guest->served)
		guest->next_ms = guest->begun_ms + 1e3 / want.rate;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, strazh_fd(guest->client), &event))
		die(strerror(errno));
	caller_is(&want.callers, guest->number);
	(void)!strazh_on_ready(guest->client);
}

/* Its session is over, for whatever reason: what was asked and not answered is lost. */
static void close_session(struct guest *guest)
{
	for (unsigned int i = 0; i < ASKED_MAX; i++)
		if (guest->greeted && guest->asked_ms[i])
			count(guest, &told.lost, false);
	if (!guest->greeted)
		count(guest, &told.new_fail, false);
	(void)epoll_ctl(epoll_fd, EPOLL_CTL_DEL, strazh_fd(guest->client), NULL);
	strazh_close(guest->client);
	guest->client = NULL;
}

/* A guest that was served before and has no session now loses what it would ask. */
static void on_due(struct guest *guest, double now)
{
	guest->next_ms += 1e3 / want.rate * want.burst;
	if (guest->next_ms < now)
		guest->next_ms = now;
	for (unsigned int i = 0; i < want.burst; i++) {
		if (guest->client && guest->greeted)
			ask(guest);
		else if (guest->served)
			count(guest, &told.lost, false);
	}
}

static void give_up_late(struct guest *guest, double now)
{
	for (unsigned int i = 0; i < ASKED_MAX; i++) {
		if (!guest->asked_ms[i] || now - guest->asked_ms[i] < want.timeout_ms)
			continue;
		guest->asked_ms[i] = 0;
		if (guest->greeted)
			count(guest, &told.lost, false);
	}
}

static void look_after(struct guest *guest, double now, bool asks)
{
	struct strazh_about about;

	if (asks && !guest->passes && now >= guest->next_ms)
		on_due(guest, now);
	if (!guest->client) {
		if (asks && !guest->passes && now - guest->begun_ms >= AGAIN_MS) {
			prepare(guest, guest->number);
			come(guest);
		}
		return;
	}
	give_up_late(guest, now);
	strazh_about(guest->client, &about);
	if (guest->passes && guest->greeted) {
		close_session(guest);
	} else if (about.state == STRAZH_ENDED || about.state == STRAZH_DOWN ||
		   (!guest->greeted && now - guest->begun_ms > want.timeout_ms)) {
		told.broken += guest->greeted;
		close_session(guest);
	}
}

/* ---- all of them ---- */

static void arrive(double now, double begin_ms)
{
	while (arrivals < want.guests &&
	       now - begin_ms >= (double)want.arrive_ms * arrivals / want.guests)
		come(&guests[arrivals++]);
}

/* In the places behind the guests. */
static void come_and_go(double now, double begin_ms)
{
	for (unsigned int i = GUESTS_MAX; i < ARRAY_LEN(guests); i++) {
		if (news >= (now - begin_ms) / 1e3 * want.new_rate)
			return;
		if (guests[i].client)
			continue;
		guests[i].passes = true;
		prepare(&guests[i], news++);
		come(&guests[i]);
	}
}

static void look_after_all(double now, bool asks)
{
	for (unsigned int i = 0; i < arrivals; i++)
		look_after(&guests[i], now, asks);
	for (unsigned int i = GUESTS_MAX; i < ARRAY_LEN(guests); i++)
		if (guests[i].client)
			look_after(&guests[i], now, asks);
}

static void run(void)
{
	double begin_ms = caller_now_ms(), end_ms = begin_ms + want.seconds * 1e3, now;
	struct epoll_event events[256];
	double looked_ms = 0;

	while ((now = caller_now_ms()) < end_ms && !stop) {
		bool asks = now < end_ms - BEFORE_MS;
		int n;

		arrive(now, begin_ms);
		if (asks && want.new_rate)
			come_and_go(now, begin_ms);
		if (now - looked_ms >= 5) {
			look_after_all(now, asks);
			looked_ms = now;
		}
		n = epoll_wait(epoll_fd, events, ARRAY_LEN(events), 2);
		for (int i = 0; i < n; i++) {
			struct guest *guest = events[i].data.ptr;

			caller_is(&want.callers, guest->number);
			(void)!strazh_on_ready(guest->client);
		}
	}
	look_after_all(now, false);
	for (unsigned int i = 0; i < ARRAY_LEN(guests); i++)
		if (guests[i].client && guests[i].begun_ms > 0)
			close_session(&guests[i]);
}

/* Of who asked anything: in a short run not everybody does. */
static unsigned int share(double shares[CALLERS_MAX], double *ret_least)
{
	unsigned int len = 0;

	*ret_least = 1;
	for (unsigned int i = 0; i < CALLERS_MAX; i++) {
		if (!sources[i].asked)
			continue;
		shares[len] = (double)sources[i].got / sources[i].asked;
		*ret_least = MIN(*ret_least, shares[len]);
		len++;
	}
	return len;
}

static void report(double begin_ms)
{
	static double shares[CALLERS_MAX];
	double least;
	unsigned int len = share(shares, &least);

	samples_sort(&answers);
	printf("{\"begin_ms\":%.1f,\"guests\":%u,\"held\":{\"ok\":%u,\"lost\":%u,\"broken\":%u},"
	       "\"new\":{\"ok\":%u,\"fail\":%u},\"p50_us\":%u,\"p99_us\":%u,\"sources\":%u,"
	       "\"jain\":%.6f,\"least\":%.4f,\"why\":\"%s\"}\n",
	       begin_ms, arrivals, told.ok, told.lost, told.broken, told.new_ok, told.new_fail,
	       samples_at(&answers, 50), samples_at(&answers, 99), len,
	       told.ok + told.new_ok ? jain_index(shares, len) : 0, least, told.why);
}

/* ---- the command line ---- */

static const char usage[] =
	"usage: guests --to ADDRESS:PORT --key HEX [--from ADDRESS [--sources N] [--step N]]\n"
	"  [--guests N [--arrive MS] [--rate N [--burst N]]] [--new N] [--seconds N]\n"
	"  [--timeout-ms N] [--strangers]\n";

static const struct tool_option options[] = {
	{.name = "to", .text = &want.to, .needed = true},
	{.name = "key", .key = want.key, .needed = true},
	OPTION_FROM(want.callers),
	OPTION_SOURCES(want.callers),
	OPTION_STEP(want.callers),
	{.name = "guests", .number = &want.guests, .most = GUESTS_MAX},
	{.name = "arrive", .number = &want.arrive_ms, .most = 600000},
	{.name = "rate", .number = &want.rate, .most = 1000},
	{.name = "burst", .number = &want.burst, .most = ASKED_MAX - 1},
	{.name = "new", .number = &want.new_rate, .most = 10000},
	{.name = "seconds", .number = &want.seconds, .most = 3600},
	{.name = "timeout-ms", .number = &want.timeout_ms, .most = 60000},
	{.name = "strangers", .flag = &want.strangers},
	{0},
};

int main(int argc, char **argv)
{
	double begin_ms;

	options_parse(argc, argv, options, usage);
	stop_by_signals();
	caller_room((want.guests + ASKED_MAX) * 6);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		die(strerror(errno));
	for (unsigned int i = 0; i < want.guests; i++)
		prepare(&guests[i], i);
	begin_ms = caller_now_ms();
	run();
	report(begin_ms);
	return 0;
}
