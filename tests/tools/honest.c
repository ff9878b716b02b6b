/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The honest client of an echo service: one JSON line a second about how that went.
 *
 * Three kinds of traffic, each at a rate of its own, each reported apart, all in one poll():
 *   requests   a crowd, PER_CONN requests to a connection: what a visitor sees  (kit/crowd.h)
 *   new        a crowd, every request on another connection
 *   held, udp  one long session to each target, over TCP and UDP                (kit/session.h)
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <strazh/base/compiler.h>
#include <tests/tools/kit/crowd.h>
#include <tests/tools/kit/number.h>
#include <tests/tools/kit/session.h>
#include <tests/tools/kit/stop.h>

#define PER_CONN 8
#define CLIENTS 16
#define STRANGERS CROWD_MAX
#define SESSIONS_MAX (2 * TARGETS_MAX)
#define RATE_DEFAULT 100
#define RATE_MAX 20000

static struct {
	struct target target[TARGETS_MAX];
	unsigned int targets;
	struct target from[2]; /* IPv4, IPv6 */
	unsigned int rate, new_rate, held_rate, udp_rate;
	unsigned int seconds, timeout_ms;
	uint16_t port, held_sport;
} want = {.timeout_ms = 1000, .port = 7777};

static struct crowd requests, strangers;
static struct session sessions[SESSIONS_MAX];
static unsigned int session_count;

/* ---- the report ---- */

static void report_requests(void)
{
	samples_sort(&requests.request);
	samples_sort(&requests.connect);
	printf(",\"ok\":%u,\"fail\":%u,\"connects\":%u,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,"
	       "\"connect_p50_us\":%u,\"connect_max_us\":%u",
	       requests.ok, requests.fail, requests.connects, samples_at(&requests.request, 50),
	       samples_at(&requests.request, 99), samples_at(&requests.request, 100),
	       samples_at(&requests.connect, 50), samples_at(&requests.connect, 100));
}

static void report_strangers(void)
{
	samples_sort(&strangers.connect);
	printf(",\"new\":{\"ok\":%u,\"fail\":%u,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u}",
	       strangers.ok, strangers.fail, samples_at(&strangers.connect, 50),
	       samples_at(&strangers.connect, 99), samples_at(&strangers.connect, 100));
}

static void crowd_reset(struct crowd *crowd)
{
	crowd->ok = crowd->fail = crowd->connects = 0;
	crowd->request.len = crowd->connect.len = 0;
}

/* The sessions of one type as one object. */
static void report_sessions(const char *name, int type)
{
	static struct samples all;
	uint64_t sent = 0, again = 0;
	unsigned int ok = 0, lost = 0, broken = 0;

	all.len = 0;
	for (unsigned int i = 0; i < session_count; i++) {
		struct session *session = &sessions[i];
		uint64_t now_sent, now_again;

		if (session->type != type)
			continue;
		session_segments(session, &now_sent, &now_again);
		sent += now_sent;
		again += now_again;
		ok += session->ok;
		lost += session->lost;
		broken += session->broken;
		for (size_t j = 0; j < session->answer.len && all.len < SAMPLES_MAX; j++)
			all.us[all.len++] = session->answer.us[j];
		session->ok = session->lost = session->broken = 0;
		session->answer.len = 0;
	}
	samples_sort(&all);
	printf(",\"%s\":{\"ok\":%u,\"lost\":%u,\"broken\":%u,\"segments\":%llu,\"again\":%llu,"
	       "\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u}",
	       name, ok, lost, broken, (unsigned long long)sent, (unsigned long long)again,
	       samples_at(&all, 50), samples_at(&all, 99), samples_at(&all, 100));
}

static void report(void)
{
	printf("{\"t\":%lld", (long long)time(NULL));
	if (want.rate)
		report_requests();
	if (want.new_rate)
		report_strangers();
	if (want.held_rate)
		report_sessions("held", SOCK_STREAM);
	if (want.udp_rate)
		report_sessions("udp", SOCK_DGRAM);
	printf("}\n");
	fflush(stdout);
	crowd_reset(&requests);
	crowd_reset(&strangers);
}

/* ---- the loop ---- */

static void begin_sessions(int type, unsigned int rate)
{
	for (unsigned int i = 0; rate && i < want.targets; i++)
		session_init(&sessions[session_count++], &want.target[i], type, want.held_sport,
			     rate, want.timeout_ms);
}

static void begin_all(void)
{
	if (want.rate)
		crowd_init(&requests, want.target, want.targets, CLIENTS, want.rate, PER_CONN,
			   want.timeout_ms);
	if (want.new_rate)
		crowd_init(&strangers, want.target, want.targets, STRANGERS, want.new_rate, 1,
			   want.timeout_ms);
	begin_sessions(SOCK_STREAM, want.held_rate);
	begin_sessions(SOCK_DGRAM, want.udp_rate);
}

static uint64_t do_what_is_due(uint64_t now)
{
	uint64_t until = now + NS_PER_S / 10;

	if (want.rate)
		until = MIN(until, crowd_on_time(&requests, now));
	if (want.new_rate)
		until = MIN(until, crowd_on_time(&strangers, now));
	for (unsigned int i = 0; i < session_count; i++)
		until = MIN(until, session_on_time(&sessions[i], now));
	return until;
}

