/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * strazh bench: sessions in one thread, each with `depth` messages under way to the echo service. A
 * reply queues the next message; all that a turn queued goes out together. With --handshakes each
 * session has one message and is then renewed: connection, handshake and a round trip are one.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <user/client/cli/keys.h>
#include <user/client/cli/latency.h>
#include <user/client/cli/link.h>
#include <user/client/cli/settings.h>

#define EVENTS 64
#define CONNECTIONS_MAX 10000
#define DEPTH_MAX 4096

struct runner {
	struct bench *bench;
	struct strazh *strazh;
	uint32_t sent, received;
	bool up, over;	   /* over: renew it */
	uint64_t begun_ns; /* of the connection */
	uint64_t *sent_ns; /* by request, depth of them */
};

struct bench {
	struct cli *cli;
	uint64_t connections, size, depth, ms;
	bool handshakes, resume;
	int epoll, code;
	struct runner *runners;
	uint64_t *times;
	uint8_t *payload;
	unsigned up;	     /* sessions */
	uint64_t started_ns; /* all are up: it counts from here */
	uint64_t ended_ns, cpu_ns;
	uint64_t done, resumed;
	struct latency latency;
};

static uint64_t cpu_now_ns(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000000U +
	       ((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * 1000U;
}

/* ---- one session ---- */

static void send_some(struct runner *r)
{
	const struct bench *b = r->bench;
	struct strazh_message message = {.service = PH_S_ECHO,
					 .opcode = PH_OP_REQUEST,
					 .priority = PH_NORMAL,
					 .payload = b->payload,
					 .len = b->size};
	uint64_t now = cli_now_ns();

	while (r->up && !r->over && r->sent - r->received < b->depth &&
	       (!b->handshakes || !r->sent)) {
		message.request = r->sent + 1;
		if (strazh_queue(r->strazh, &message)) /* on_room() goes on */
			return;
		r->sent_ns[r->sent++ % b->depth] = now;
	}
}

static void on_message(void *data, const struct strazh_message *m)
{
	struct runner *r = data;
	struct bench *b = r->bench;
	uint64_t now;

	if (m->opcode != PH_OP_REPLY || m->request != r->received + 1 || m->len != b->size) {
		b->code = cli_fail(CLI_ANSWER, "the echo is not what was sent");
		return;
	}
	now = cli_now_ns();
	if (b->started_ns) {
		b->done++;
		latency_add(
			&b->latency,
			now - (b->handshakes ? r->begun_ns : r->sent_ns[r->received % b->depth]));
	}
	r->received++;
	if (b->handshakes)
		r->over = true;
	else
		send_some(r);
}

static void on_state(void *data, enum strazh_state state, const struct strazh_error *why)
{
	struct runner *r = data;
	struct bench *b = r->bench;
	struct strazh_about about;

	if (state == STRAZH_CONNECTING)
		r->begun_ns = cli_now_ns();
	if (state == STRAZH_ENDED && !b->code)
		b->code = cli_fail_error(why);
	r->up = state == STRAZH_UP;
	if (!r->up)
		return;
	strazh_about(r->strazh, &about);
	if (about.sessions == 1 && ++b->up == b->connections) {
		b->started_ns = cli_now_ns();
		b->cpu_ns = cpu_now_ns();
	}
	if (b->started_ns)
		b->resumed += about.resumed;
	send_some(r);
}

static void on_room(void *data)
{
	send_some(data);
}

static int take_turn(struct runner *r)
{
	if (!strazh_on_ready(r->strazh) && !r->over)
		return r->bench->code;
	if (!r->over)
		return cli_fail_error(strazh_error(r->strazh));
	r->over = false;
	r->sent = r->received = 0;
	if (strazh_renew(r->strazh))
		return cli_fail_error(strazh_error(r->strazh));
	return r->bench->code;
}

/* ---- all of them ---- */

static int open_all(struct bench *b)
{
	struct strazh_options options = b->cli->options;
	struct strazh_error error;

	options.reconnects = -1;
	options.no_resume = !b->resume;
	options.on_state = on_state;
	options.on_message = on_message;
	options.on_room = on_room;
	for (uint64_t i = 0; i < b->connections; i++) {
		struct runner *r = &b->runners[i];
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = r};

		r->bench = b;
		r->sent_ns = b->times + i * b->depth;
		options.data = r;
		if (strazh_open(&options, &r->strazh, &error))
			return cli_fail_error(&error);
		if (epoll_ctl(b->epoll, EPOLL_CTL_ADD, strazh_fd(r->strazh), &event))
			return cli_fail(CLI_FAILED, "epoll: %s", strerror(errno));
	}
	return 0;
}

static int run(struct bench *b)
{
	struct epoll_event events[EVENTS];
	uint64_t now_ms, opened = 0;
	sigset_t none;

	sigemptyset(&none);
	while (!cli_stopped()) {
		int n, wait = 100;

		/* One begins when another is up: a server bounds those that are half open. */
		for (; opened < b->connections && opened < b->up + 8U; opened++, wait = 0) {
			int r;

			cli_let_signals(true); /* a name may be looked up */
			r = take_turn(&b->runners[opened]);
			cli_let_signals(false);
			if (r)
				return r;
		}
		now_ms = cli_now_ms();
		if (b->started_ns && now_ms * 1000000 >= b->started_ns + b->ms * 1000000)
			break;
		n = epoll_pwait(b->epoll, events, EVENTS, wait, &none);
		if (n < 0 && errno != EINTR)
			return cli_fail(CLI_FAILED, "epoll: %s", strerror(errno));
		for (int i = 0; i < n; i++) {
			int r = take_turn(events[i].data.ptr);

			if (r)
				return r;
		}
	}
	b->ended_ns = cli_now_ns();
	b->cpu_ns = cpu_now_ns() - b->cpu_ns;
	return 0;
}

static void tell(const struct bench *b)
{
	static const double shares[] = {0.5, 0.9, 0.99, 0.999};
	static const char *const names[] = {"p50", "p90", "p99", "p99_9"};
	double seconds = (double)(b->ended_ns - b->started_ns) / 1e9;
	double rate = (double)b->done / seconds;
	const char *what = b->handshakes ? "handshakes" : "messages";
	struct strazh_about about;

	strazh_about(b->runners[0].strazh, &about);
	if (b->cli->json)
		printf("{\"what\":\"%s\",\"connections\":%ju,\"size\":%ju,\"depth\":%ju,"
		       "\"suite\":\"%s\",\"seconds\":%.3f,\"done\":%ju,\"resumed\":%ju,"
		       "\"per_second\":%.1f,\"client_cpu\":%.3f,\"us\":{",
		       what, (uintmax_t)b->connections, (uintmax_t)b->size, (uintmax_t)b->depth,
		       about.suite, seconds, (uintmax_t)b->done, (uintmax_t)b->resumed, rate,
		       (double)b->cpu_ns / 1e9 / seconds);
	else
		printf("%ju connections, %ju bytes, depth %ju, %s: %ju %s in %.2f s%s\n"
		       "%.0f %s/s, %.1f MB/s each way, this client used %.0f%% of a core\n",
		       (uintmax_t)b->connections, (uintmax_t)b->size, (uintmax_t)b->depth,
		       about.suite, (uintmax_t)b->done, what, seconds,
		       b->resumed ? ", by ticket" : "", rate, what, rate * (double)b->size / 1e6,
		       (double)b->cpu_ns / 1e7 / seconds);
	for (size_t i = 0; i < ARRAY_LEN(shares); i++)
		printf(b->cli->json ? "\"%s\":%.1f," : "%s %.1f us, ", names[i],
		       (double)latency_at(&b->latency, shares[i]) / 1e3);
	printf(b->cli->json ? "\"max\":%.1f}}\n" : "max %.1f us\n",
	       (double)b->latency.max_ns / 1e3);
}

static int prepare(struct bench *b, struct cli *cli)
{
	int r = keys_take(cli);

	b->cli = cli;
	b->epoll = -1;
	b->handshakes = cli->values[OPT_HANDSHAKES];
	b->resume = cli->values[OPT_RESUME];
	if (!r)
		r = settings_number(cli, OPT_CONNECTIONS, 1, 1, CONNECTIONS_MAX, &b->connections);
	if (!r)
		r = settings_number(cli, OPT_SIZE, 64, 0, PH_MESSAGE_MAX, &b->size);
	if (!r)
		r = settings_number(cli, OPT_DEPTH, 1, 1, DEPTH_MAX, &b->depth);
	if (!r)
		r = settings_thousandths(cli, OPT_SECONDS, 5000, 1, 86400000, &b->ms);
	if (!r && b->resume && !b->handshakes)
		r = cli_fail(CLI_USAGE, "--resume is for --handshakes");
	if (r)
		return r;
	b->runners = calloc(b->connections, sizeof(*b->runners));
	b->times = calloc(b->connections * b->depth, sizeof(*b->times));
	b->payload = calloc(1, b->size + 1);
	b->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!b->runners || !b->times || !b->payload || b->epoll < 0)
		return cli_fail(CLI_FAILED, "no memory");
	return 0;
}

int cli_bench(struct cli *cli)
{
	struct bench *b = calloc(1, sizeof(*b));
	int r = b ? prepare(b, cli) : cli_fail(CLI_FAILED, "no memory");

	if (!b)
		return r;
	if (!r)
		r = open_all(b);
	if (!r)
		r = run(b);
	if (!r && b->started_ns)
		tell(b);
	else if (!r)
		r = CLI_FAILED;
	for (uint64_t i = 0; b->runners && i < b->connections; i++)
		strazh_close(b->runners[i].strazh);
	if (b->epoll >= 0)
		close(b->epoll);
	free(b->runners);
	free(b->times);
	free(b->payload);
	free(b);
	return r;
}