static void wait_for_events(uint64_t until_ns)
{
	struct pollfd fds[2 * CROWD_MAX + SESSIONS_MAX];
	uint64_t now = now_ns();
	struct timespec patience = {.tv_nsec = until_ns > now ? (long)(until_ns - now) : 0};
	nfds_t used = 0;

	if (want.rate) {
		crowd_poll(&requests, fds);
		used = CLIENTS;
	}
	if (want.new_rate) {
		crowd_poll(&strangers, fds + used);
		used += STRANGERS;
	}
	for (unsigned int i = 0; i < session_count; i++)
		session_poll(&sessions[i], &fds[used++]);
	if (ppoll(fds, used, &patience, NULL) <= 0)
		return;
	used = 0;
	if (want.rate) {
		crowd_on_events(&requests, fds);
		used = CLIENTS;
	}
	if (want.new_rate) {
		crowd_on_events(&strangers, fds + used);
		used += STRANGERS;
	}
	for (unsigned int i = 0; i < session_count; i++)
		session_on_events(&sessions[i], &fds[used++]);
}

static void run(void)
{
	uint64_t tell = now_ns() + NS_PER_S;
	unsigned int told = 0;

	begin_all();
	while (!stop && (!want.seconds || told < want.seconds)) {
		/* A tenth of a second at most, and never past somebody's time. */
		uint64_t until = do_what_is_due(now_ns());

		wait_for_events(MIN(until, tell));
		if (now_ns() >= tell) {
			report();
			tell += NS_PER_S;
			told++;
		}
	}
	if (stop)
		report();
}

/* ---- the command line ---- */

static void usage(FILE *to)
{
	fputs("usage: honest --to ADDRESS [--to ADDRESS]... [options]\n"
	      "Send small requests to an echo service at a steady rate, compare every byte of the\n"
	      "answers and write one JSON line a second.\n"
	      "  -t, --to ADDRESS      IPv4 or IPv6 address; up to 4, used by turns\n"
	      "  -f, --from ADDRESS    under this address; again for the other family\n"
	      "  -p, --port N          port there (default 7777)\n"
	      "  -s, --seconds N       stop after so many lines (default: at SIGTERM or Ctrl-C)\n"
	      "  -w, --timeout-ms N    a request without an answer by then failed (default 1000)\n"
	      "What to do, and what is told of it; each N requests a second, at most 20000:\n"
	      "  -r, --rate N          eight requests a connection (default, 100: ok, fail,\n"
	      "                        connects, latencies in us)\n"
	      "  -n, --new N           one request a connection (new: ok, fail, latencies of\n"
	      "                        the handshake)\n"
	      "  -h, --held N          one long TCP connection to each --to, N each (held: ok,\n"
	      "                        lost, broken, segments, those sent again, latencies)\n"
	      "  -u, --udp N           the same over UDP (udp)\n"
	      "  -P, --held-sport N    source port of --held and --udp\n",
	      to);
}

static void add_target(const char *text)
{
	struct target *target = &want.target[want.targets];

	if (want.targets == TARGETS_MAX) {
		fprintf(stderr, "honest: --to '%s': more than %d addresses\n", text, TARGETS_MAX);
		exit(2);
	}
	target_parse("--to", text, &target->to, &target->len);
	want.targets++;
}

static void add_from(const char *text)
{
	struct target from = {0};

	target_parse("--from", text, &from.from, &from.len);
	want.from[from.from.ss_family == AF_INET6] = from;
}

static void set_ends(void)
{
	for (unsigned int i = 0; i < want.targets; i++) {
		struct target *target = &want.target[i];

		target_set_port(&target->to, want.port);
		target->from = want.from[target->to.ss_family == AF_INET6].from;
	}
	if (!want.new_rate && !want.held_rate && !want.udp_rate && !want.rate)
		want.rate = RATE_DEFAULT;
}

static void parse_option(int option)
{
	switch (option) {
	case 't':
		add_target(optarg);
		break;
	case 'f':
		add_from(optarg);
		break;
	case 'p':
		want.port = (uint16_t)number_parse("--port", optarg, 65535);
		break;
	case 'P':
		want.held_sport = (uint16_t)number_parse("--held-sport", optarg, 65535);
		break;
	case 'r':
		want.rate = number_parse("--rate", optarg, RATE_MAX);
		break;
	case 'n':
		want.new_rate = number_parse("--new", optarg, RATE_MAX);
		break;
	case 'h':
		want.held_rate = number_parse("--held", optarg, RATE_MAX);
		break;
	case 'u':
		want.udp_rate = number_parse("--udp", optarg, RATE_MAX);
		break;
	case 's':
		want.seconds = number_parse("--seconds", optarg, 86400);
		break;
	case 'w':
		want.timeout_ms = number_parse("--timeout-ms", optarg, 60000);
		break;
	default:
		usage(option == '?' ? stderr : stdout);
		exit(option == '?' ? 2 : 0);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"to", required_argument, NULL, 't'},
		{"from", required_argument, NULL, 'f'},
		{"port", required_argument, NULL, 'p'},
		{"held-sport", required_argument, NULL, 'P'},
		{"rate", required_argument, NULL, 'r'},
		{"new", required_argument, NULL, 'n'},
		{"held", required_argument, NULL, 'h'},
		{"udp", required_argument, NULL, 'u'},
		{"seconds", required_argument, NULL, 's'},
		{"timeout-ms", required_argument, NULL, 'w'},
		{"help", no_argument, NULL, 'H'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "t:f:p:P:r:n:h:u:s:w:H", options, NULL)) != -1)
		parse_option(option);
	if (!want.targets || optind < argc) {
		usage(stderr);
		return 2;
	}
	set_ends();
	stop_by_signals();
	run();
	return 0;
}
